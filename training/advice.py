"""What the curves of a training say about its number of passes. Pure: figures in, codes of sentences out.

Losses are in nats a token, so a difference d of two of them is a factor exp(d) in how surprised the model is
(perplexity, Jelinek et al., 1977).
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from enum import StrEnum

LEAST_CHECKS = 3  # two points are a line, whatever the curve is
MEANINGFUL = 0.02  # nats: a perplexity 2 % lower or higher; a smaller step is not visible in replies
MEMORISED = math.log(2)  # nats: it is twice as surprised by what was kept aside as by what it learned


class Verdict(StrEnum):
    """What is said. The words stand in training.advice_words."""

    TOO_FEW = "too few checks to tell"
    STOPPED_LEARNING = "from `epoch` on only memorising"
    SETTLED = "the last pass changed little"
    STILL_LEARNING = "another pass may help"
    MEMORISES = "more answers rather than more passes"
    STOPPED_EARLY = "ended at `step` of `total`, as no more was to be gained"
    BEST_KEPT = "the version is the one of `step`, not the last"


@dataclass(frozen=True)
class Point:
    """A check: the mean training loss since the one before, None where it was not told, and the validation loss."""

    step: int
    training_loss: float | None
    validation_loss: float


@dataclass(frozen=True)
class Advice:
    """A verdict with the figures that its sentence names."""

    verdict: Verdict
    figures: dict[str, float] = field(default_factory=dict)


def advise(
    points: Sequence[Point], *, steps_per_epoch: float, best_step: int = 0, last_step: int = 0, total_steps: int = 0
) -> list[Advice]:
    """Advice on passes (epochs) from the checks of a finished training, in the order of their steps.

    `best_step` is the checkpoint that was published, 0 where that is not known; `last_step` and `total_steps` tell
    whether it ended before its time. Without a single check there is nothing to say.
    """
    if not points:
        return []
    found = [_curve(points, steps_per_epoch)]
    best = min(points, key=lambda point: point.validation_loss)
    if _memorises(points[0], best):
        found.append(Advice(Verdict.MEMORISES, {"times": math.exp(_gap(best) or 0.0)}))
    if 0 < last_step < total_steps:
        found.append(Advice(Verdict.STOPPED_EARLY, {"step": last_step, "total": total_steps}))
    if 0 < best_step < last_step:
        found.append(Advice(Verdict.BEST_KEPT, {"step": best_step, "epoch": best_step / steps_per_epoch}))
    return found


def _curve(points: Sequence[Point], steps_per_epoch: float) -> Advice:
    if len(points) < LEAST_CHECKS:
        return Advice(Verdict.TOO_FEW, {"checks": len(points)})
    best, last = min(points, key=lambda point: point.validation_loss), points[-1]
    epoch = {"epoch": best.step / steps_per_epoch}
    if last.validation_loss - best.validation_loss >= MEANINGFUL:
        return Advice(Verdict.STOPPED_LEARNING, epoch)
    gained = _epoch_before(points, steps_per_epoch).validation_loss - last.validation_loss
    if gained >= MEANINGFUL and best is last:
        return Advice(Verdict.STILL_LEARNING, {"gained": _percent(gained)})
    return Advice(Verdict.SETTLED, epoch)


def _epoch_before(points: Sequence[Point], steps_per_epoch: float) -> Point:
    """The latest check that lies a whole pass before the last one; the first one where the training was shorter."""
    start = points[-1].step - steps_per_epoch
    return max((point for point in points if point.step <= start), key=lambda point: point.step, default=points[0])


def _percent(nats: float) -> float:
    """By how many per cent the surprise fell."""
    return 100 * (1 - math.exp(-nats))


def _memorises(first: Point, best: Point) -> bool:
    """Whether at its best what it learned is far closer to it than what was kept aside, and more so than at first.

    The second keeps answers out that were merely harder from the start.
    """
    before, now = _gap(first), _gap(best)
    return now is not None and now >= MEMORISED and (before is None or best is first or now > before)


def _gap(point: Point) -> float | None:
    return None if point.training_loss is None else point.validation_loss - point.training_loss
