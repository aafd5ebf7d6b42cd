"""Jobs of this room: claimed by a worker, renewed while it works, taken up again by the next when it is lost."""

from __future__ import annotations

import time
from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from django.db import transaction
from django.db.models import F, Q
from django.db.models.functions import Coalesce, Now
from django.utils import timezone
from django.utils.translation import gettext as _

from questionnaires.leases import FencedClaim, Job, LeaseLost

__all__ = ["Cancelled", "JobClaim", "LeaseLost", "Stopped", "job_claim", "jobs_sweep"]

LEASE = timedelta(seconds=60)  # longer than the longest step between two beats
BEAT_SECONDS = 1.0
RING_AGAIN = timedelta(seconds=40)  # a message that is older may have been lost by the broker
MAX_FAILURES = 4


class Cancelled(Exception):
    """The person wishes the job to end."""


class Stopped(Exception):
    """The worker ends in good order; the next one goes on."""


class JobClaim(FencedClaim[Job]):
    """The right to work on a job, and how it tells of itself."""

    _beaten = 0.0
    lease = LEASE

    def beat(self, done: int, total: int, what: str = "") -> None:
        """Notes how far it is and renews the lease, once a second. Cancelled if the person wishes; LeaseLost."""
        if time.monotonic() - self._beaten < BEAT_SECONDS:
            return
        self._beaten = time.monotonic()
        self.write(progress={"done": done, "total": total, "what": what}, lease_until=timezone.now() + self.lease)
        if type(self.row)._default_manager.filter(pk=self.row.pk, cancel_requested=True).exists():
            raise Cancelled

    def renew(self, lease: timedelta) -> None:
        """For a step that takes longer, and those after it."""
        self.lease = lease
        self.write(lease_until=timezone.now() + lease)

    def end(self, state: str, **fields: Any) -> None:
        self.write(state=state, lease_until=None, finished_at=timezone.now(), **fields)

    def put_back(self, *, seconds: float = 0.0, **fields: Any) -> None:
        """Somebody goes on in so many seconds."""
        again = timezone.now() + timedelta(seconds=seconds) if seconds else None
        self.write(lease_until=None, not_before=again, last_enqueued_at=None, **fields)


def workable(now: datetime) -> Q:
    return Q(state__in=Job.ACTIVE, lease_until=None) & (Q(not_before=None) | Q(not_before__lte=now))


def job_claim(model: type[Job], job_id: UUID) -> JobClaim | None:
    """A conditional UPDATE that one caller wins; None for the others, and where there is nothing to do."""
    now, rows = timezone.now(), model._default_manager
    with transaction.atomic():
        won = rows.filter(workable(now), pk=job_id).update(
            state=Job.State.RUNNING,
            fence=F("fence") + 1,
            lease_until=now + LEASE,
            started_at=Coalesce(F("started_at"), Now()),
        )
        if not won:
            return None
        job = rows.get(pk=job_id)
    return JobClaim(job, job.fence)


def jobs_sweep(models: Iterable[type[Job]]) -> list[tuple[type[Job], UUID]]:
    """Frees what lost workers held, ends what broke off too often, and says for which jobs to ring."""
    now, due = timezone.now(), []
    for model in models:
        rows = model._default_manager
        lost = rows.filter(state__in=Job.ACTIVE, lease_until__lt=now)
        freed = {"fence": F("fence") + 1, "lease_until": None, "failures": F("failures") + 1}
        worn = lost.filter(failures__gte=MAX_FAILURES - 1) if model.gives_up else lost.none()
        worn.update(
            state=Job.State.FAILED,
            error=_("It broke off %(times)d times without a word. The log may say why.") % {"times": MAX_FAILURES},
            finished_at=now,
            **freed,
        )
        lost.update(state=Job.State.QUEUED, last_enqueued_at=None, **freed)
        rung = Q(last_enqueued_at=None) | Q(last_enqueued_at__lt=now - RING_AGAIN)
        due += [(model, key) for key in rows.filter(workable(now), rung).values_list("pk", flat=True)]
    return due
