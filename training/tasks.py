"""Celery's side: ids in, one service call out. A message is a doorbell; what is to be done stands in the database."""

import logging
import mmap
from typing import Any
from uuid import UUID

from celery import current_app, shared_task
from celery.signals import worker_ready, worker_shutting_down
from django.utils import timezone
from kombu.exceptions import OperationalError

from training.execution import run_execute
from training.models import TrainingRun
from training.services import run_sweep

logger = logging.getLogger(__name__)

PUBLISH_SECONDS = 2  # a click must not wait for a broker that is away

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


@shared_task(name="training.tasks.sweep")  # type: ignore[untyped-decorator]
def sweep() -> None:
    for run_id in run_sweep():
        enqueue(run_id)


@worker_ready.connect  # type: ignore[untyped-decorator]
def sweep_at_start(**_: Any) -> None:
    """What was left when the last worker stopped goes on at once."""
    _publish(sweep)


def enqueue(run_id: UUID) -> bool:
    """Rings for a run; False if the broker is away, and then the sweep rings later. Call it after the commit."""
    if not _publish(run_train, str(run_id)):
        return False
    TrainingRun.objects.filter(pk=run_id).update(last_enqueued_at=timezone.now())
    return True


def _publish(task: Any, *arguments: str) -> bool:
    options = {
        **(current_app.conf.broker_transport_options or {}),
        "socket_timeout": PUBLISH_SECONDS,
        "socket_connect_timeout": PUBLISH_SECONDS,
        "max_retries": 0,
    }
    try:
        with current_app.connection_for_write(connect_timeout=PUBLISH_SECONDS, transport_options=options) as connection:
            task.apply_async(arguments, connection=connection, retry=False)
    except OperationalError as error:
        logger.warning("The broker is away (%s); the sweep rings again.", error)
        return False
    return True
