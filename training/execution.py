"""Carries a run out: freeze, follow the provider, publish. Every write is fenced, so a lost worker does no harm."""

import errno
import logging
import shutil
from collections.abc import Callable, Iterable
from contextlib import closing
from datetime import timedelta
from typing import Any, cast
from uuid import UUID

from django.conf import settings
from django.db import transaction
from django.db.models import Max
from django.utils import timezone
from django.utils.translation import gettext as _

from questionnaires.services import Refused
from training.arrival import arrival_cursor, arrival_words
from training.frozen import freeze, rows_fetch
from training.jobs import figures_of, job_of, may_have_remote_job
from training.leases import LEASE, Claim, LeaseLost, run_claim
from training.models import LOCAL, RunEvent, TrainingRun
from training.providers import PROVIDERS
from training.providers.base import Event, Interrupted, InvalidJob, OutOfRoom, ProviderError, Update, Wish
from training.providers.errors import Cancelled
from training.storage import StoreAway, has_store
from training.versions import is_published, published_folder, version_publish, version_publish_remote

logger = logging.getLogger(__name__)

State = TrainingRun.State
MAX_FAILURES = 3
RETRY_AFTER = timedelta(seconds=15)
STATES = {
    "preparing": State.PREPARING,
    "training": State.TRAINING,
    "evaluating": State.EVALUATING,
    "publishing": State.EVALUATING,
}


def never() -> bool:
    return False


def run_execute(*, run_id: UUID, should_pause: Callable[[], bool] = never) -> float | None:
    """Works on a run until it is ready, failed, cancelled, paused, or to be polled later: then seconds until that.

    Returns at once if it is somebody else's or over. `should_pause` says when the worker has to stop.
    """
    claim = run_claim(run_id=run_id)
    if claim is None:
        return None
    try:
        _work_and_settle(claim, should_pause)
    except LeaseLost:
        logger.warning("Run %s is somebody else's by now, or was deleted.", run_id)
        if not TrainingRun.objects.filter(pk=run_id).exists():
            shutil.rmtree(claim.run.folder, ignore_errors=True)  # again: the trainer may have written until now
        return None
    until = claim.run.not_before
    return max(0.0, (until - timezone.now()).total_seconds()) if claim.run.is_active and until else None


def _work_and_settle(claim: Claim, should_pause: Callable[[], bool]) -> None:
    try:
        _work(claim, should_pause)
    except Interrupted:
        _set_aside(claim)
    except StoreAway:  # no fault of the run's: it waits until the store answers
        _release(claim, state=State.QUEUED, not_before=timezone.now() + RETRY_AFTER)
    except ProviderError as error:
        run_fail(claim=claim, error=error)
    except OSError as error:
        if error.errno not in {errno.ENOSPC, errno.EDQUOT}:
            raise
        run_fail(claim=claim, error=OutOfRoom(_("The disk is full. Make room and try again.")))


def _work(claim: Claim, should_pause: Callable[[], bool]) -> None:
    run = claim.run
    if (run.cancel_requested or run.pause_requested) and not may_have_remote_job(run):
        raise Interrupted
    if is_published(run):
        version_publish(claim=claim)
        return
    if has_store() and run.provider == LOCAL:
        run_arrive(claim=claim)
    if not (may_have_remote_job(run) or rows_fetch(run)):
        run_prepare(claim=claim)
    updates = PROVIDERS[run.provider].follow(job_of(run), lambda: _wish(claim, should_pause))
    with closing(cast(Any, updates)):
        _follow(claim, updates)


def _follow(claim: Claim, updates: Iterable[Update]) -> None:
    for update in updates:
        run_record(claim=claim, update=update)
        if update.done:
            _publish(claim, update)
        elif update.again_in is not None:
            again = timezone.now() + timedelta(seconds=update.again_in)
            claim.write(lease_until=None, not_before=again, last_enqueued_at=None)


def _publish(claim: Claim, update: Update) -> None:
    """What was paid for is kept, though the person wished to cancel it when it was too late."""
    if claim.run.provider != LOCAL:
        version_publish_remote(claim=claim, model=update.model, figures=figures_of(claim.run))
        return
    if _cancel_requested(claim):
        raise Interrupted
    version_publish(claim=claim)


def run_prepare(*, claim: Claim) -> None:
    """Freezes the data set. From here on the run no longer follows the answers."""
    run = claim.run
    claim.write(state=State.PREPARING, cursor="", step=0, total_steps=0)
    try:
        freeze(run)
    except (Refused, ValueError) as error:
        raise InvalidJob(str(error)) from error
    claim.write(items=run.items, spoken_name=run.spoken_name, overrides=run.overrides, data_hash=run.data_hash)


