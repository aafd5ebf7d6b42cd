"""Looks after a job at a provider: carries out what the person wishes, and brings its news."""

import time
from collections.abc import Iterator
from typing import Any

from django.utils.translation import gettext as _

from training.providers.base import Event, Interrupted, ProviderError, Update, Wish
from training.providers.errors import (
    AuthFailed,
    Cancelled,
    Forbidden,
    InvalidData,
    InvalidRows,
    NotFound,
    Passing,
    RateLimited,
    RemoteError,
    Unavailable,
)
from training.providers.openai_compatible import PAGE, Answer
from training.providers.remote_events import (
    FINAL,
    checkpoint_line,
    identity,
    lines,
    metric_lines,
    new_events,
    number,
    state_of,
    until_seen,
)
from training.providers.remote_session import Session
from training.providers.remote_submission import LOOKS, ours
from training.providers.result_files import read_metrics

FASTEST_SECONDS, SLOWEST_SECONDS = 5.0, 60.0
SLOWING = 1.5
GRACE_SECONDS = 120.0  # a job that was just made may not be known everywhere
LAST_TRIES = 5  # to read the last events of a job that is over
MAX_SEEN = 20_000
INVALID = {"invalid_training_file", "invalid_validation_file", "invalid_file_format", "invalid_n_examples"}


def poll(session: Session, job_id: str) -> Iterator[Update]:
    """One look: the wish, the status, what is new. Trouble on the way never ends a run whose job exists."""
    try:
        yield from cancel_extra(session, job_id)
        yield from _carry_out(session, job_id)
        told = session.api.job(job_id)
    except NotFound as error:
        yield _trouble_or_raise(session, error)
    except RemoteError as error:
        yield _trouble(session, error)
    else:
        yield from _told(session, job_id, told)


def _trouble_or_raise(session: Session, error: NotFound) -> Update:
    if session.wish() is Wish.CANCEL:
        raise Interrupted from error
    if time.time() - float(session.kept.get("accepted_at") or 0) > GRACE_SECONDS:
        raise error
    return _trouble(session, error)


def _trouble(session: Session, error: RemoteError) -> Update:
    """Comes again later. A key that no longer works is not the end: it can be mended at the connection."""
    locked_out = isinstance(error, AuthFailed | Unavailable | Forbidden)
    if locked_out and session.wish() is Wish.CANCEL:
        raise Interrupted from error
    patience = max(_pace(session, news=False), error.retry_after if isinstance(error, RateLimited) else 0.0)
    if not isinstance(error, Passing):
        patience = SLOWEST_SECONDS
    return session.note(trouble=str(error), pace=min(patience, SLOWEST_SECONDS), again_in=patience)


def cancel_extra(session: Session, job_id: str) -> Iterator[Update]:
    """After a second submission the first one's job may still appear: none but `job_id` may run."""
    kept = session.kept
    extra = [str(each) for each in kept.get("extra") or ()]
    recent = time.time() - float(kept.get("submitted_at") or 0) < LOOKS[-1]
    if int(kept.get("submissions") or 0) > 1 and recent:
        live = [str(job["id"]) for job in ours(session) if str(job.get("status")) not in FINAL]
        extra = list(dict.fromkeys([*extra, *live]))
    for each in extra:
        if each != job_id:
            _cancel(session, each)
            yield session.note(extra=[other for other in extra if other != each])


def _cancel(session: Session, job_id: str) -> None:
    """A job that is over cannot be cancelled, which is as good."""
    try:
        session.api.cancel(job_id)
    except (InvalidData, NotFound):
        return


def _carry_out(session: Session, job_id: str) -> Iterator[Update]:
    wish = session.wish()
    if wish is Wish.CANCEL:
        _cancel(session, job_id)
        yield Update()
    elif wish is Wish.PAUSE and session.kept.get("raw_status") not in {"paused", "pausing"}:
        yield from _if_accepted(session, lambda: session.api.pause(job_id))
    elif session.stage == "resuming":
        yield from _if_accepted(session, lambda: session.api.resume(job_id), stage="accepted")


def _if_accepted(session: Session, ask: Any, **changes: Any) -> Iterator[Update]:
    """A job that is just starting or ending takes no pause; the next look tries again."""
    try:
        ask()
    except InvalidData as error:
        yield session.note(trouble=str(error))
    else:
        yield session.note(trouble="", **changes)


def _told(session: Session, job_id: str, told: Answer) -> Iterator[Update]:
    status = str(told.get("status") or "")
    news = _news(session, job_id, final=status in FINAL)
    yield Update()
    if news is None:
        tries = int(session.kept.get("last_tries") or 0) + 1
        if status in FINAL and tries < LAST_TRIES:
            yield session.note(raw_status=status, last_tries=tries, again_in=FASTEST_SECONDS)
            return
        news = ()
    if status in FINAL:
        yield from _over(session, status, told, news)
    else:
        yield from _under_way(session, status, told, news)


