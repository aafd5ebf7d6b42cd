"""How sure a figure is: bootstrap intervals, paired tests, and how many more items would tell. Seeded throughout."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import product
from math import ceil, inf, log2
from statistics import NormalDist

import numpy as np
from numpy.typing import ArrayLike, NDArray

RESAMPLES = 2000  # the ends of a 95 % interval then rest on 50 resamples each (Efron and Tibshirani, 1993: 1000-2000)
LEVEL = 0.95
_EXACT_UP_TO = 14  # items: 16,384 signs are all tried; beyond, that many are drawn
_CELLS = 4_000_000  # drawn at once: 32 MB

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Estimate:
    """A mean with its interval (`low` to `high`) over `items` independent items."""

    value: float
    low: float
    high: float
    items: int


@dataclass(frozen=True)
class Comparison:
    """A minus B on the same items: the mean `difference` in points with its interval, and the two-sided p-value."""

    difference: Estimate
    p_value: float

    def tells(self, level: float = LEVEL) -> bool:
        """Whether A and B differ beyond what chance would do."""
        return self.p_value <= 1 - level


@dataclass(frozen=True)
class Normalised:
    """Agreement as a share of the person's agreement with themselves, and both parts."""

    ratio: Estimate
    agreement: Estimate
    self_agreement: Estimate


def accuracy(
    points: ArrayLike,
    *,
    groups: Sequence[object] | None = None,
    seed: int = 0,
    resamples: int = RESAMPLES,
    level: float = LEVEL,
) -> Estimate:
    """The mean of points (0 to 1 an item) with its percentile bootstrap interval (Efron, 1979).

    `points`: shape (items,). `groups`: of the same length; items that share something (a person, a film) are not
    independent and are drawn together (cluster bootstrap: Davison and Hinkley, 1997, section 3.8); `items` then counts
    groups. If all points are equal no resample differs, and the interval would be a lie: then see `_unvaried`.
    ValueError for no items.
    """
    sums, counts = _grouped(_points(points), groups)
    value = float(sums.sum() / counts.sum())
    if np.ptp(sums / counts) == 0:
        return Estimate(value, *_unvaried(value, len(sums), level), len(sums))
    means = _resampled(np.stack([sums, counts]), seed, resamples)
    return Estimate(value, *_interval(means[0] / means[1], level), len(sums))


def compare(
    points: ArrayLike, control: ArrayLike, *, seed: int = 0, resamples: int = RESAMPLES, level: float = LEVEL
) -> Comparison:
    """A against a control on the same items, in the same order; both of shape (items,).

    The test flips the sign of each item's difference, which under "no difference" is as likely as not (Fisher, 1935):
    all flips for up to 14 items that differ, else 16,384 drawn ones, the observed one counted among them so that p is
    never 0 (Phipson and Smyth, 2010). Two-sided. ValueError if lengths differ or there are no items.
    """
    one, other = _points(points), _points(control)
    if one.shape != other.shape:
        raise ValueError(f"A paired test needs the same items on both sides, not {len(one)} and {len(other)}.")
    differences = one - other
    # From -1 to 1 and back, so that equal differences get the interval of equal points.
    half = accuracy((differences + 1) / 2, seed=seed, resamples=resamples, level=level)
    estimate = Estimate(float(differences.mean()), half.low * 2 - 1, half.high * 2 - 1, half.items)
    return Comparison(estimate, _sign_flip(differences[differences != 0], seed))


def normalised(
    agreement: Mapping[str, float],
    retest: Mapping[str, float],
    *,
    chance: float = 0.0,
    seed: int = 0,
    resamples: int = RESAMPLES,
    level: float = LEVEL,
) -> Normalised | None:
    """How near the model comes to the person's own ceiling: (agreement - chance) / (self-agreement - chance).

    `agreement`: points of the model by item; `retest`: points of the person's second answers against the first. The
    quotient with chance 0 is that of Park et al., 2024 (arXiv:2411.10109). The interval resamples the items of both
    together, an item asked twice staying one (Efron and Tibshirani, 1993, section 7). None while the person agrees with
    themselves no better than `chance`: there is no ceiling to measure by. ValueError if either is empty.
    """
    sides = (agreement, retest)
    parts = [accuracy([*side.values()], seed=seed, resamples=resamples, level=level) for side in sides]
    if parts[1].value <= chance:
        return None
    items = agreement.keys() | retest.keys()
    if any(len(set(side.values())) == 1 for side in sides):
        ends = _quotient_of_ends(parts[0], parts[1], chance)
    else:
        ends = _interval(_ratios(agreement, retest, chance, seed, resamples), level)
    value = (parts[0].value - chance) / (parts[1].value - chance)
    return Normalised(Estimate(value, *ends, len(items)), parts[0], parts[1])


