"""Celery's side: ids in, one service call out. A message is a doorbell; what is to be done stands in the database."""

import logging
import mmap
import os
import signal
import threading
import time
from contextlib import suppress
from datetime import timedelta
from typing import Any
from uuid import UUID

import psutil
from celery import shared_task
from celery.signals import celeryd_after_setup, worker_ready, worker_shutting_down
from django.db import connection
from django.utils import timezone

from questionnaires.doorbell import publish as _publish
from training.charges import charges_settle
from training.execution import run_execute
from training.exports import export_make
from training.hosts import ANNOUNCE_SECONDS, QUEUE, host_announce, memory_here, queue_of, queues_of
from training.models import LOCAL, PersonaModel, TrainingRun
from training.storage import StoreAway
from training.store_upkeep import store_clear
from training.sweeping import run_sweep
from training.trials import trial_run

logger = logging.getLogger(__name__)

NEW = 6  # the priority of a training that has not begun
LONGEST_COUNTDOWN = 60.0  # seconds; for longer ones the sweep rings
BEAT_LOOK_SECONDS = 5.0

# One byte that the worker's parent process shares with the forked children: without a lock, so a signal handler can
# set it and a killed child cannot leave it locked.
_shutdown = mmap.mmap(-1, 1)


@worker_shutting_down.connect  # type: ignore[untyped-decorator]
def announce_shutdown(**_: Any) -> None:
    _shutdown[0] = 1


def is_shutting_down() -> bool:
    return bool(_shutdown[0])


@shared_task(name="training.tasks.run_train")  # type: ignore[untyped-decorator]
def run_train(run_id: str) -> None:
    run_execute(run_id=UUID(run_id), should_pause=is_shutting_down)


@shared_task(name="training.tasks.run_remote")  # type: ignore[untyped-decorator]
def run_remote(run_id: str) -> None:
    """A look at a training elsewhere. In the queue `io`, so that a training here does not keep it waiting."""
    again_in = run_execute(run_id=UUID(run_id), should_pause=is_shutting_down)
    if again_in is not None and again_in <= LONGEST_COUNTDOWN:
        enqueue(UUID(run_id), countdown=again_in)


@shared_task(name="training.tasks.try_speed", queue="train")  # type: ignore[untyped-decorator]
def try_speed(base_model: str) -> None:
    """On the trainer's queue: a trial beside a training would measure half a computer."""
    trial_run(base_model=base_model)


@shared_task(name="training.tasks.make_export")  # type: ignore[untyped-decorator]
def make_export(version_id: str, kind: str) -> None:
    """A file of a version; nothing if the version is gone by now."""
    if version := PersonaModel.objects.filter(pk=version_id).first():
        export_make(version=version, kind=kind)


@shared_task(name="training.tasks.sweep")  # type: ignore[untyped-decorator]
def sweep() -> None:
    for run_id in run_sweep():
        enqueue(run_id)
    charges_settle()


@shared_task(name="training.tasks.clear_store")  # type: ignore[untyped-decorator]
def clear_store() -> None:
    """What is left in the store of rows that are gone; while it is away, the next hour does it."""
    with suppress(StoreAway):
        store_clear()


@worker_ready.connect  # type: ignore[untyped-decorator]
def end_without_beat(sender: Any, **_: Any) -> None:
    """The embedded beat is a child that Celery does not restart, and without it no lost run is found: when it is gone,
    the worker ends in good order, and whoever supervises it starts both again.
    """
    beat = getattr(sender.controller, "beat", None)
    if beat is not None:
        threading.Thread(target=_watch, args=(beat.pid,), daemon=True).start()


def _watch(pid: int) -> None:
    while _lives(pid):
        time.sleep(BEAT_LOOK_SECONDS)
    if not is_shutting_down():
        logger.error("The beat is gone; this worker ends, to be started again with a new one.")
        os.kill(os.getpid(), signal.SIGTERM)


def _lives(pid: int) -> bool:
    try:
        return psutil.Process(pid).status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


@celeryd_after_setup.connect  # type: ignore[untyped-decorator]
def listen_to_what_fits(instance: Any, **_: Any) -> None:
    """A worker that trains takes also what needs more memory, up to what this machine has."""
    queues = instance.app.amqp.queues
    if QUEUE in queues.consume_from:
        for name in queues_of(memory_here())[1:]:
            queues.select_add(name)


@worker_ready.connect  # type: ignore[untyped-decorator]
def announce_machine(sender: Any, **_: Any) -> None:
    if QUEUE in sender.app.amqp.queues.consume_from:
        threading.Thread(target=_announce_until_the_end, daemon=True).start()


def _announce_until_the_end() -> None:
    while not is_shutting_down():
        host_announce()
        connection.close()
        time.sleep(ANNOUNCE_SECONDS)


@worker_ready.connect  # type: ignore[untyped-decorator]
def sweep_at_start(**_: Any) -> None:
    """What was left when the last worker stopped goes on at once."""
    _publish(sweep)


def enqueue(run_id: UUID, *, countdown: float = 0.0) -> bool:
    """Rings for a run; False if the broker is away, and then the sweep rings later. Call it after the commit."""
    run = TrainingRun.objects.filter(pk=run_id)
    found = run.only("provider", "base_model", "started_at").first()
    rung_at = timezone.now() + timedelta(seconds=countdown)
    if found is not None and found.provider == LOCAL:
        priority = NEW if found.started_at is None else 0  # one that lost its machine does not wait for all the others
        taken = _publish(run_train, str(run_id), countdown=countdown, queue=queue_of(found), priority=priority)
    else:
        taken = _publish(run_remote, str(run_id), countdown=countdown)
    if not taken:
        return False
    run.update(last_enqueued_at=rung_at)
    return True


def enqueue_trial(base_model: str) -> bool:
    """Rings for a trial; False if the broker is away."""
    return _publish(try_speed, base_model)


def enqueue_export(version_id: UUID, kind: str) -> bool:
    """Rings for a file of a version; False if the broker is away."""
    return _publish(make_export, str(version_id), kind)
