"""A provider's events, checkpoints and statuses in the words of the engine's progress lines (docs/architecture.md)."""

import math
from collections.abc import Iterable, Iterator, Set
from typing import Any

from training.providers.base import Event

# The run's states. A status that is not listed is kept raw and is not final.
STATES = {"validating_files": "validating", "queued": "validating", "running": "training", "paused": "paused"}
FINAL = {"succeeded", "failed", "cancelled"}
MAX_MESSAGE = 2000
MAX_STEP = 2_000_000_000


def state_of(status: str, step: int, total_steps: int) -> str:
    """The run's state for a provider's status; empty for an unknown one."""
    if status == "running" and 0 < total_steps <= step:
        return "evaluating"
    return STATES.get(status, "")


def new_events(rows: Iterable[dict[str, Any]], seen: Set[str]) -> list[dict[str, Any]]:
    """What was not seen yet, each once, in the order of (created_at, id): servers differ in theirs."""
    new = {str(row.get("id") or row): row for row in rows}
    return sorted((row for key, row in new.items() if key not in seen), key=_order)


def until_seen(rows: Iterable[dict[str, Any]], seen: Set[str], page: int) -> Iterator[dict[str, Any]]:
    """The rows up to the end of the page with a known one, where the newest come first: older ones are known too."""
    first: dict[str, Any] | None = None
    known = False
    for number, row in enumerate(rows, 1):
        first = first or row
        known = known or (identity(row) in seen and _order(row) < _order(first))
        yield row
        if known and number % page == 0:
            return


def _order(row: dict[str, Any]) -> tuple[float, str]:
    return (number(row.get("created_at")) or 0.0, str(row.get("id") or row))


def identity(row: dict[str, Any]) -> str:
    """By which an event is known again; its whole text where it has no id."""
    return str(row.get("id") or row)


def lines(row: dict[str, Any]) -> Iterator[Event]:
    """A provider's event as progress lines: none, one, or a step with its validation."""
    at = number(row.get("created_at")) or 0.0
    data = row.get("data") if isinstance(row.get("data"), dict) else {}
    if data and number(data.get("step")) is not None:
        yield from metric_lines(data, at)
    elif message := str(row.get("message") or "")[:MAX_MESSAGE]:
        yield {"event": "log", "at": at, "message": message, "level": str(row.get("level") or "info")}


def metric_lines(data: dict[str, Any], at: float) -> Iterator[Event]:
    """Metrics of a step. A figure over all validation rows is worth more than one over a batch of them."""
    step = _whole(data.get("step"))
    total = _whole(data.get("total_steps"))
    loss, accuracy = number(data.get("train_loss")), number(data.get("train_mean_token_accuracy"))
    if loss is not None:
        yield _without_none(
            {"event": "step", "at": at, "step": step, "total_steps": total, "loss": loss, "token_accuracy": accuracy}
        )
    for prefix, whole in (("full_valid", True), ("valid", False)):
        loss = number(data.get(f"{prefix}_loss"))
        if loss is not None:
            accuracy = number(data.get(f"{prefix}_mean_token_accuracy"))
            yield _without_none(
                {"event": "validation", "at": at, "step": step, "loss": loss, "token_accuracy": accuracy, "full": whole}
            )
            return


def checkpoint_line(row: dict[str, Any]) -> Event:
    """`model` is the name under which a provider serves the checkpoint, or its id."""
    step = _whole(row.get("step_number"))
    model = str(row.get("fine_tuned_model_checkpoint") or row.get("id") or "")
    metrics = row.get("metrics") if isinstance(row.get("metrics"), dict) else {}
    at = number(row.get("created_at")) or 0.0
    return {"event": "checkpoint", "at": at, "step": step, "model": model, "metrics": metrics}


def number(value: Any) -> float | None:
    """A finite number, also one that was written as text; None for anything else."""
    try:
        found = float(value)
    except (TypeError, ValueError, OverflowError):
        return None
    return found if math.isfinite(found) and not isinstance(value, bool) else None


def _whole(value: Any) -> int:
    """A step's number, as far as a column of the database can hold one."""
    return min(MAX_STEP, max(0, int(number(value) or 0)))


def _without_none(event: Event) -> Event:
    return {name: value for name, value in event.items() if value is not None}


def clean(value: Any) -> Any:
    """What any database keeps: NaN and infinities become None, NUL and lone surrogates U+FFFD."""
    if isinstance(value, dict):
        return {str(key): clean(each) for key, each in value.items()}
    if isinstance(value, list):
        return [clean(each) for each in value]
    if isinstance(value, float) and not math.isfinite(value):
        return None
    if isinstance(value, str):
        return value.replace("\0", "\ufffd").encode("utf-16", "surrogatepass").decode("utf-16", "replace")
    return value
