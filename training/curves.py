"""The curves of a run: points for the chart, thinned, and the checks for the table and for advice."""

import math
from bisect import bisect_right
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import groupby
from statistics import fmean
from typing import Any

from training.advice import Point
from training.models import RunEvent, TrainingRun

DRAWN = 1000  # points of the training curve: as many as a wide screen has pixels to draw them with
LISTED = 40  # rows of the table

Row = tuple[int, str, dict[str, Any]]  # number, kind and data of an event
Drawn = tuple[int, float, float | None]  # step, loss, token accuracy


@dataclass(frozen=True)
class Check:
    """A measurement on answers kept aside. Losses in nats a token, accuracies from 0 to 1; None: not told."""

    step: int
    epoch: float | None
    training_loss: float | None
    loss: float
    token_accuracy: float | None
    is_best: bool = False


def points_after(run: TrainingRun, number: int, limit: int) -> dict[str, Any]:
    """New points after event `number`, and the number of the last event looked at.

    `training` and `validation` are lists of (step, loss, token accuracy or None), `batches` the same for validation
    losses over a batch only. A long training curve comes as means over a few steps each.
    """
    rows: list[Row] = list(run.events.filter(number__gt=number).values_list("number", "kind", "data")[:limit])
    more, width = len(rows) == limit, bucket_width(run.total_steps)
    if width > 1 and (run.is_active or more):
        rows = _whole_buckets(rows, width) or (rows if more else [])
    checks = [(data, _point(data)) for _number, kind, data in rows if kind == "validation"]
    return {
        "training": thinned((_point(data) for _number, kind, data in rows if kind == "step"), width),
        "validation": [point for data, point in checks if point and data.get("full", True)],
        "batches": thinned((point for data, point in checks if not data.get("full", True)), width),
        "last": rows[-1][0] if rows else number,
        "more": more,
        "kinds": {kind for _number, kind, _data in rows},
    }


def bucket_width(total_steps: int) -> int:
    """Of how many steps a drawn point is the mean."""
    return max(1, math.ceil(total_steps / DRAWN))


def _whole_buckets(rows: list[Row], width: int) -> list[Row]:
    """Without the events of the bucket that is still being filled: they come with the next look."""
    steps = [_step(data) for _number, kind, data in rows if kind == "step"]
    if not steps:
        return rows
    open_bucket = steps[-1] // width
    for index in range(len(rows) - 1, -1, -1):
        if rows[index][1] == "step" and _step(rows[index][2]) // width != open_bucket:
            return rows[: index + 1]
    return []


def thinned(points: Iterable[Drawn | None], width: int) -> list[Drawn]:
    """Means of each `width` steps, at the first step of theirs that there is."""
    found: list[Drawn] = []
    for _bucket, group in groupby((point for point in points if point), key=lambda point: point[0] // width):
        members = list(group)
        accuracies = [accuracy for _step, _loss, accuracy in members if accuracy is not None]
        mean = round(fmean(accuracies), 4) if accuracies else None
        found.append((members[0][0], round(fmean(loss for _step, loss, _accuracy in members), 4), mean))
    return found


def _point(data: dict[str, Any]) -> Drawn | None:
    loss, accuracy = data.get("loss"), data.get("token_accuracy")
    if not isinstance(loss, int | float):
        return None
    return _step(data), loss, accuracy if isinstance(accuracy, int | float) else None


def _step(data: dict[str, Any]) -> int:
    return int(data.get("step") or 0)


def checks_of(run: TrainingRun) -> list[Check]:
    """All checks in the order of their steps, a repeated one once; over batches only where there are no whole ones."""
    events = RunEvent.objects.filter(run=run)
    told = [(bool(data.get("full", True)), point) for data in _data(events, "validation") if (point := _point(data))]
    whole = [point for full, point in told if full] or [point for _full, point in told]
    points = sorted({point[0]: point for point in whole}.values())
    if not points:
        return []
    losses, per_epoch = _training_losses(run, points), steps_per_epoch(run)
    best = min(points, key=lambda point: point[1])[0]
    return [
        Check(step, step / per_epoch if per_epoch else None, before, loss, accuracy, step == best)
        for (step, loss, accuracy), before in zip(points, losses, strict=True)
    ]


def _data(events: Any, kind: str) -> list[dict[str, Any]]:
    return list(events.filter(kind=kind).values_list("data", flat=True))


def _training_losses(run: TrainingRun, checks: Sequence[Drawn]) -> list[float | None]:
    """The mean training loss since the check before, for each check."""
    told = {point[0]: point[1] for data in _data(run.events, "step") if (point := _point(data))}
    steps = sorted(told)
    starts = [0, *(step for step, _loss, _accuracy in checks)]
    found: list[float | None] = []
    for start, (end, _loss, _accuracy) in zip(starts, checks, strict=False):
        between = [told[step] for step in steps[bisect_right(steps, start) : bisect_right(steps, end)]]
        found.append(fmean(between) if between else None)
    return found


def steps_per_epoch(run: TrainingRun) -> float:
    """As the trainer counts them, else from the passes that were ordered; 0 where nobody knows."""
    last = run.events.filter(kind="step").order_by("-number").values_list("data", flat=True).first() or {}
    epoch = last.get("epoch")
    if isinstance(epoch, int | float) and epoch > 0:
        return _step(last) / epoch
    passes = run.overrides.get("epochs") or run.estimate.get("epochs")
    return run.total_steps / passes if isinstance(passes, int | float) and passes > 0 else 0.0


def listed(checks: Sequence[Check]) -> list[Check]:
    """At most `LISTED` of them, evenly, always with the best and the last."""
    if len(checks) <= LISTED:
        return list(checks)
    chosen = {round(index * (len(checks) - 1) / (LISTED - 1)) for index in range(LISTED)}
    return [check for index, check in enumerate(checks) if index in chosen or check.is_best]


def points_of(checks: Sequence[Check]) -> list[Point]:
    """The checks as training.advice takes them."""
    return [Point(check.step, check.training_loss, check.loss) for check in checks]
