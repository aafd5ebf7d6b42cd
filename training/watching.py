"""What the watch page shows of a run, for the page itself and for its polling."""

from dataclasses import dataclass, field
from typing import Any

from django.utils.translation import gettext as _

from questionnaires.dataset import renderer
from training.estimates import duration_range
from training.models import PersonaModel, RunEvent, TrainingRun
from training.services import runs_ahead

State = TrainingRun.State
LOG_TAIL = 40  # lines
LOG_TAIL_BYTES = 20_000


@dataclass
class Asked:
    """A held-out question with what the model said to it, step by step, and what the person had said."""

    question: str
    expected: str
    replies: list[tuple[int, str]] = field(default_factory=list)


def watch_context(run: TrainingRun) -> dict[str, Any]:
    """Everything that templates/training/run.html needs."""
    events = list(run.events.exclude(kind="step").values_list("kind", "data"))
    last_step = run.events.filter(kind="step").order_by("-number").values_list("data", flat=True).first() or {}
    return {
        "run": run,
        "persona": run.persona,
        "room": "train",
        "stages": stages(run),
        "left": duration_range(run.seconds_left) if run.seconds_left and run.state == State.TRAINING else "",
        "epoch": last_step.get("epoch"),
        "loss": last_step.get("loss"),
        "ahead": runs_ahead(run=run) if run.state == State.QUEUED else 0,
        "version": PersonaModel.objects.filter(run=run).first(),
        "samples": asked(run, events),
        "checks": [data for kind, data in events if kind == "validation"],
        "log": log_lines(run, events),
        "title": page_title(run),
    }


def stages(run: TrainingRun) -> list[tuple[str, str]]:
    """Label and mark (done, now, next) of each stage on the way."""
    labels = {
        State.QUEUED: _("queued"),
        State.PREPARING: _("prepared"),
        State.TRAINING: _("training"),
        State.EVALUATING: _("checking"),
        State.READY: _("ready"),
    }
    order = list(labels)
    if run.state not in labels:
        return [(run.get_state_display(), "now")]
    here = order.index(State(run.state))
    marks = ["done"] * here + ["done" if run.state == State.READY else "now"] + ["next"] * (len(order) - here - 1)
    return list(zip(labels.values(), marks, strict=True))


def asked(run: TrainingRun, events: list[tuple[str, dict[str, Any]]]) -> list[Asked]:
    """By question, in the order in which they were first asked. A step that was trained again counts once."""
    found: dict[str, Asked] = {}
    replies: dict[tuple[str, int], str] = {}
    clean = renderer(run.format).clean
    for kind, data in events:
        if kind == "sample":
            question = str(data.get("question", ""))
            found.setdefault(question, Asked(question, str(data.get("expected", ""))))
            replies[question, int(data.get("step") or 0)] = clean(str(data.get("reply", "")))
    for (question, step), reply in sorted(replies.items(), key=lambda entry: entry[0][1]):
        found[question].replies.append((step, reply))
    return list(found.values())


def log_lines(run: TrainingRun, events: list[tuple[str, dict[str, Any]]]) -> list[str]:
    """What the trainer said, then the end of its own output where the run failed."""
    lines = [str(data.get("message", "")) for kind, data in events if kind in {"log", "error"}]
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


def points_after(run: TrainingRun, number: int, limit: int) -> dict[str, Any]:
    """New points of the curves, `[step, loss]`, and the number of the last event looked at."""
    events = list(RunEvent.objects.filter(run=run, number__gt=number).values_list("number", "kind", "data")[:limit])
    curves: dict[str, list[tuple[int, float]]] = {"step": [], "validation": []}
    for _number, kind, data in events:
        if kind in curves and data.get("loss") is not None:
            curves[kind].append((data.get("step") or 0, data["loss"]))
    return {
        "training": curves["step"],
        "validation": curves["validation"],
        "last": events[-1][0] if events else number,
        "more": len(events) == limit,
        "kinds": {kind for _number, kind, _data in events},
    }
