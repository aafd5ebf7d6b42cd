"""Who works on a run. A claim has a lease, which is renewed, and a fence, which every later write carries."""

from datetime import datetime, timedelta
from uuid import UUID

from django.db import transaction
from django.db.models import F, Q
from django.db.models.functions import Coalesce, Now
from django.utils import timezone

from questionnaires.leases import FencedClaim, LeaseLost
from training.models import TrainingRun

__all__ = ["Claim", "LeaseLost", "run_claim", "workable"]

LEASE = timedelta(seconds=20)  # a lost worker is noticed after this; renewed each HEARTBEAT
HEARTBEAT = timedelta(seconds=5)


class Claim(FencedClaim[TrainingRun]):
    """The right to write to `run` as long as its fence is this one."""

    @property
    def run(self) -> TrainingRun:
        return self.row

    def renew(self) -> None:
        """A heartbeat, if one is due."""
        now = timezone.now()
        if self.run.lease_until is None or self.run.lease_until - now < LEASE - HEARTBEAT:
            self.write(lease_until=now + LEASE)


def workable(now: datetime) -> Q:
    """Runs with something to do: active, due or to be cancelled, and not resting because the person paused them."""
    due = Q(not_before=None) | Q(not_before__lte=now) | Q(cancel_requested=True)
    resting = Q(state=TrainingRun.State.PAUSED, pause_requested=True, cancel_requested=False)
    return due & Q(state__in=TrainingRun.ACTIVE) & ~resting


def run_claim(*, run_id: UUID) -> Claim | None:
    """A conditional UPDATE that one caller wins; None for the others, and where there is nothing to do."""
    now = timezone.now()
    with transaction.atomic():
        won = TrainingRun.objects.filter(workable(now), pk=run_id, lease_until=None).update(
            fence=F("fence") + 1, lease_until=now + LEASE, started_at=Coalesce(F("started_at"), Now())
        )
        if not won:
            return None
        run = TrainingRun.objects.select_related("persona").get(pk=run_id)
    return Claim(run, run.fence)
