"""From the rows of a report to its result (fidelity.report_schema.Result). Computed anew whenever a row changes."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping

from django.utils import timezone
from django.utils.translation import gettext as _

from fidelity.ceiling import ceiling_make
from fidelity.figures import Points, Rows, figure, figure_of, mean
from fidelity.measures.bootstrap import compare, more_items
from fidelity.measures.scoring import chance
from fidelity.models import Report, ReportItem
from fidelity.report_schema import (
    Against,
    Before,
    Control,
    Figure,
    Result,
)
from fidelity.result_sections import OUTCOMES, facts_make, films_make, forms_make, style_make, taught_make
from training.versions import is_remote

Kind, Name = ReportItem.Kind, ReportItem.Control
MOST_WANTED = 2000  # items: more than anybody answers, so the two may as well be called alike
CHOSEN = (Kind.CHOICE, Kind.FILM, Kind.PAIR)


def result_make(report: Report) -> Result:
    """The whole report of its rows as they are now."""
    rows = [row for row in report.rows.all() if row.asked_at is not None]
    by_control = {name: [row for row in rows if row.control == name] for name in Name.values}
    own = by_control[Name.PERSONA]
    points = points_of(own)
    controls = _controls(report, by_control)
    return {
        "schema": 1,
        "form": report.form,
        "language": report.persona.language,
        "method": "replies" if is_remote(report.version) else "probability",
        "agreement": figure(points.values()),
        "correct": round(sum(points.values()), 3),
        "asked": len(points),
        "by_kind": _by_kind(own),
        "chance": mean(_chance(own).values()),
        "controls": controls,
        "ceiling": ceiling_make(report.persona, points, _chance(own)),
        "films": films_make(own),
        "facts": facts_make(own),
        "taught": taught_make(by_control),
        "style": style_make(by_control),
        "form_of_replies": forms_make(by_control),
        "left_out": report.left_out,
        "before": _before(report, points),
        "cost": report.cost,
        "seconds": _seconds(report),
    }


def points_of(rows: Rows) -> Points:
    """Points of the items with options."""
    return {(row.kind, row.item): row.points for row in rows if row.kind in CHOSEN and row.points is not None}


def _chance(rows: Rows) -> Points:
    asked = [row for row in rows if row.kind in CHOSEN and row.points is not None]
    shares = chance([len(row.options) for row in asked])
    return {(row.kind, row.item): float(share) for row, share in zip(asked, shares, strict=True)}


def _by_kind(rows: Rows) -> dict[str, Figure]:
    found = {kind: figure(points_of([row for row in rows if row.kind == kind]).values()) for kind in CHOSEN}
    return {str(kind.value): each for kind, each in found.items() if each}


def _controls(report: Report, by_control: Mapping[str, Rows]) -> list[Control]:
    own = by_control[Name.PERSONA]
    found = [_control(Name.PERSONA, own, own)]
    guessed = _chance(own)
    guess = _empty("chance", "")
    if guessed:
        guess |= {"agreement": figure(guessed.values()), "against": _against(points_of(own), guessed)}
    found += [guess, _empty("common", _("What most people answer is not known here: your answers stay with you."))]
    for name in Name.values:
        if name == Name.PERSONA:
            continue
        if by_control[name]:
            found.append(_control(name, by_control[name], own))
        elif why := report.unavailable.get(name):
            found.append(_empty(name, why))
    return found


def _control(name: str, rows: Rows, own: Rows) -> Control:
    points = points_of(rows)
    against = None if name == Name.PERSONA else _against(points_of(own), points)
    facts = Counter(row.outcome for row in rows if row.kind == Kind.FACT and row.own)
    return {
        "name": name,
        "available": True,
        "why": "",
        "agreement": figure(points.values()),
        "by_kind": _by_kind(rows),
        "against": against,
        "facts": {outcome: facts[outcome] for outcome in OUTCOMES} if facts else {},
    }


def _empty(name: str, why: str) -> Control:
    return {
        "name": name,
        "available": not why,
        "why": why,
        "agreement": None,
        "by_kind": {},
        "against": None,
        "facts": {},
    }


def _against(own: Points, control: Points) -> Against | None:
    """The persona minus the control, on the items that both have points for."""
    both = sorted(own.keys() & control.keys())
    if not both:
        return None
    ours, theirs = [own[key] for key in both], [control[key] for key in both]
    found = compare(ours, theirs)
    wanted = None if found.tells() else more_items(ours, theirs)
    return {
        "difference": figure_of(found.difference),
        "p_value": round(found.p_value, 5),
        "tells": found.tells(),
        "more_items": wanted if wanted is None or wanted <= MOST_WANTED else None,
    }


def _before(report: Report, points: Points) -> Before | None:
    """Against the newest report on the version before that has one."""
    earlier = Report.objects.filter(
        persona=report.persona, state=Report.State.DONE, version__number__lt=report.version.number
    )
    last = earlier.select_related("version").order_by("-version__number", "-finished_at").first()
    if last is None:
        return None
    theirs = points_of(list(last.rows.filter(control=Name.PERSONA).exclude(asked_at=None)))
    against = _against(points, theirs)
    both = points.keys() & theirs.keys()
    agreement = figure(theirs[key] for key in sorted(both))
    if against is None or agreement is None:
        return None
    return {
        "report": str(last.pk),
        "version": str(last.version_id),
        "number": last.version.number,
        "agreement": agreement,
        "difference": against["difference"],
        "p_value": against["p_value"],
        "tells": against["tells"],
        "regression": against["tells"] and against["difference"]["value"] < 0,
    }


def _seconds(report: Report) -> float:
    spent = report.progress.get("spent")
    if spent is not None:
        return float(spent)
    return round((timezone.now() - (report.started_at or timezone.now())).total_seconds(), 1)
