"""Celery's application of a train machine in the campaign: the site's own, with the trainer of some seconds."""

import sys
from pathlib import Path
from typing import Any

from celery.signals import worker_init

from persona_site.celery import app  # noqa: F401


@worker_init.connect  # type: ignore[untyped-decorator]
def use_stand_in(**_: Any) -> None:
    from training.providers import PROVIDERS
    from training.providers.local import LocalProvider

    PROVIDERS["local"] = LocalProvider([sys.executable, str(Path(__file__).with_name("stand_in_trainer.py"))])