def _ratios(
    agreement: Mapping[str, float], retest: Mapping[str, float], chance: float, seed: int, resamples: int
) -> Floats:
    """Normalised agreement in each resample that holds an item of both; infinite where no ceiling is left."""
    items = sorted(agreement.keys() | retest.keys())
    table = [[side.get(item, 0.0) for item in items] for side in (agreement, retest)]
    asked = [[float(item in side) for item in items] for side in (agreement, retest)]
    means = _resampled(np.array([*table, *asked]), seed, resamples)
    means = means[:, (means[2:] > 0).all(axis=0)]
    above, below = means[0] / means[2] - chance, means[1] / means[3] - chance
    return np.asarray(np.divide(above, below, out=np.full_like(above, np.inf), where=below > 0), float)


def _quotient_of_ends(agreement: Estimate, ceiling: Estimate, chance: float) -> tuple[float, float]:
    """Wider than needed, but true, where the points of a part do not vary and resampling would see no doubt in it."""
    below = ceiling.low - chance
    return (agreement.low - chance) / (ceiling.high - chance), (agreement.high - chance) / below if below > 0 else inf


def more_items(points: ArrayLike, control: ArrayLike, *, power: float = 0.8, level: float = LEVEL) -> int | None:
    """About how many more items would tell A from the control, if the difference stays as it is; None if it is 0.

    n = ((z(1 - a/2) + z(power)) * s / d)^2 with a = 1 - level, d the mean and s the standard deviation of the paired
    differences: the normal approximation for a paired mean (Cohen, 1988, chapter 2). An early difference is itself
    uncertain, so the number is an order of magnitude, not a promise. At least 6 items, since fewer signs cannot reach
    5 %. 0 means that there are enough. Shapes as in `compare`; at least two items, else None.
    """
    differences = _points(points) - _points(control)
    mean = float(differences.mean())
    if len(differences) < 2 or mean == 0:
        return None
    normal = NormalDist()
    quantiles = normal.inv_cdf((1 + level) / 2) + normal.inv_cdf(power)
    fewest = ceil(log2(2 / (1 - level)))
    wanted = max(fewest, ceil((quantiles * float(differences.std(ddof=1)) / mean) ** 2))
    return max(0, wanted - len(differences))


def _points(values: ArrayLike) -> Floats:
    found = np.asarray(values, float)
    if found.ndim != 1 or found.size == 0:
        raise ValueError("A figure needs at least one item.")
    if not np.isfinite(found).all():
        raise ValueError("Points have to be numbers.")
    return found


def _grouped(points: Floats, groups: Sequence[object] | None) -> tuple[Floats, Floats]:
    """The sum and the number of points of each group; a group an item without `groups`."""
    if groups is None:
        return points, np.ones_like(points)
    if len(groups) != len(points):
        raise ValueError(f"{len(points)} points need as many groups, not {len(groups)}.")
    numbers = {group: number for number, group in enumerate(dict.fromkeys(groups))}
    places = np.array([numbers[group] for group in groups])
    return np.asarray(np.bincount(places, points), float), np.asarray(np.bincount(places), float)


def _resampled(rows: Floats, seed: int, resamples: int) -> Floats:
    """Means over items drawn with replacement: (rows, items) to (rows, resamples); one draw serves all rows."""
    generator = np.random.default_rng(seed)
    items = rows.shape[1]
    batch = max(1, _CELLS // items)
    parts = []
    for start in range(0, resamples, batch):
        drawn = generator.integers(items, size=(min(batch, resamples - start), items))
        parts.append(np.stack([row[drawn].mean(axis=1) for row in rows]))
    return np.concatenate(parts, axis=1)


def _interval(values: Floats, level: float) -> tuple[float, float]:
    """The percentile interval; of the resamples themselves, since between infinite ones nothing can be interpolated."""
    ends = np.quantile(values, [(1 - level) / 2, (1 + level) / 2], method="inverted_cdf")
    return float(ends[0]), float(ends[1])


def _unvaried(value: float, items: int, level: float) -> tuple[float, float]:
    """The interval when all items got the same points: another outcome may still be as frequent as 1 - q, with
    q = ((1 - level) / 2)^(1 / items), and never have come up. For all right and all wrong this is the exact interval
    of Clopper and Pearson (1934)."""
    unseen = ((1 - level) / 2) ** (1 / items)
    return value * unseen, 1 - (1 - value) * unseen


def _sign_flip(differences: Floats, seed: int) -> float:
    """The share of sign flips whose mean lies as far from 0 as the observed one."""
    if len(differences) == 0:
        return 1.0
    observed = abs(float(differences.sum())) - 1e-9
    if len(differences) <= _EXACT_UP_TO:
        signs = np.array(list(product((-1, 1), repeat=len(differences))))
        return float((abs(signs @ differences) >= observed).mean())
    draws: int = 2**_EXACT_UP_TO
    far = done = 0
    generator = np.random.default_rng(seed)
    while done < draws:
        size = min(max(1, _CELLS // len(differences)), draws - done)
        signs = generator.integers(2, size=(size, len(differences))) * 2 - 1
        far += int((abs(signs @ differences) >= observed).sum())
        done += size
    return (far + 1) / (draws + 1)
