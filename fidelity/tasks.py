"""Celery's side: ids in, one service call out. A message is a doorbell; what is to be done stands in the database.

Reports ring in the queue `io`, in slices of ten minutes: whatever else waits there gets its turn, and a training has
its own queue. While one trains here, reports wait.
"""

from __future__ import annotations

from datetime import timedelta
from uuid import UUID

from celery import shared_task
from django.utils import timezone

from fidelity import friend_tasks  # a worker looks for tasks here alone
from fidelity.execution import report_execute
from fidelity.leases import workable
from fidelity.models import Report
from fidelity.sweeping import report_sweep, reports_begin
from questionnaires.doorbell import publish as _publish
from training.tasks import is_shutting_down

__all__ = ["enqueue", "friend_tasks", "ring_next", "run_report", "sweep"]


@shared_task(name="fidelity.tasks.run_report")  # type: ignore[untyped-decorator]
def run_report(report_id: str) -> None:
    again_in = report_execute(report_id=UUID(report_id), should_stop=is_shutting_down)
    if again_in is not None and not is_shutting_down():
        enqueue(UUID(report_id), countdown=again_in)
    elif not Report.objects.filter(pk=report_id, state__in=Report.ACTIVE).exists():
        ring_next()


@shared_task(name="fidelity.tasks.sweep")  # type: ignore[untyped-decorator]
def sweep() -> None:
    reports_begin()
    for report_id in report_sweep():
        enqueue(report_id)


def ring_next() -> None:
    """The report that waited for this one's end goes on at once."""
    waiting = Report.objects.filter(workable(timezone.now()), lease_until=None).order_by("created_at")
    if report_id := waiting.values_list("pk", flat=True).first():
        enqueue(report_id)


def enqueue(report_id: UUID, *, countdown: float = 0.0) -> bool:
    """Rings for a report; False if the broker is away, and then the sweep rings later. Call it after the commit."""
    rung_at = timezone.now() + timedelta(seconds=countdown)
    if not _publish(run_report, str(report_id), countdown=countdown):
        return False
    Report.objects.filter(pk=report_id).update(last_enqueued_at=rung_at)
    return True
