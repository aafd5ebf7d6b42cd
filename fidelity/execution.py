"""Carries a report out, a slice of time after another: plan once, ask row by row, sum up. Every write is fenced."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from datetime import timedelta
from functools import partial
from typing import Any
from uuid import UUID

from django.db import transaction
from django.utils import timezone
from django.utils.translation import gettext as _

from fidelity.asking import item_ask
from fidelity.controls import Asker, Cast, Unavailable
from fidelity.engine_client import AskingRefused, EngineAway, EngineClient
from fidelity.leases import Claim, LeaseLost, report_claim
from fidelity.models import Report, ReportItem
from fidelity.planning import Asked, Plan, plan_make
from fidelity.results import result_make
from fidelity.rounds import SCORERS, SPOKEN, asked_side_by_side, asked_together
from fidelity.scoring_engine import ScoringEngine
from fidelity.topics import agreement_keep
from questionnaires.leases import Job
from training.models import LOCAL, TrainingRun
from training.versions import is_remote

logger = logging.getLogger(__name__)

State = Job.State
SLICE_SECONDS = 600.0  # a report ends within one and starts its server once; of the queue's two processes it takes one
WRITTEN = 4  # replies in words a round; a round is what a cancelled report still does, some four seconds
BESIDE = 24  # rows a round, at most, that are scored meanwhile; those it does not come to wait for the next round
PAID_AT_ONCE = 2  # to a provider: what a lost worker did not record is asked, and paid, again
MAX_FAILURES = 6
RETRY_AFTER = timedelta(seconds=15)
TRAINING_GOES_FIRST = timedelta(seconds=10)
BUSY = [TrainingRun.State.PREPARING, TrainingRun.State.TRAINING, TrainingRun.State.EVALUATING]
ANSWERED = ("notes", "scores", "shares", "chosen", "points", "reply", "verdict", "reasons", "form", "seconds")


def never() -> bool:
    return False


def report_execute(
    *, report_id: UUID, slice_seconds: float = SLICE_SECONDS, should_stop: Callable[[], bool] = never
) -> float | None:
    """Works on the report for a while. In how many seconds it wants to go on, or None if it does not."""
    claim = report_claim(report_id=report_id)
    if claim is None:
        return None
    try:
        return _worked(claim, time.monotonic() + slice_seconds, should_stop)
    except LeaseLost:
        logger.info("Report %s is worked on by somebody else", report_id)
    except AskingRefused as refused:
        _end(claim, State.FAILED, error=str(refused))
    except EngineAway as away:
        return _try_again(claim, away)
    return None


def _worked(claim: Claim, until: float, should_stop: Callable[[], bool]) -> float | None:
    if _training_goes_on(claim):
        claim.write(lease_until=None, not_before=timezone.now() + TRAINING_GOES_FIRST, last_enqueued_at=None)
        return TRAINING_GOES_FIRST.total_seconds()
    plan_keep(claim)
    with _cast(claim.report) as cast, ThreadPoolExecutor(SCORERS) as pool:
        while rows := _next(claim.report):
            if claim.is_cancelled():
                _end(claim, State.CANCELLED)
                return None
            if time.monotonic() > until or should_stop() or _training_goes_on(claim):
                claim.write(lease_until=None, last_enqueued_at=None)
                return 0.0
            _ask(claim, cast, pool, rows)
    claim.write(result=result_make(claim.report))
    _end(claim, State.DONE)
    agreement_keep(report=claim.report)
    return None


def _training_goes_on(claim: Claim) -> bool:
    """A training here needs the processor more. A cancelled report ends at once, whatever else goes on."""
    return not claim.is_cancelled() and TrainingRun.objects.filter(provider=LOCAL, state__in=BUSY).exists()


def plan_keep(claim: Claim, plan: Plan | None = None) -> None:
    """Makes the rows, once; from here on the report no longer follows the person's answers. LeaseLost."""
    report = claim.report
    if report.rows.exists():
        return
    plan = plan or plan_make(persona=report.persona, version=report.version, form=report.form)
    rows = rows_of(report, plan.items)
    if not rows:
        raise AskingRefused(_("There is nothing to ask yet: answer some items first, or train on more answers."))
    asked = sum(row.control == ReportItem.Control.PERSONA for row in rows)
    with transaction.atomic():
        claim.write(left_out=plan.left_out, items=asked, progress=_progress(0, len(rows), None, ""))
        ReportItem.objects.bulk_create(rows, batch_size=200)


def rows_of(report: Report, items: Sequence[Asked]) -> list[ReportItem]:
    """A row for each control that answers an item: all of a control together, in the order of the controls."""
    rank = {control: number for number, control in enumerate(_ORDER)}
    pairs = [(control, item) for item in items for control in item.controls(report.form)]
    pairs.sort(key=lambda pair: rank[pair[0]])
    return [
        ReportItem(
            owner_id=report.owner_id,
            report=report,
            number=number,
            control=control,
            kind=item.kind,
            item=item.item[:200],
            question=item.question,
            options=list(item.options),
            answer=item.answer,
            own=item.own,
            ratings=list(item.ratings),
        )
        for number, (control, item) in enumerate(pairs)
    ]


