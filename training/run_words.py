"""What is happening to a run, what it costs and what would mend it, in sentences."""

from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum
from typing import Any
from urllib.parse import urlsplit

from django.utils import timezone
from django.utils.formats import date_format, number_format
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from training.connections import host_of, preset_of
from training.estimates import CENT, duration_range, money_range
from training.hosts import nobody_serves
from training.models import LOCAL, TrainingRun
from training.providers.remote_submission import LOOKS
from training.services import runs_ahead

State = TrainingRun.State
LOOSE = (0.7, 1.6)  # times a time left that rests on looks now and then at a provider
SOON = timedelta(seconds=2)


class Mend(StrEnum):
    """The one thing to do about a failure; training.providers.base names it with each error."""

    RETRY = "retry"
    CONNECTION = "connection"
    DATA = "data"
    SETTINGS = "settings"


@dataclass(frozen=True)
class Place:
    """Where a run is worked on. `console` is the provider's own site, empty where it is not known."""

    name: str
    host: str
    console: str


def place_of(run: TrainingRun) -> Place | None:
    """None for this computer."""
    if run.provider == LOCAL:
        return None
    if run.connection is None:
        return Place(_("a connection that was deleted"), str(run.consent.get("to") or ""), "")
    keys_page = urlsplit(preset_of(run.connection).keys_page)
    console = f"{keys_page.scheme}://{keys_page.netloc}/" if keys_page.netloc else ""
    return Place(run.connection.name, host_of(run.connection), console)


def must_decide(run: TrainingRun) -> bool:
    """Whether all looks for a lost answer found nothing, so that the person has to say what happens."""
    return run.state == State.UNSURE and run.remote.get("stage") == "ask" and not run.cancel_requested


def can_pause(run: TrainingRun) -> bool:
    """Whether a pause makes sense now and its place can do it."""
    if not run.is_active or run.state in {State.PAUSED, State.UNSURE} or run.pause_requested:
        return False
    return run.connection is None or preset_of(run.connection).can_pause


def mend_of(run: TrainingRun) -> Mend:
    """What would mend a failed or cancelled run."""
    named = run.remote.get("mend")
    gone = named == Mend.CONNECTION and run.connection is None
    unlike = named == Mend.DATA and run.provider != LOCAL and not run.data_hash  # not the rows that were agreed to
    if run.state == State.FAILED and (gone or unlike):
        return Mend.SETTINGS
    return Mend(named) if run.state == State.FAILED and named in set(Mend) else Mend.RETRY


def doing(run: TrainingRun) -> str:
    """A sentence on what is being done, or waited for; empty where the figures say enough."""
    words = {
        State.QUEUED: _queued,
        State.PREPARING: lambda _run: _("Your answers are made into rows, and the base model is got ready."),
        State.UPLOADING: lambda run: _("Your rows are on their way to %(host)s.") % {"host": _host(run)},
        State.UNSURE: _unsure,
        State.VALIDATING: lambda run: (
            _("%(host)s checks the rows, then the training waits its turn there.") % {"host": _host(run)}
        ),
        State.EVALUATING: _evaluating,
        State.PAUSED: _paused,
    }
    return words[State(run.state)](run) if run.state in words else ""


def _host(run: TrainingRun) -> str:
    place = place_of(run)
    return place.host if place else ""


def _queued(run: TrainingRun) -> str:
    if nobody := nobody_serves(run):
        return nobody
    if ahead := runs_ahead(run=run):
        return ngettext("%(n)d training comes first.", "%(n)d trainings come first.", ahead) % {"n": ahead}
    if again := _next_look(run):
        return _("That went wrong; it is tried again at %(time)s.") % {"time": again}
    if run.failures:
        return _("It broke off and goes on in a moment, from its last checkpoint.")
    return _("Waiting for the trainer.") if run.provider == LOCAL else _("Waiting to be sent.")