def run_arrive(*, claim: Claim) -> None:
    """Notes that the run is on this machine now, and tells honestly what that costs where another one had it."""
    run, here = claim.run, settings.HOST_NAME
    if run.host == here:
        return
    words, cursor = arrival_words(run, here), arrival_cursor(run)
    begins = {} if cursor else {"step": 0, "total_steps": 0}
    moved = bool(run.host)
    claim.write(host=here, cursor=cursor, **begins)
    if moved:
        told = {"event": "log", "at": timezone.now().timestamp(), "message": words}
        run_record(claim=claim, update=Update((told,), cursor))


def _wish(claim: Claim, should_pause: Callable[[], bool]) -> Wish:
    cancel, pause = _requests(claim)
    if cancel:
        return Wish.CANCEL
    if pause:
        return Wish.PAUSE
    return Wish.LEAVE if should_pause() else Wish.GO_ON


def _cancel_requested(claim: Claim) -> bool:
    return _requests(claim)[0]


def _requests(claim: Claim) -> tuple[bool, bool]:
    """Whether the person wants it cancelled, and paused. LeaseLost if the run is somebody else's by now."""
    columns = ("fence", "cancel_requested", "pause_requested")
    row = TrainingRun.objects.filter(pk=claim.run.pk).values_list(*columns).first()
    if row is None or row[0] != claim.fence:
        raise LeaseLost(str(claim.run.pk))
    return bool(row[1]), bool(row[2])


def run_record(*, claim: Claim, update: Update) -> None:
    """The one funnel for what a provider tells: events and the run's figures, in one fenced transaction."""
    fields = _fields(claim.run, update)
    if not update.events and not fields:
        claim.renew()
        return
    with transaction.atomic():
        claim.write(lease_until=timezone.now() + LEASE, **fields)
        last = RunEvent.objects.filter(run=claim.run).aggregate(Max("number"))["number__max"] or 0
        RunEvent.objects.bulk_create(
            RunEvent(owner_id=claim.run.owner_id, run=claim.run, number=number, kind=event["event"][:20], data=event)
            for number, event in enumerate(update.events, start=last + 1)
        )


def _fields(run: TrainingRun, update: Update) -> dict[str, Any]:
    """Columns that an update changes. What it says of the state outdoes what its events do."""
    fields: dict[str, Any] = {}
    if update.events:
        fields |= {"cursor": update.cursor, **_figures(run, update.events)}
    if update.remote is not None and update.remote != run.remote:
        fields["remote"] = dict(update.remote)
    if update.remote_id and update.remote_id != run.remote_id:
        fields["remote_id"] = update.remote_id
    if update.state and (update.state != run.state or "state" in fields):
        fields["state"] = State(update.state)
    return fields


def _figures(run: TrainingRun, events: Iterable[Event]) -> dict[str, Any]:
    """What the events say about the run as a whole; the last one counts."""
    fields: dict[str, Any] = {"step": run.step, "total_steps": run.total_steps}
    for event in events:
        if event["event"] == "step":
            step, total = event.get("step") or 0, event.get("total_steps") or fields["total_steps"]
            late = run.provider != LOCAL and step < fields["step"]  # a provider's event that came out of order
            fields |= {"step": fields["step"] if late else step, "total_steps": total}
            fields |= {"state": State.TRAINING, "seconds_left": event.get("seconds_left")}
        elif event["event"] == "state" and event.get("state") in STATES:
            on_the_way = event["state"] == "evaluating" and fields["step"] < fields["total_steps"]
            fields["state"] = State.TRAINING if on_the_way else STATES[event["state"]]
    return fields


def run_fail(*, claim: Claim, error: ProviderError) -> None:
    """Ends the run with a sentence, or puts it back for another try where that is worth it."""
    run = claim.run
    failures = run.failures + 1
    logger.warning("Run %s failed (%d): %s", run.pk, failures, type(error).__name__)
    if error.retry and failures < MAX_FAILURES:
        patience = max(failures * RETRY_AFTER, timedelta(seconds=getattr(error, "retry_after", 0.0)))
        _release(claim, state=State.QUEUED, failures=failures, not_before=timezone.now() + patience)
        return
    _release(
        claim,
        state=State.CANCELLED if isinstance(error, Cancelled) else State.FAILED,
        failures=failures,
        error=str(error),
        resumable=error.resumable and not run.remote_id,  # a job that ended at a provider is not gone on with
        remote=run.remote | {"mend": error.mend},
        finished_at=timezone.now(),
    )


def _set_aside(claim: Claim) -> None:
    """After a stop in good order: cancelled or paused if the person wished that, else queued again; no failure."""
    cancel, pause = _requests(claim)
    if not cancel:
        _release(claim, state=State.PAUSED if pause else State.QUEUED)
        return
    run = claim.run
    trouble = str(run.remote.get("trouble") or "")
    _release(claim, state=State.CANCELLED, finished_at=timezone.now(), error=trouble, resumable=not run.remote_id)
    shutil.rmtree(published_folder(run), ignore_errors=True)  # finished, but never offered


def _release(claim: Claim, **fields: Any) -> None:
    claim.write(**({"lease_until": None, "last_enqueued_at": None, "seconds_left": None, "not_before": None} | fields))
