"""Celery's side: ids in, one service call out. A message is a doorbell; what is to be done stands in the database."""

from __future__ import annotations

from uuid import UUID

from celery import shared_task
from django.utils import timezone

from privacy.archives import archive_execute, archives_expire, leftovers_remove
from privacy.erasing import erasure_execute
from privacy.erasures import erasures_expire
from privacy.jobs import jobs_sweep
from privacy.models import ArchiveJob, Erasure
from privacy.retention import retention_apply
from questionnaires.doorbell import publish as _publish
from questionnaires.leases import Job
from training.tasks import is_shutting_down

LONGEST_COUNTDOWN = 60.0  # seconds


@shared_task(name="privacy.tasks.work")  # type: ignore[untyped-decorator]
def work(kind: str, job_id: str) -> None:
    WORK[kind](UUID(job_id))


def _archive(job_id: UUID) -> None:
    archive_execute(job_id=job_id, should_stop=is_shutting_down)


def _erasure(job_id: UUID) -> None:
    again = erasure_execute(job_id=job_id, should_stop=is_shutting_down)
    if again is not None and again <= LONGEST_COUNTDOWN:  # for longer ones the sweep rings
        _publish(work, "Erasure", str(job_id), countdown=again)


WORK = {"ArchiveJob": _archive, "Erasure": _erasure}
MODELS: dict[str, type[Job]] = {"ArchiveJob": ArchiveJob, "Erasure": Erasure}


@shared_task(name="privacy.tasks.sweep")  # type: ignore[untyped-decorator]
def sweep() -> None:
    for model, job_id in jobs_sweep(MODELS.values()):
        enqueue(model._default_manager.get(pk=job_id))


@shared_task(name="privacy.tasks.keep_house")  # type: ignore[untyped-decorator]
def keep_house() -> None:
    """What is kept for a time goes when that is over."""
    archives_expire()
    leftovers_remove()
    erasures_expire()
    retention_apply()


def enqueue(job: Job) -> bool:
    """Rings for a job; False if the broker is away, and then the sweep rings later. Call it after the commit."""
    kind = type(job).__name__
    if not _publish(work, kind, str(job.pk)):
        return False
    MODELS[kind]._default_manager.filter(pk=job.pk).update(last_enqueued_at=timezone.now())
    return True
