"""A run as OpenAI's objects: the job, its events, its checkpoints."""

from collections.abc import Iterable
from datetime import datetime
from typing import Any

from django.db.models import Q

from api.openai.files import file_id
from api.openai.model_names import base_name, name_of_run
from engine.recipes import RECIPES
from training.models import RunEvent, TrainingRun

JOB, EVENT, CHECKPOINT = "ftjob-", "ftevent-", "ftckpt-"
State = TrainingRun.State
STATUS = {
    State.QUEUED: "queued",
    State.PAUSED: "paused",
    State.READY: "succeeded",
    State.FAILED: "failed",
    State.CANCELLED: "cancelled",
}
FIRST, LAST = 0, 10**9  # numbers of the events that no trainer writes: the order, and the end
TOLD = ("step", "validation", "log", "error", "checkpoint")
STEP_METRICS = {"step": "step", "total_steps": "total_steps", "train_loss": "loss"}  # OpenAI's names: the trainer's
VALIDATION_METRICS = {"step": "step", "valid_loss": "loss", "valid_mean_token_accuracy": "token_accuracy"}
FINAL_METRICS = {"full_valid_loss": "validation_loss", "full_valid_mean_token_accuracy": "token_accuracy"}
STATES_TOLD = {"preparing": "Preparing the base model and the rows", "publishing": "Publishing the model"}


def job_id(run: TrainingRun) -> str:
    return JOB + run.pk.hex


def status_of(run: TrainingRun) -> str:
    """OpenAI's word for where the run is. What was asked for counts: the trainer follows within a second."""
    if run.is_active and run.cancel_requested:
        return "cancelled"
    if run.is_active and run.pause_requested:
        return "paused"
    if run.state == State.PREPARING and not run.data_hash:
        return "validating_files"
    return STATUS.get(State(run.state), "running")


def job_shape(run: TrainingRun) -> dict[str, Any]:
    """`FineTuningJob`."""
    source, figures = run.source, _figures(run)
    hyperparameters = _hyperparameters(run)
    return {
        "id": job_id(run),
        "object": "fine_tuning.job",
        "created_at": _unix(run.created_at),
        "finished_at": _unix(run.finished_at) if run.finished_at else None,
        "status": status_of(run),
        "error": _error(run),
        "model": base_name(run.base_model),
        "fine_tuned_model": name_of_run(run) if run.state == State.READY else None,
        "organization_id": "local",
        "training_file": file_id(source["training_file"]),
        "validation_file": file_id(source["validation_file"]) if source.get("validation_file") else None,
        "result_files": [file_id(source["result_file"])] if source.get("result_file") else [],
        "hyperparameters": hyperparameters,
        "method": {"type": "supervised", "supervised": {"hyperparameters": hyperparameters}},
        "trained_tokens": figures.get("tokens") if run.state == State.READY else None,
        "seed": run.seed,
        "estimated_finish": _finish(run),
        "integrations": [],
        "metadata": source.get("metadata"),
    }


def _figures(run: TrainingRun) -> dict[str, Any]:
    version = getattr(run, "version", None)
    return dict(version.figures) if version else {}


def _hyperparameters(run: TrainingRun) -> dict[str, Any]:
    """What was ordered; once the rows are read, also what follows for the rest."""
    given = run.source.get("hyperparameters") or {}
    passes = run.overrides.get("epochs", "auto")
    usual = {"n_epochs": passes, "batch_size": "auto", "learning_rate_multiplier": "auto"}
    if run.data_hash:
        usual |= {"batch_size": RECIPES[run.recipe].batch_rows, "learning_rate_multiplier": 1.0}
    return usual | given


def _error(run: TrainingRun) -> dict[str, Any] | None:
    if run.state != State.FAILED:
        return None
    code, param = ("training_failed", None) if run.data_hash else ("invalid_training_file", "training_file")
    return {"code": code, "message": run.error or "The training failed.", "param": param}


def _finish(run: TrainingRun) -> int | None:
    """When it will probably be over, in Unix seconds."""
    last = run.events.filter(kind="step").order_by("-number").first() if run.seconds_left else None
    return int(last.created_at.timestamp() + (run.seconds_left or 0)) if last else None


def _unix(moment: datetime) -> int:
    return int(moment.timestamp())