_Control = ReportItem.Control
_ORDER = (
    *(_Control.PERSONA, _Control.NO_RETRIEVAL, _Control.OTHER_NOTES),
    *(_Control.OTHER_PERSON, _Control.OTHER_ADAPTER, _Control.BASE, _Control.BASE_ANSWERS),
)


def _next(report: Report) -> list[ReportItem]:
    """Rows that are still to be asked: some to be answered in words, and some to be scored beside.

    Each in the order of the controls, so that a server is not asked for two models in turn.
    """
    waiting = report.rows.filter(asked_at=None).order_by("number")
    if is_remote(report.version):
        return list(waiting[:PAID_AT_ONCE])
    return [*waiting.filter(kind__in=SPOKEN)[:WRITTEN], *waiting.exclude(kind__in=SPOKEN)[:BESIDE]]


class _ControlRefused(Exception):
    """A control that is not to be asked, and why."""

    def __init__(self, control: str, why: str) -> None:
        super().__init__(why)
        self.control = control


def _ask(claim: Claim, cast: Cast, pool: ThreadPoolExecutor, rows: list[ReportItem]) -> None:
    ask = partial(_asked, cast=cast, language=claim.report.persona.language)
    try:
        for row in rows:  # askers and the server that scores are made here, not by two threads at once
            asker = _asker(cast, row.control)
            if row.options and asker.scoring:
                asker.scoring()
        answered = (asked_together if is_remote(claim.report.version) else asked_side_by_side)(rows, ask, pool)
    except _ControlRefused as refused:
        if refused.control == _Control.PERSONA:
            raise AskingRefused(str(refused)) from refused
        _leave_out(claim, refused.control, str(refused))
        return
    for row, fields in answered:
        for name, value in fields.items():
            setattr(row, name, value)
        row.asked_at = timezone.now()
    progress = _advanced(claim.report, min(rows, key=lambda row: row.number).control, len(answered))
    claim.record([row for row, _fields in answered], (*ANSWERED, "asked_at"), progress)


def _asker(cast: Cast, control: str) -> Asker:
    try:
        asker = cast.asker(control)
    except AskingRefused as refused:
        raise _ControlRefused(control, str(refused)) from refused
    if isinstance(asker, Unavailable):
        raise _ControlRefused(control, asker.why)
    return asker


def _asked(row: ReportItem, *, cast: Cast, language: str) -> dict[str, Any]:
    try:
        return item_ask(row, asker=_asker(cast, row.control), language=language)
    except AskingRefused as refused:
        raise _ControlRefused(row.control, str(refused)) from refused


def _leave_out(claim: Claim, control: str, why: str) -> None:
    """The report goes on without a control that cannot be asked."""
    claim.write(unavailable=claim.report.unavailable | {control: why})
    claim.report.rows.filter(control=control).delete()


def _advanced(report: Report, control: str, more: int) -> dict[str, Any]:
    """Progress after `more` rows, with the time left as the rows so far took."""
    total = report.rows.count()
    done = report.rows.exclude(asked_at=None).count() + more
    spent = report.progress.get("spent", 0.0)
    now = time.time()
    since = report.progress.get("at")
    spent += min(now - since, 60.0) if since and report.progress.get("done") else 0.0
    untimed = report.progress.get("untimed", done)  # nobody knows when the first round began
    left = round(spent / (done - untimed) * (total - done), 1) if done > untimed else None
    return _progress(done, total, left, control) | {"spent": round(spent, 2), "at": now, "untimed": untimed}


def _progress(done: int, total: int, left: float | None, what: str) -> dict[str, Any]:
    return {"done": done, "total": total, "seconds_left": left, "what": what}


def _end(claim: Claim, state: State, error: str = "") -> None:
    try:
        claim.write(state=state, error=error, lease_until=None, finished_at=timezone.now())
    except LeaseLost:
        logger.info("Report %s is worked on by somebody else", claim.report.pk)


def _try_again(claim: Claim, away: EngineAway) -> float | None:
    failures = claim.report.failures + 1
    logger.warning("Report %s waits: %s (%r)", claim.report.pk, away, away.__cause__)
    if failures >= MAX_FAILURES:
        _end(claim, State.FAILED, error=str(away))
        return None
    try:
        patience = failures * RETRY_AFTER
        claim.write(lease_until=None, failures=failures, not_before=timezone.now() + patience, last_enqueued_at=None)
    except LeaseLost:
        return None
    return patience.total_seconds()


@contextmanager
def _cast(report: Report) -> Iterator[Cast]:
    local = EngineClient.local()
    with ScoringEngine(report, local) as scoring:
        cast = Cast(report, local, scoring.client)
        try:
            yield cast
        finally:
            cast.close()
            local.close()
