"""What the watch page shows of a run, part by part, for the page itself and for its polling."""

from collections.abc import Callable, Collection
from dataclasses import dataclass, field
from typing import Any

from django.utils.translation import gettext as _

from questionnaires.dataset import renderer
from training import run_words
from training.advice_words import advice_sentences
from training.connections import deployment_note_of, preset_of
from training.curves import checks_of, listed
from training.jobs import suffix_of
from training.models import LOCAL, PersonaModel, TrainingRun

State = TrainingRun.State
PARTS = ("head", "status", "result", "checks", "samples", "log")
LOG_LINES = 200
LOG_TAIL = 40  # lines of the trainer's own output
LOG_TAIL_BYTES = 20_000
FAST, SLOW, REMOTE = 1, 10, 3  # seconds between two looks of the page


@dataclass
class Asked:
    """A held-out question, what the model said to it (first step, last step, reply), and what the person had said."""

    question: str
    expected: str
    replies: list[tuple[int, int, str]] = field(default_factory=list)

    def add(self, step: int, reply: str) -> None:
        """Keeps a reply; where it is the same as at the step before, both are one."""
        if self.replies and self.replies[-1][2] == reply:
            self.replies[-1] = (self.replies[-1][0], step, reply)
        else:
            self.replies.append((step, step, reply))


def watch_context(run: TrainingRun, parts: Collection[str] = PARTS) -> dict[str, Any]:
    """Everything that these parts of templates/training/run.html need."""
    context = {"run": run, "persona": run.persona, "room": "train", "title": page_title(run)}
    context |= {"place": run_words.place_of(run), "shown": shown(run), "pace": pace(run)}
    for part in parts:
        context |= CONTEXTS[part](run)
    return context


def _head(run: TrainingRun) -> dict[str, Any]:
    return {
        "version": _version(run),
        "decides": run_words.must_decide(run),
        "can_pause": run_words.can_pause(run),
        "mend": run_words.mend_of(run),
        "suffix": suffix_of(run),
        "has_curves": run.is_active or run.events.filter(kind__in=["step", "validation"]).exists(),
        "waits": _waits(run),
        "error": run.error if run.state in {State.FAILED, State.CANCELLED} else "",
        "costs_again": run.provider != LOCAL and bool(run.remote_id),
    }


def _status(run: TrainingRun) -> dict[str, Any]:
    last = run.events.filter(kind="step").order_by("-number").values_list("data", flat=True).first() or {}
    return {
        "stages": stages(run),
        "doing": run_words.doing(run),
        "left": run_words.time_left(run),
        "trouble": run_words.trouble(run),
        "cost": run_words.cost(run),
        "epoch": last.get("epoch"),
        "raw_status": str(run.remote.get("raw_status") or ""),
    }


def _result(run: TrainingRun) -> dict[str, Any]:
    version = _version(run)
    if version is None:
        return {"version": None, "advice": [], "deployment_note": ""}
    return {
        "version": version,
        "advice": advice_sentences(run, version, checks_of(run)),
        "deployment_note": deployment_note_of(preset_of(run.connection)) if run.connection and _waits(run) else "",
    }


def _waits(run: TrainingRun) -> bool:
    """Whether it is trained, and has to be deployed at its provider before it can talk."""
    version = _version(run)
    if version is None or run.connection is None:
        return False
    return preset_of(run.connection).deployment and not version.deployment


def _checks(run: TrainingRun) -> dict[str, Any]:
    return {"checks": listed(checks_of(run))}


def _samples(run: TrainingRun) -> dict[str, Any]:
    return {"samples": asked(run)}


def _log(run: TrainingRun) -> dict[str, Any]:
    return {"log": log_lines(run)}


CONTEXTS: dict[str, Callable[[TrainingRun], dict[str, Any]]] = {
    "head": _head,
    "status": _status,
    "result": _result,
    "checks": _checks,
    "samples": _samples,
    "log": _log,
}


def _version(run: TrainingRun) -> PersonaModel | None:
    return PersonaModel.objects.filter(run=run).first() if run.state == State.READY else None


def shown(run: TrainingRun) -> str:
    """The state as far as the page's head depends on it."""
    wish = (
        "stopping" if run.cancel_requested else "pausing" if run.pause_requested and run.state != State.PAUSED else ""
    )
    if run.is_active and wish:
        return f"{run.state}-{wish}"
    return f"{run.state}-ask" if run_words.must_decide(run) else run.state


def pace(run: TrainingRun) -> int:
    """Seconds until the page looks again."""
    if run.state == State.PAUSED or run_words.must_decide(run):
        return SLOW
    return FAST if run.provider == LOCAL else REMOTE


def stages(run: TrainingRun) -> list[tuple[str, str]]:
    """Label and mark (done, now, next) of each stage on the way; none where the way has ended early."""
    here, labels = _place_on_the_way(run), _labels(run)
    if here is None:
        return []
    marks = ["done"] * here + ["done" if run.state == State.READY else "now"] + ["next"] * (len(labels) - here - 1)
    return list(zip(labels, marks, strict=True))


def _labels(run: TrainingRun) -> list[str]:
    on_the_way = [] if run.provider == LOCAL else [_("sent"), _("checked there")]
    return [_("queued"), _("prepared"), *on_the_way, _("training"), _("checking"), _("ready")]


def _place_on_the_way(run: TrainingRun) -> int | None:
    state = State(run.state)
    if state == State.PAUSED:
        state = State.TRAINING if run.step else State.QUEUED
    way = [State.QUEUED, State.PREPARING]
    way += [] if run.provider == LOCAL else [State.UPLOADING, State.VALIDATING]
    way += [State.TRAINING, State.EVALUATING, State.READY]
    state = State.UPLOADING if state == State.UNSURE else state
    return way.index(state) if state in way else None


def asked(run: TrainingRun) -> list[Asked]:
    """By question, in the order in which they were first asked. A step that was trained again counts once."""
    found: dict[str, Asked] = {}
    replies: dict[tuple[str, int], str] = {}
    clean = renderer(run.format).clean
    for data in run.events.filter(kind="sample").values_list("data", flat=True):
        question = str(data.get("question", ""))
        found.setdefault(question, Asked(question, str(data.get("expected", ""))))
        replies[question, int(data.get("step") or 0)] = clean(str(data.get("reply", "")))
    for (question, step), reply in sorted(replies.items(), key=lambda entry: entry[0][1]):
        found[question].add(step, reply)
    return list(found.values())


def log_lines(run: TrainingRun) -> list[str]:
    """The last of what the trainer or the provider said, word for word; then its own output where the run failed."""
    told = run.events.filter(kind__in=["log", "error"]).order_by("-number").values_list("data", flat=True)[:LOG_LINES]
    lines = [str(data.get("message", "")) for data in reversed(told)]
    return lines + (_output_tail(run) if run.state == State.FAILED else [])


def _output_tail(run: TrainingRun) -> list[str]:
    try:
        with (run.folder / "trainer.log").open("rb") as file:
            file.seek(0, 2)
            file.seek(max(0, file.tell() - LOG_TAIL_BYTES))
            return file.read().decode(errors="replace").splitlines()[-LOG_TAIL:]
    except FileNotFoundError:
        return []


def page_title(run: TrainingRun) -> str:
    if run.state == State.TRAINING:
        return _("%(percent)d %% · Training") % {"percent": run.percent}
    return _("%(state)s · Training") % {"state": run.get_state_display().capitalize()}
