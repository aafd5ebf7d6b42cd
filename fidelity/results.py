"""From the rows of a report to its result (fidelity.report_schema.Result). Computed anew whenever a row changes."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict
from math import isfinite
from typing import Any

from django.utils import timezone
from django.utils.translation import gettext as _

from fidelity.measures.bootstrap import Estimate, Normalised, accuracy, compare, more_items, normalised
from fidelity.measures.film_items import film_pairs
from fidelity.measures.scoring import chance
from fidelity.measures.style import style
from fidelity.models import ItemAnswer, Report, ReportItem
from fidelity.planning import ALIKE, values_of
from fidelity.report_schema import (
    Against,
    Before,
    Ceiling,
    Control,
    Facts,
    Figure,
    Films,
    Form,
    Result,
    Style,
)
from questionnaires.models import Persona
from training.versions import is_remote

Kind, Name = ReportItem.Kind, ReportItem.Control
CHOSEN = (Kind.CHOICE, Kind.FILM, Kind.PAIR)
OUTCOMES = ("right", "wrong", "unknown", "unclear")
Rows = Sequence[ReportItem]
Points = dict[tuple[str, str], float]  # (kind, item) -> points


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
        "chance": _mean(_chance(own).values()),
        "controls": controls,
        "ceiling": _ceiling(report.persona, points, _chance(own)),
        "films": _films(own),
        "facts": _facts(own),
        "style": _style(by_control),
        "form_of_replies": {name: _form(found) for name, found in by_control.items() if any(row.form for row in found)},
        "left_out": report.left_out,
        "before": _before(report, points),
        "cost": report.cost,
        "seconds": _seconds(report),
    }


def points_of(rows: Rows) -> Points:
    """Points of the items with options."""
    return {(row.kind, row.item): row.points for row in rows if row.kind in CHOSEN and row.points is not None}


def figure(points: Iterable[float]) -> Figure | None:
    """The mean with its interval; None without items."""
    found = list(points)
    return _figure(accuracy(found)) if found else None


def _figure(estimate: Estimate) -> Figure:
    return {
        "value": round(estimate.value, 4),
        "low": round(estimate.low, 4),
        "high": round(estimate.high, 4),
        "items": estimate.items,
    }


def _mean(values: Iterable[float]) -> float | None:
    found = list(values)
    return round(sum(found) / len(found), 4) if found else None


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
    return {
        "difference": _figure(found.difference),
        "p_value": round(found.p_value, 5),
        "tells": found.tells(),
        "more_items": None if found.tells() else more_items(ours, theirs),
    }


def _ceiling(persona: Persona, points: Points, guessed: Points) -> Ceiling | None:
    """What the person answered two weeks later, against the first time. Sets of five films are not asked again."""
    retest = _retest(persona)
    own = {f"{kind}:{item}": value for (kind, item), value in points.items() if kind != Kind.FILM}
    if not retest or not own:
        return None
    level = _mean(share for (kind, _item), share in guessed.items() if kind != Kind.FILM) or 0.0
    above, plain = normalised(own, retest, chance=level), normalised(own, retest)
    return {
        "self_agreement": _figure(accuracy(list(retest.values()))),
        "normalised": _ratio(above),
        "plain": _ratio(plain),
    }


def _ratio(found: Normalised | None) -> Figure | None:
    """None also where the interval has no upper end, since some resamples leave no ceiling: JSON has no infinity."""
    return _figure(found.ratio) if found and isfinite(found.ratio.high) else None


def _retest(persona: Persona) -> dict[str, float]:
    """Points of the second answers: choices made again, and pairs of films liked in the same order again."""
    first, second = ([values_of(persona, kind, round) for kind in ItemAnswer.Kind.values] for round in (1, 2))
    (films, choices), (films_again, choices_again) = first, second
    found = {
        f"{Kind.CHOICE}:{slug}": float(choices[slug] == value)
        for slug, value in choices_again.items()
        if slug in choices
    }
    stars = {name: float(films[name]) for name, value in films_again.items() if value and films.get(name)}
    for pair in film_pairs(stars, stars, ALIKE):
        better, worse = pair.films[pair.best], pair.films[1 - pair.best]
        step = films_again[better] - films_again[worse]
        found[f"{Kind.PAIR}:{'|'.join(pair.films)}"] = 1.0 if step > 0 else 0.5 if step == 0 else 0.0
    return found


def _films(rows: Rows) -> Films | None:
    sets = [row for row in rows if row.kind == Kind.FILM and row.chosen]
    if not sets:
        return None
    chosen = [sum(row.ratings[index] for index in row.chosen) / len(row.chosen) for row in sets]
    best, mean = [max(row.ratings) for row in sets], [sum(row.ratings) / len(row.ratings) for row in sets]
    averages = [round(sum(each) / len(sets), 3) for each in (chosen, best, mean)]
    return {
        "chosen": averages[0],
        "best": averages[1],
        "mean": averages[2],
        "regret": round(averages[1] - averages[0], 3),
        "sets": len(sets),
    }


def _facts(rows: Rows) -> dict[str, Facts]:
    facts = [row for row in rows if row.kind == Kind.FACT]
    parts = {"told": [row for row in facts if row.own], "never_told": [row for row in facts if not row.own]}
    return {name: _counted(found, "right" if name == "told" else "unknown") for name, found in parts.items() if found}


def _counted(rows: Rows, good: str) -> Facts:
    counted = Counter(row.outcome for row in rows)
    decided = [float(row.outcome == good) for row in rows if row.outcome in OUTCOMES[:3]]
    return {
        "items": len(rows),
        "right": counted["right"],
        "wrong": counted["wrong"],
        "unknown": counted["unknown"],
        "unclear": len(rows) - len(decided),
        "overruled": sum(bool(row.ruling) for row in rows),
        "share": figure(decided),
    }


def _style(by_control: Mapping[str, Rows]) -> dict[str, Style]:
    """The voice against the held-out answers, of each control that was asked for them."""
    found: dict[str, Style] = {}
    for name, rows in by_control.items():
        voice = [row for row in rows if row.kind == Kind.VOICE]
        replies, answers = [row.reply for row in voice], [row.own for row in voice]
        if any(reply.strip() for reply in replies):
            measured: dict[str, Any] = {key: round(value, 4) for key, value in asdict(style(replies, answers)).items()}
            found[name] = {**measured, "replies": len(replies), "answers": len(answers)}  # type: ignore[typeddict-item]
    return found


def _form(rows: Rows) -> Form:
    forms = [row.form for row in rows if row.form]
    clean = [each["ended"] and not (each["repeats"] or each["marker"] or each["switches"]) for each in forms]
    return {
        "replies": len(forms),
        "clean": sum(clean),
        "unended": sum(not each["ended"] for each in forms),
        "repeats": sum(each["repeats"] for each in forms),
        "markers": sum(bool(each["marker"]) for each in forms),
        "switches": sum(each["switches"] for each in forms),
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
