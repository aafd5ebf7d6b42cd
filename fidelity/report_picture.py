"""The picture of a report: a row for each control and for the person, a dot and its interval on one scale.

Places are percentages of the width, written for SVG's attributes: the picture fits any width and needs no script.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from math import ceil, floor

from fidelity.report_schema import Figure, Result
from fidelity.report_words import against_words, between, control_label, percent, points_between

SELF = "self"  # the person, two weeks later
STEP = 0.1  # between two lines of the scale
NARROWEST = 0.4  # a narrower scale would make small differences look large
ORDER = (
    "persona",
    "base_answers",
    "no_retrieval",
    "other_notes",
    "other_adapter",
    "other_person",
    "base",
    "common",
    "chance",
)


@dataclass(frozen=True)
class Row:
    """`at`, `low`, `high`: places such as "45.0%"; empty where there is no figure, and then `why` says why."""

    name: str
    label: str
    value: str = ""
    between: str = ""
    items: int = 0
    at: str = ""
    low: str = ""
    high: str = ""
    difference: str = ""
    verdict: str = ""
    why: str = ""


@dataclass(frozen=True)
class Picture:
    """`ticks`: label and place of each line of the scale."""

    rows: tuple[Row, ...]
    ticks: tuple[tuple[str, str], ...]


@dataclass(frozen=True)
class Scale:
    """Shares from `low` to `high` over the whole width."""

    low: float
    high: float

    def place(self, share: float) -> str:
        """With a point whatever the language: SVG reads no comma."""
        within = min(max(share, self.low), self.high)
        return f"{100 * (within - self.low) / (self.high - self.low):.1f}%"

    def ticks(self) -> tuple[tuple[str, str], ...]:
        steps = range(round(self.low / STEP), round(self.high / STEP) + 1)
        return tuple((percent(step * STEP), self.place(step * STEP)) for step in steps)


def scale_of(figures: Iterable[Figure]) -> Scale:
    """Whole tenths around all intervals."""
    ends = [(figure["low"], figure["high"]) for figure in figures]
    low = floor(min((low for low, _high in ends), default=0.0) / STEP + 1e-9) * STEP
    high = ceil(max((high for _low, high in ends), default=1.0) / STEP - 1e-9) * STEP
    low = max(0.0, min(low, high - NARROWEST))
    return Scale(low, min(1.0, max(high, low + NARROWEST)))


def picture_of(result: Result, *, persona_label: str, self_label: str) -> Picture | None:
    """None where nothing was chosen, so that there is nothing to draw."""
    if result["agreement"] is None:
        return None
    ceiling = result["ceiling"]
    controls = sorted(result["controls"], key=lambda each: _place(each["name"]))
    own = ceiling["self_agreement"] if ceiling else None
    scale = scale_of([figure for figure in (own, *(each["agreement"] for each in controls)) if figure])
    rows = [_row(SELF, self_label, own, scale)] if own else []
    for each in controls:
        label = persona_label if each["name"] == "persona" else control_label(each["name"])
        difference = points_between(each["against"]["difference"]) if each["against"] else ""
        words = (difference, against_words(each["against"]), each["why"])
        rows.append(_row(each["name"], label, each["agreement"], scale, words))
    return Picture(tuple(rows), scale.ticks())


def _place(name: str) -> int:
    return ORDER.index(name) if name in ORDER else len(ORDER)


def _row(name: str, label: str, figure: Figure | None, scale: Scale, words: tuple[str, str, str] = ("", "", "")) -> Row:
    """`words`: difference, verdict, why."""
    difference, verdict, why = words
    if figure is None:
        return Row(name, label, difference=difference, verdict=verdict, why=why)
    at, low, high = (scale.place(share) for share in (figure["value"], figure["low"], figure["high"]))
    ends = between(figure)
    if name == "chance":  # it is known, not measured
        ends, low, high = "", at, at
    return Row(name, label, percent(figure["value"]), ends, figure["items"], at, low, high, difference, verdict, why)
