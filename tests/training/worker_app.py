"""Celery's app for worker processes of the tests: the test's database and folders, and perhaps the fake trainer.

`celery -A tests.training.worker_app worker` with TEST_DATABASE, TEST_FOLDER and, for the fake, FAKE_TRAINER set.
"""

import os
import sys
from pathlib import Path

os.environ["DJANGO_SETTINGS_MODULE"] = "persona_site.settings"

from celery.signals import worker_init
from django.conf import settings

settings.DATABASES["default"]["NAME"] = os.environ["TEST_DATABASE"]
settings.RUNS_DIR = Path(os.environ["TEST_FOLDER"]) / "runs"
settings.MODELS_DIR = Path(os.environ["TEST_FOLDER"]) / "models"
if "ENGINE_TEST_CACHE" in os.environ:  # a base model that is converted already
    settings.BASE_DIR_CACHE = Path(os.environ["ENGINE_TEST_CACHE"])
settings.CELERY_BEAT_SCHEDULE["sweep"] |= {"schedule": 2.0, "options": {"expires": 2}}

from persona_site.celery import app  # noqa: E402, F401


@worker_init.connect
def use_fake_trainer(**_):
    from training.providers import PROVIDERS
    from training.providers.local import LocalProvider

    if "FAKE_TRAINER" in os.environ:
        PROVIDERS["local"] = LocalProvider([sys.executable, str(Path(__file__).with_name("fake_trainer.py"))])
