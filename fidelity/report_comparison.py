"""Two reports side by side: their figures, and the items on which the two versions part."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, cast

from django.utils.translation import gettext as _

from fidelity import report_words as words
from fidelity.measures.bootstrap import Comparison, compare
from fidelity.models import Report, ReportItem
from fidelity.report_items import FACTS
from fidelity.report_page import Tile, tiles_of
from fidelity.report_schema import Result
from training.version_comparison import Line

FEWEST = 2  # common items: a difference of one says nothing
LISTED = 60


@dataclass(frozen=True)
class Parting:
    """An item that one version answered as the person did, and the other not."""

    question: str
    own: str
    left: str
    right: str
    left_is_right: bool


def comparison_context(left: Report, right: Report) -> dict[str, Any]:
    """Everything that templates/fidelity/compare.html needs; `left` is the older one."""
    both = _both(left, right)
    partings = [_parting(*pair) for pair in both if _parts(*pair)]
    return {
        "room": "likeness",
        "persona": right.persona,
        "left": left,
        "right": right,
        "pair": [left, right],
        "lines": _lines(cast(Result, left.result), cast(Result, right.result)),
        "common": len(both),
        "sentence": _sentence(left, right, _compared(both)),
        "gained": [each for each in partings if not each.left_is_right][:LISTED],
        "lost": [each for each in partings if each.left_is_right][:LISTED],
    }


def _lines(left: Result, right: Result) -> list[Line]:
    sides = [{(tile.title): tile for tile in _tiles(result)} for result in (left, right)]
    lines = []
    for title in dict.fromkeys([*sides[0], *sides[1]]):
        texts = [f"{side[title].value} ({side[title].below})" if title in side else "—" for side in sides]
        lines.append(Line(title, *texts))
    return lines


def _tiles(result: Result) -> list[Tile]:
    """The whole first, then its parts."""
    agreement = result["agreement"]
    parts = tiles_of(result)
    if agreement is None:
        return parts
    return [Tile("", _("As you did, in all"), words.percent(agreement["value"]), words.between(agreement)), *parts]


def _both(left: Report, right: Report) -> list[tuple[ReportItem, ReportItem]]:
    """The persona's answers to the items that both were asked and that have points."""
    sides = []
    for report in (left, right):
        rows = report.rows.filter(control=ReportItem.Control.PERSONA, points__isnull=False)
        sides.append({(row.kind, row.item): row for row in rows})
    return [(row, sides[1][key]) for key, row in sides[0].items() if key in sides[1] and row.own == sides[1][key].own]


def _parts(one: ReportItem, other: ReportItem) -> bool:
    return abs((one.points or 0) - (other.points or 0)) > 1e-6


def _compared(both: list[tuple[ReportItem, ReportItem]]) -> Comparison | None:
    if len(both) < FEWEST:
        return None
    return compare([new.points or 0.0 for _old, new in both], [old.points or 0.0 for old, _new in both])


def _sentence(left: Report, right: Report, found: Comparison | None) -> str:
    """Which of the two is nearer to the person, on the items that both were asked."""
    if found is None:
        return _("They were asked different questions, so that they cannot be compared item by item.")
    points = abs(round(100 * found.difference.value))
    told = {"points": points, "left": left.version.number, "right": right.version.number, "n": found.difference.items}
    if not found.tells():
        return _("On the %(n)d questions that both were asked no difference can be told.") % told
    if found.difference.value > 0:
        return _("On the %(n)d questions that both were asked version %(right)d is better by %(points)d points.") % told
    return _("On the %(n)d questions that both were asked version %(right)d is worse by %(points)d points.") % told


def _parting(old: ReportItem, new: ReportItem) -> Parting:
    own = new.own or (str(new.options[new.answer]) if new.answer is not None else "")
    return Parting(new.question, own, _said(old), _said(new), (old.points or 0) > (new.points or 0))


def _said(row: ReportItem) -> str:
    return row.reply if row.kind in FACTS else " / ".join(map(str, row.best()))
