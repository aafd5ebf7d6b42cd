"""The Celery application: a doorbell. What is to be done stands in the database."""

import os
import warnings

from celery import Celery

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "persona_site.settings")

# Said at each start on machines where root is the only user; messages are JSON, which no code hides in.
warnings.filterwarnings("ignore", message=".*superuser privileges")

app = Celery("persona_site")
app.config_from_object("django.conf:settings", namespace="CELERY")
app.autodiscover_tasks()
