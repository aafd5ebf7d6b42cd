"""Celery's app for worker processes of the tests: the test's database and folders, and perhaps the fake trainer.

`celery -A tests.training.worker_app worker` with TEST_DATABASE, TEST_FOLDER and, for the fake, FAKE_TRAINER set.
WORKER_TUNING (JSON: lease, heartbeat, sweep, looks, fastest, in seconds) makes waiting shorter, and KILL_FILE names a
file with "N before" or "N after": the process that is about to commit a run's N-th news, or just did, removes the file
and kills itself.
"""

import json
import os
import signal
import sys
from collections import Counter
from datetime import timedelta
from pathlib import Path

os.environ["DJANGO_SETTINGS_MODULE"] = "persona_site.settings"

from celery.signals import worker_init
from django.conf import settings

TUNING = json.loads(os.environ.get("WORKER_TUNING", "{}"))
settings.DATABASES["default"]["NAME"] = os.environ["TEST_DATABASE"]
settings.RUNS_DIR = Path(os.environ["TEST_FOLDER"]) / "runs"
settings.MODELS_DIR = Path(os.environ["TEST_FOLDER"]) / "models"
if "ENGINE_TEST_CACHE" in os.environ:  # a base model that is converted already
    settings.BASE_DIR_CACHE = Path(os.environ["ENGINE_TEST_CACHE"])
if "TEST_SEALING_KEY" in os.environ:  # so that it can read the keys that the test sealed
    settings.SEALING_KEY = os.environ["TEST_SEALING_KEY"]
SWEEP = TUNING.get("sweep", 2.0)
settings.CELERY_BEAT_SCHEDULE["sweep"] |= {"schedule": SWEEP, "options": {"expires": max(2, SWEEP)}}

from persona_site.celery import app  # noqa: E402, F401


@worker_init.connect
def use_fake_trainer(**_):
    from training.providers import PROVIDERS
    from training.providers.local import LocalProvider

    if "FAKE_TRAINER" in os.environ:
        PROVIDERS["local"] = LocalProvider([sys.executable, str(Path(__file__).with_name("fake_trainer.py"))])


@worker_init.connect
def hurry(**_):
    from training import execution, leases
    from training.providers import remote_polling, remote_submission

    for module in (execution, leases):
        if "lease" in TUNING:
            module.LEASE = timedelta(seconds=TUNING["lease"])
    if "heartbeat" in TUNING:
        leases.HEARTBEAT = timedelta(seconds=TUNING["heartbeat"])
    if "looks" in TUNING:
        remote_submission.LOOKS = remote_polling.LOOKS = tuple(TUNING["looks"])
    if "fastest" in TUNING:
        remote_polling.FASTEST_SECONDS = remote_polling.SLOWEST_SECONDS = TUNING["fastest"]


@worker_init.connect
def die_at_a_commit(**_):
    from training import execution

    if "KILL_FILE" not in os.environ:
        return
    real, file, commits = execution.run_record, Path(os.environ["KILL_FILE"]), Counter()

    def die(run, moment):
        try:
            number, when = file.read_text().split()
        except (FileNotFoundError, ValueError):
            return
        if (int(number), when) == (commits[run.pk], moment):
            file.unlink()
            os.kill(os.getpid(), signal.SIGKILL)

    def record(*, claim, update):
        if update.remote is not None and update.remote != claim.run.remote:
            commits[claim.run.pk] += 1
            die(claim.run, "before")
            real(claim=claim, update=update)
            die(claim.run, "after")
        else:
            real(claim=claim, update=update)

    execution.run_record = record
