"""Celery's side of operations."""

from celery import shared_task
from celery.signals import worker_ready
from django.utils import timezone

from operations import backup_tasks  # a worker looks for tasks here alone
from operations.models import Pulse
from operations.readiness import CANARY
from questionnaires.doorbell import publish

__all__ = ["backup_tasks", "canary"]


@shared_task(name="operations.tasks.canary")  # type: ignore[untyped-decorator]
def canary() -> None:
    """Shows that beat, the broker, a worker and the database work in a row."""
    Pulse.objects.update_or_create(name=CANARY, defaults={"at": timezone.now()})


@worker_ready.connect  # type: ignore[untyped-decorator]
def canary_at_start(**_: object) -> None:
    publish(canary)