def events_after(run: TrainingRun, number: int, count: int) -> list[dict[str, Any]]:
    """Up to `count` events before event `number`, newest first, the order and the end included."""
    found = [_end(run)] if not run.is_active and number > LAST else []
    rows = RunEvent.objects.filter(run=run, number__lt=min(number, LAST))
    told = Q(kind__in=TOLD) | Q(kind="state", data__state__in=list(STATES_TOLD))
    found += [_event_shape(run, row) for row in rows.filter(told).order_by("-number")[:count]]
    if number > FIRST:
        found.append(_event(run, FIRST, run.created_at, f"Created fine-tuning job: {job_id(run)}"))
    return found[:count]


def event_number(run: TrainingRun, identifier: str) -> int | None:
    """The number in an event's id; None where it is none of this run's."""
    start = f"{EVENT}{run.pk.hex}-"
    digits = identifier.removeprefix(start)
    return int(digits) if identifier.startswith(start) and digits.isascii() and digits.isdigit() else None


def _event(
    run: TrainingRun, number: int, at: datetime, message: str, level: str = "info", data: dict[str, Any] | None = None
) -> dict[str, Any]:
    """`FineTuningJobEvent`; with `data` it is one of metrics."""
    return {
        "object": "fine_tuning.job.event",
        "id": f"{EVENT}{run.pk.hex}-{number}",
        "created_at": _unix(at),
        "level": level,
        "message": message,
        "type": "message" if data is None else "metrics",
        "data": data or {},
    }


def _event_shape(run: TrainingRun, row: RunEvent) -> dict[str, Any]:
    data = row.data
    level, metrics = "info", None
    match row.kind:
        case "step":
            message = f"Step {data.get('step')}/{data.get('total_steps')}: training loss={data.get('loss')}"
            metrics = _metrics(data, **STEP_METRICS)
        case "validation":
            message = f"Step {data.get('step')}: validation loss={data.get('loss')}"
            metrics = _metrics(data, **VALIDATION_METRICS)
        case "checkpoint":
            message = f"Progress is kept up to step {data.get('step')}"
        case "state":
            message = STATES_TOLD[data["state"]]
        case kind:
            message, level = str(data.get("message", "")), "error" if kind == "error" else "info"
    return _event(run, row.number, row.created_at, message, level, metrics)


def _metrics(data: dict[str, Any], **names: str) -> dict[str, Any]:
    return {new: data[old] for new, old in names.items() if isinstance(data.get(old), int | float)}


def _end(run: TrainingRun) -> dict[str, Any]:
    at = run.finished_at or run.created_at
    if run.state == State.READY:
        return _event(run, LAST, at, f"New fine-tuned model created: {name_of_run(run)}")
    if run.state == State.FAILED:
        return _event(run, LAST, at, run.error or "The training failed.", "error")
    return _event(run, LAST, at, "The job was cancelled.")


def checkpoint_shapes(run: TrainingRun) -> list[dict[str, Any]]:
    """What can be talked to: of a finished job its model, as the checkpoint of the step that was published."""
    if run.state != State.READY or getattr(run, "version", None) is None:
        return []
    figures = _figures(run)
    step = int(figures.get("published_step") or figures.get("steps") or run.step)
    return [
        {
            "object": "fine_tuning.job.checkpoint",
            "id": CHECKPOINT + run.pk.hex,
            "created_at": _unix(run.finished_at or run.created_at),
            "fine_tuning_job_id": job_id(run),
            "fine_tuned_model_checkpoint": name_of_run(run),
            "step_number": step,
            "metrics": {"step": step, **_metrics(figures, **FINAL_METRICS)},
        }
    ]


def results_csv(events: Iterable[RunEvent]) -> bytes:
    """The figures of each step, by OpenAI's names of columns; an empty field is one that was not measured."""
    rows: dict[int, dict[str, Any]] = {}
    for event in events:
        names = STEP_METRICS if event.kind == "step" else VALIDATION_METRICS
        rows.setdefault(int(event.data.get("step") or 0), {}).update(_metrics(event.data, **names))
    columns = ("step", "train_loss", "train_accuracy", "valid_loss", "valid_mean_token_accuracy")
    lines = [",".join(str(row.get(name, "")) for name in columns) for _step, row in sorted(rows.items())]
    return "\n".join([",".join(columns), *lines]).encode() + b"\n"
