"""The sections of a report beside the choices: films, facts, style, form."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

from fidelity.figures import Rows, figure
from fidelity.measures.style import style
from fidelity.models import ReportItem
from fidelity.report_schema import Facts, Films, Form, Style

Kind = ReportItem.Kind
OUTCOMES = ("right", "wrong", "unknown", "unclear")


def films_make(rows: Rows) -> Films | None:
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


def facts_make(rows: Rows) -> dict[str, Facts]:
    facts = [row for row in rows if row.kind == Kind.FACT]
    parts = {"told": [row for row in facts if row.own], "never_told": [row for row in facts if not row.own]}
    return {name: _counted(found, "right" if name == "told" else "unknown") for name, found in parts.items() if found}


def taught_make(by_control: Mapping[str, Rows]) -> dict[str, Facts]:
    """Corrected replies, asked again with the person's words at hand and without."""
    found = {name: [row for row in rows if row.kind == Kind.TAUGHT] for name, rows in by_control.items()}
    return {name: _counted(rows, "right") for name, rows in found.items() if rows}


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


def style_make(by_control: Mapping[str, Rows]) -> dict[str, Style]:
    """The voice against the held-out answers, of each control that was asked for them."""
    found: dict[str, Style] = {}
    for name, rows in by_control.items():
        voice = [row for row in rows if row.kind == Kind.VOICE]
        replies, answers = [row.reply for row in voice], [row.own for row in voice]
        if any(reply.strip() for reply in replies):
            measured: dict[str, Any] = {key: round(value, 4) for key, value in asdict(style(replies, answers)).items()}
            found[name] = {**measured, "replies": len(replies), "answers": len(answers)}  # type: ignore[typeddict-item]
    return found


def forms_make(by_control: Mapping[str, Rows]) -> dict[str, Form]:
    """The form of all replies of each control that spoke."""
    return {name: _form(found) for name, found in by_control.items() if any(row.form for row in found)}


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
