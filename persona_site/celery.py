"""The Celery application: a doorbell. What is to be done stands in the database."""

import logging
import os
import warnings
from typing import Any

from celery import Celery
from celery.signals import setup_logging

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "persona_site.settings")

# Said at each start on machines where root is the only user; messages are JSON, which no code hides in.
warnings.filterwarnings("ignore", message=".*superuser privileges")

app = Celery("persona_site")
app.config_from_object("django.conf:settings", namespace="CELERY")
app.autodiscover_tasks()


@setup_logging.connect  # type: ignore[untyped-decorator]
def keep_logging(loglevel: int | None = None, **_: Any) -> None:
    """Django's LOGGING holds in workers, too: Celery's own handlers would print what ours leave out."""
    logging.getLogger().setLevel(loglevel or logging.WARNING)
