"""What is due: runs that lost their worker, or wait to be looked at, or were asked for by a provider."""

from datetime import datetime, timedelta
from uuid import UUID

from django.db.models import F, Q, QuerySet
from django.utils import timezone
from django.utils.translation import gettext as _

from training.execution import MAX_FAILURES
from training.jobs import may_have_remote_job
from training.leases import workable
from training.models import Connection, TrainingRun

State = TrainingRun.State
RING_AGAIN = timedelta(seconds=20)  # a queued run whose message is older may have been lost by the broker


def run_sweep() -> list[UUID]:
    """Frees what lost workers held, ends what is cancelled or failed too often, and says which runs to ring for.

    A run that a provider may have a job of is never failed here, and never queued anew: it is looked at again.
    """
    now = timezone.now()
    active = TrainingRun.objects.filter(state__in=TrainingRun.ACTIVE)
    lost, wished = active.filter(lease_until__lt=now), active.filter(cancel_requested=True, lease_until=None)
    there = [run.pk for run in [*lost, *wished] if may_have_remote_job(run)]
    lost.filter(pk__in=there).update(fence=F("fence") + 1, lease_until=None, last_enqueued_at=None)
    here = lost.exclude(pk__in=there)
    end_cancelled(here.filter(cancel_requested=True))
    end_cancelled(wished.exclude(pk__in=there))
    _count_failure(here, now)
    return _due(now)


def _count_failure(lost: QuerySet[TrainingRun], now: datetime) -> None:
    lost.filter(failures__gte=MAX_FAILURES - 1).update(
        state=State.FAILED,
        error=_("The training broke off %(times)d times without a word. The log may say why.")
        % {"times": MAX_FAILURES},
        failures=F("failures") + 1,
        fence=F("fence") + 1,
        lease_until=None,
        finished_at=now,
    )
    freed = {"failures": F("failures") + 1, "fence": F("fence") + 1, "lease_until": None, "last_enqueued_at": None}
    lost.filter(pause_requested=True).update(state=State.PAUSED, **freed)
    lost.update(state=State.QUEUED, **freed)


def end_cancelled(runs: QuerySet[TrainingRun]) -> int:
    """Ends these runs, which nobody works on and no provider has; how many they were."""
    return runs.update(
        state=State.CANCELLED,
        cancel_requested=True,
        lease_until=None,
        fence=F("fence") + 1,
        finished_at=timezone.now(),
    )


def _due(now: datetime) -> list[UUID]:
    due = TrainingRun.objects.filter(
        workable(now), Q(last_enqueued_at=None) | Q(last_enqueued_at__lt=now - RING_AGAIN), lease_until=None
    )
    return list(due.order_by("created_at").values_list("pk", flat=True))


def run_wake(*, connection: Connection, job_id: str) -> list[UUID]:
    """Runs that a provider's call may be about: that job, or one whose answer was lost. They are looked at now."""
    if not job_id:
        return []
    active = TrainingRun.objects.filter(connection=connection, state__in=TrainingRun.ACTIVE)
    about = active.filter(Q(remote_id=job_id) | Q(remote_id="", state=State.UNSURE))
    found = list(about.values_list("pk", flat=True))
    about.update(not_before=None, last_enqueued_at=None)
    return found