def _unsure(run: TrainingRun) -> str:
    if run.cancel_requested:
        return _("It is still looked for, so that no forgotten training runs on at your cost.")
    if must_decide(run):
        return ""
    made = min(len(LOOKS), int(run.remote.get("looks") or 0))
    told = {"host": _host(run), "made": made, "all": len(LOOKS), "time": _next_look(run)}
    sent = _(
        "The order went to %(host)s, and the answer was lost on the way. It may have been accepted, so it is not sent "
        "twice: the trainings there are looked through for it."
    )
    looks = _("Look %(made)d of %(all)d is done; the next is at %(time)s.") if told["time"] else ""
    return f"{sent} {looks}".strip() % told


def _evaluating(run: TrainingRun) -> str:
    if run.provider == LOCAL:
        return _("What it learned is tried on answers kept aside.")
    return _("%(host)s finishes; the results are fetched.") % {"host": _host(run)}


def _paused(run: TrainingRun) -> str:
    if run.step:
        return _("It rests after step %(step)d and keeps what it learned.") % {"step": run.step}
    return _("It rests before its first step.")


def _next_look(run: TrainingRun) -> str:
    """The time of the next try or look, in words; empty where that is about now."""
    if run.not_before is None or run.not_before <= timezone.now() + SOON:
        return ""
    return date_format(timezone.localtime(run.not_before), "H:i:s")


def time_left(run: TrainingRun) -> str:
    """A range; empty where nobody knows."""
    if run.state != State.TRAINING:
        return ""
    if run.seconds_left:
        return duration_range(run.seconds_left)
    seconds = _told_finish(run) or _reckoned(run)
    return duration_range(seconds, *LOOSE) if seconds and seconds > 0 else ""


def _told_finish(run: TrainingRun) -> float | None:
    finish = run.remote.get("estimated_finish")
    return finish - timezone.now().timestamp() if isinstance(finish, int | float) and finish else None


def _reckoned(run: TrainingRun) -> float | None:
    """From the times of the first and the last step that a provider told."""
    steps = run.events.filter(kind="step").order_by("number").values_list("data", flat=True)
    first, last = steps.first(), steps.last()
    if not first or not last or not run.total_steps:
        return None
    done, took = _difference(first, last, "step"), _difference(first, last, "at")
    if done <= 0 or took <= 0:
        return None
    since = timezone.now().timestamp() - float(last.get("at") or 0)
    return max(0.0, took / done * (run.total_steps - int(last.get("step") or 0)) - since)


def _difference(first: dict[str, Any], last: dict[str, Any], name: str) -> float:
    return float(last.get(name) or 0) - float(first.get(name) or 0)


def cost(run: TrainingRun) -> str:
    """What it cost or costs so far, of what was foretold; empty for what costs nothing or has no known price."""
    told, money = run.remote.get("cost"), run.estimate.get("money")
    if isinstance(told, int | float):
        return _("It cost %(money)s by the price list.") % {"money": _sum(told)}
    if run.provider == LOCAL or not (isinstance(money, list) and len(money) == 2):
        return ""
    whole = money_range(*money)
    if not run.is_active:
        return _("No bill was told; %(whole)s were foretold for the whole.") % {"whole": whole} if run.step else ""
    if not (run.step and run.total_steps):
        return _("It will cost about %(whole)s.") % {"whole": whole}
    share = min(1.0, run.step / run.total_steps)
    so_far = money_range(*(share * each for each in money))
    return _("So far about %(so_far)s, of %(whole)s in all.") % {"so_far": so_far, "whole": whole}


def _sum(amount: float) -> str:
    return _("%(amount)s USD") % {"amount": number_format(amount, 2 if amount >= CENT else 4)}


def trouble(run: TrainingRun) -> str:
    """The sentence about what is in the way just now at the provider; the run goes on all the same."""
    return str(run.remote.get("trouble") or "") if run.is_active and not must_decide(run) else ""
