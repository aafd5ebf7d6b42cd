"""Carries a run out: freeze, follow the provider, publish. Every write is fenced, so a lost worker does no harm."""

import errno
import logging
import shutil
from collections.abc import Callable, Iterable
from contextlib import closing
from datetime import timedelta
from typing import Any, cast
from uuid import UUID

from django.db import transaction
from django.db.models import Max
from django.utils import timezone
from django.utils.translation import gettext as _

from questionnaires.services import Refused
from training.frozen import freeze, is_frozen
from training.leases import LEASE, Claim, LeaseLost, run_claim
from training.models import RunEvent, TrainingRun
from training.providers import PROVIDERS
from training.providers.base import Event, Interrupted, InvalidJob, Job, OutOfRoom, ProviderError, Update, Wish
from training.versions import is_published, published_folder, version_publish

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


def run_execute(*, run_id: UUID, should_pause: Callable[[], bool] = never) -> None:
    """Works on a run until it is ready, failed, cancelled, paused, or to be polled later. Returns at once if it is
    somebody else's or over. `should_pause` says when the worker has to stop.
    """
    claim = run_claim(run_id=run_id)
    if claim is None:
        return
    try:
        _work_and_settle(claim, should_pause)
    except LeaseLost:
        logger.warning("Run %s is somebody else's by now, or was deleted.", run_id)
        if not TrainingRun.objects.filter(pk=run_id).exists():
            shutil.rmtree(claim.run.folder, ignore_errors=True)  # again: the trainer may have written until now


def _work_and_settle(claim: Claim, should_pause: Callable[[], bool]) -> None:
    try:
        _work(claim, should_pause)
    except Interrupted:
        _set_aside(claim)
    except ProviderError as error:
        run_fail(claim=claim, error=error)
    except OSError as error:
        if error.errno not in {errno.ENOSPC, errno.EDQUOT}:
            raise
        run_fail(claim=claim, error=OutOfRoom(_("The disk is full. Make room and try again.")))


def _work(claim: Claim, should_pause: Callable[[], bool]) -> None:
    run = claim.run
    if run.cancel_requested:
        raise Interrupted
    if is_published(run):
        version_publish(claim=claim)
        return
    if not is_frozen(run):
        run_prepare(claim=claim)
    job = Job(str(run.pk), run.folder, run.cursor, run.remote_id)
    with closing(cast(Any, PROVIDERS[run.provider].follow(job, lambda: _wish(claim, should_pause)))) as updates:
        _follow(claim, updates)


def _follow(claim: Claim, updates: Iterable[Update]) -> None:
    for update in updates:
        run_record(claim=claim, update=update)
        if update.done:
            if _cancel_requested(claim):
                raise Interrupted
            version_publish(claim=claim)
        elif update.again_in is not None:
            claim.write(lease_until=None, not_before=timezone.now() + timedelta(seconds=update.again_in))


def run_prepare(*, claim: Claim) -> None:
    """Freezes the data set. From here on the run no longer follows the answers."""
    run = claim.run
    claim.write(state=State.PREPARING, cursor="", step=0, total_steps=0)
    try:
        freeze(run)
    except (Refused, ValueError) as error:
        raise InvalidJob(str(error)) from error
    claim.write(items=run.items, spoken_name=run.spoken_name, data_hash=run.data_hash)


def _wish(claim: Claim, should_pause: Callable[[], bool]) -> Wish:
    if _cancel_requested(claim):
        return Wish.CANCEL
    return Wish.LEAVE if should_pause() else Wish.GO_ON


def _cancel_requested(claim: Claim) -> bool:
    row = TrainingRun.objects.filter(pk=claim.run.pk).values_list("fence", "cancel_requested").first()
    if row is None or row[0] != claim.fence:
        raise LeaseLost(str(claim.run.pk))
    return bool(row[1])


def run_record(*, claim: Claim, update: Update) -> None:
    """The one funnel for what a provider tells: events and the run's figures, in one fenced transaction."""
    if not update.events and update.remote_id in {"", claim.run.remote_id}:
        claim.renew()
        return
    fields = _figures(claim.run, update.events)
    if update.remote_id:
        fields["remote_id"] = update.remote_id
    with transaction.atomic():
        claim.write(cursor=update.cursor, lease_until=timezone.now() + LEASE, **fields)
        last = RunEvent.objects.filter(run=claim.run).aggregate(Max("number"))["number__max"] or 0
        RunEvent.objects.bulk_create(
            RunEvent(owner_id=claim.run.owner_id, run=claim.run, number=number, kind=event["event"][:20], data=event)
            for number, event in enumerate(update.events, start=last + 1)
        )


def _figures(run: TrainingRun, events: Iterable[Event]) -> dict[str, Any]:
    """What the events say about the run as a whole; the last one counts."""
    fields: dict[str, Any] = {"step": run.step, "total_steps": run.total_steps}
    for event in events:
        if event["event"] == "step":
            fields |= {"step": event.get("step") or 0, "total_steps": event.get("total_steps") or 0}
            fields |= {"state": State.TRAINING, "seconds_left": event.get("seconds_left")}
        elif event["event"] == "state" and event.get("state") in STATES:
            on_the_way = event["state"] == "evaluating" and fields["step"] < fields["total_steps"]
            fields["state"] = State.TRAINING if on_the_way else STATES[event["state"]]
    return fields


def run_fail(*, claim: Claim, error: ProviderError) -> None:
    """Ends the run with a sentence, or puts it back for another try where that is worth it."""
    run = claim.run
    failures = run.failures + 1
    logger.warning("Run %s failed (%d): %s", run.pk, failures, error)
    if error.retry and failures < MAX_FAILURES:
        again = timezone.now() + failures * RETRY_AFTER
        _release(claim, state=State.QUEUED, failures=failures, not_before=again)
        return
    finished = timezone.now()
    _release(
        claim,
        state=State.FAILED,
        failures=failures,
        error=str(error),
        resumable=error.resumable,
        finished_at=finished,
    )


def _set_aside(claim: Claim) -> None:
    """After a stop in good order: cancelled if the person wished that, else queued again, with no failure counted."""
    if not _cancel_requested(claim):
        _release(claim, state=State.QUEUED)
        return
    _release(claim, state=State.CANCELLED, finished_at=timezone.now())
    shutil.rmtree(published_folder(claim.run), ignore_errors=True)  # finished, but never offered


def _release(claim: Claim, **fields: Any) -> None:
    claim.write(lease_until=None, last_enqueued_at=None, seconds_left=None, **fields)
