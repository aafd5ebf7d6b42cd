"""The figures that all parts of a report are made of."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from fidelity.measures.bootstrap import Estimate, accuracy
from fidelity.models import ReportItem
from fidelity.report_schema import Figure

Rows = Sequence[ReportItem]
Points = dict[tuple[str, str], float]  # (kind, item) -> points


def figure(points: Iterable[float]) -> Figure | None:
    """The mean with its interval; None without items."""
    found = list(points)
    return figure_of(accuracy(found)) if found else None


def figure_of(estimate: Estimate) -> Figure:
    """As a report keeps it."""
    return {
        "value": round(estimate.value, 4),
        "low": round(estimate.low, 4),
        "high": round(estimate.high, 4),
        "items": estimate.items,
    }


def mean(values: Iterable[float]) -> float | None:
    """None without values."""
    found = list(values)
    return round(sum(found) / len(found), 4) if found else None