def _news(session: Session, job_id: str, *, final: bool) -> tuple[Event, ...] | None:
    """New events as progress lines, noted as seen; None where the provider does not tell them just now."""
    seen = set(session.kept.get("seen") or ())
    try:
        told = session.api.events(job_id)  # at the end all of them: some may have been left out before
        rows = new_events(told if final else until_seen(told, seen, PAGE), seen)
        points = new_events(session.api.checkpoints(job_id), seen) if final else []
    except (NotFound, InvalidData):  # a provider without checkpoints, or without events
        rows, points = [], []
    except RemoteError:
        return None
    saved = tuple(checkpoint_line(row) for row in points)
    session.kept["checkpoint"] = saved[-1]["model"] if saved else session.kept.get("checkpoint", "")
    news = tuple(line for row in rows for line in lines(row)) + saved
    session.kept["seen"] = [*(session.kept.get("seen") or ()), *map(identity, rows), *map(identity, points)][-MAX_SEEN:]
    _note_steps(session, news)
    return news


def _note_steps(session: Session, news: tuple[Event, ...]) -> None:
    steps = [event for event in news if event["event"] == "step"]
    session.kept["step"] = max([int(session.kept.get("step") or 0), *(event["step"] for event in steps)])
    total = max([int(session.kept.get("total_steps") or 0), *(event["total_steps"] for event in steps)])
    session.kept["total_steps"] = total


def _under_way(session: Session, status: str, told: Answer, news: tuple[Event, ...]) -> Iterator[Update]:
    changed = bool(news) or status != session.kept.get("raw_status")
    state = state_of(status, session.kept["step"], session.kept["total_steps"])
    finish = told.get("estimated_finish")
    pace = _pace(session, news=changed)
    if status == "paused":
        pace = SLOWEST_SECONDS
    note: dict[str, Any] = {"raw_status": status, "estimated_finish": finish, "trouble": "", "pace": pace}
    if status == "paused" and session.wish() is Wish.PAUSE:
        yield session.note(state=state, events=news, **note)
        raise Interrupted
    yield session.note(state=state, events=news, again_in=pace, **note)


def _pace(session: Session, *, news: bool) -> float:
    """Seconds to the next look: longer and longer while nothing happens."""
    if news:
        return FASTEST_SECONDS
    return min(SLOWEST_SECONDS, float(session.kept.get("pace") or FASTEST_SECONDS) * SLOWING)


def _over(session: Session, status: str, told: Answer, news: tuple[Event, ...]) -> Iterator[Update]:
    yield session.note(events=news, raw_status=status, trouble="", **_bill(session, told))
    if status == "failed":
        raise _failure(told)
    if status == "cancelled":
        if session.wish() is Wish.CANCEL:
            raise Interrupted
        raise Cancelled(_("The training was cancelled at the provider."))
    yield from _results(session, told)
    model = str(told.get("fine_tuned_model") or session.kept.get("checkpoint") or told.get("id") or "")
    yield Update(model=model, remote=dict(session.kept), done=True)


def _bill(session: Session, told: Answer) -> dict[str, Any]:
    """What it cost by the preset's prices, in US dollars; only tokens where no price is known."""
    bill: dict[str, Any] = {"result_files": told.get("result_files") or []}
    tokens = told.get("trained_tokens")
    if isinstance(tokens, int):
        bill["trained_tokens"] = tokens
        offer = session.preset.offer(session.job.base_model)
        if offer is not None and offer.train is not None:
            bill |= {"cost": round(tokens * offer.train / 1e6, 4), "currency": "USD"}
    return bill


def _results(session: Session, told: Answer) -> Iterator[Update]:
    """The curves from the result files, where the events had none."""
    if session.kept.get("step"):
        return
    for file_id in session.kept.get("result_files") or ():
        try:
            rows = read_metrics(session.api.file_content(str(file_id)))
        except RemoteError as error:
            yield session.note(trouble=str(error))
            continue
        at = number(told.get("finished_at")) or time.time()
        news = tuple(line for row in rows for line in metric_lines({**row, "total_steps": rows[-1]["step"]}, at))
        _note_steps(session, news)
        yield session.note(events=news)


def _failure(told: Answer) -> ProviderError:
    """The provider's own words are among the events already."""
    error = told.get("error") if isinstance(told.get("error"), dict) else {}
    code, words = str((error or {}).get("code") or ""), str((error or {}).get("message") or "")
    if not words:
        return RemoteError(_("The provider ended the training and did not say why."), code=code)
    sentence = _("The provider ended the training: “%(words)s”") % {"words": words[:300]}
    return (InvalidRows if code in INVALID else RemoteError)(sentence, words=words, code=code)
