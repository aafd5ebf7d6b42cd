"""Did the person ever tell it? A logistic regression on how the scores of one query lie."""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt

from engine.retrieval.encoder import Array

_WEIGHTS = np.array([3.0, 2.0, 14.0, 2.0, 1.0])
_BIAS = -9.0


def features(fields: Array, order: npt.NDArray[np.intp], coverage: float) -> Array:
    """What the verdict looks at, from fields of shape (4, n) and the documents in order of their total."""
    best = order[0]
    total = fields[:3].sum(axis=0)
    runner_up = total[order[1]] if len(order) > 1 else np.float32(0)
    return np.array(
        [fields[0, best], fields[1, best], fields[2, best], total[best] - runner_up, coverage], dtype=np.float32
    )


def answerable(values: Array) -> float:
    """The probability that the best document answers the query."""
    return 1 / (1 + math.exp(-float(values @ _WEIGHTS + _BIAS)))
