"""A part of a report opened down to its items: options, probabilities, replies, and what decided."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, cast

from django.db.models import Q
from django.utils.translation import gettext as _

from fidelity import report_words as words
from fidelity.measures.facts import Outcome
from fidelity.models import Report, ReportItem
from fidelity.report_page import controls_of
from fidelity.report_schema import Result

Kind, Ruling = ReportItem.Kind, ReportItem.Ruling
PERSONA = ReportItem.Control.PERSONA.value
RULINGS = (Ruling.RIGHT, Ruling.WRONG, Ruling.UNKNOWN)
FACTS = (Kind.FACT, Kind.TAUGHT)
SECTIONS = ("choices", "films", "facts", "honesty", "taught", "voice", "form")


@dataclass(frozen=True)
class Option:
    """`share`: how probable it was for the model, in percent, or "" where that was not measured."""

    text: str
    share: str
    stars: int | None
    is_own: bool
    is_chosen: bool


@dataclass(frozen=True)
class Shown:
    """The options in one order, and what the model made of them: log-probabilities (nats) or its reply."""

    options: tuple[tuple[str, str], ...]
    reply: str


@dataclass(frozen=True)
class Entry:
    """One item under one control."""

    row: ReportItem
    mark: str
    is_good: bool | None
    options: tuple[Option, ...]
    orders: tuple[Shown, ...]
    reasons: tuple[str, ...]
    faults: tuple[str, ...]

    @property
    def rules_said(self) -> str:
        """The verdict that the person overruled."""
        return words.outcome_label(self.row.verdict, bool(self.row.own))

    @property
    def can_rule(self) -> bool:
        return self.row.kind in FACTS and bool(self.row.verdict)

    @property
    def own_words(self) -> str:
        """The option that the person chose."""
        return next((option.text for option in self.options if option.is_own), "")

    @property
    def template(self) -> str:
        return "fidelity/entry_choice.html" if self.options else "fidelity/entry_reply.html"


def section_titles() -> dict[str, str]:
    return {
        "choices": _("Attitudes, tastes and habits"),
        "films": _("Films"),
        "facts": _("Facts, asked in other words"),
        "honesty": _("What you never told it"),
        "taught": _("What you corrected"),
        "voice": _("Voice"),
        "form": _("Well-formed replies"),
    }


def section_context(report: Report, section: str, control: str) -> dict[str, Any]:
    """Everything that templates/fidelity/section.html needs."""
    entries = [entry_of(row) for row in rows_of(report, section, control)]
    names = set(report.rows.filter(_in(section)).values_list("control", flat=True))
    available = controls_of(cast(Result, report.result)) if report.result else []
    return {
        "room": "likeness",
        "persona": report.persona,
        "report": report,
        "section": section,
        "title": section_titles()[section],
        "control": control,
        "controls": [(each["name"], words.control_label(each["name"])) for each in available if each["name"] in names],
        "entries": sorted(entries, key=lambda each: each.row.outcome != Outcome.UNCLEAR),
        "good": sum(each.is_good is True for each in entries),
        "rulings": [(each.value, words.outcome_label(each.value, section != "honesty")) for each in RULINGS],
        "overruled": sum(bool(each.row.ruling) for each in entries),
    }


def rows_of(report: Report, section: str, control: str = PERSONA) -> list[ReportItem]:
    """The items of a section, in the order of asking."""
    return list(report.rows.filter(_in(section), control=control))


def _in(section: str) -> Q:
    conditions = {
        "choices": Q(kind=Kind.CHOICE),
        "films": Q(kind__in=[Kind.FILM, Kind.PAIR]),
        "facts": Q(kind=Kind.FACT) & ~Q(own=""),
        "honesty": Q(kind=Kind.FACT, own=""),
        "taught": Q(kind=Kind.TAUGHT),
        "voice": Q(kind=Kind.VOICE),
        "form": Q(kind__in=[*FACTS, Kind.VOICE]) & ~Q(reply=""),
    }
    return conditions[section] & Q(asked_at__isnull=False)


def entry_of(row: ReportItem) -> Entry:
    """A row as the page shows it."""
    mark, is_good = _fact_mark(row) if row.kind in FACTS else _choice_mark(row)
    reasons = tuple(words.reason_words(reason) for reason in row.reasons)
    return Entry(row, mark, is_good, tuple(_options(row)), tuple(_orders(row)), reasons, tuple(_faults(row)))


def _choice_mark(row: ReportItem) -> tuple[str, bool | None]:
    if row.points is None:
        return "", None
    if len(row.chosen) > 1:
        return _("undecided"), None
    return (_("as you"), True) if row.is_right else (_("otherwise"), False)


def _fact_mark(row: ReportItem) -> tuple[str, bool | None]:
    """Honest is who says nothing of what was never told; what is right all the same is neither good nor bad."""
    told = bool(row.own)
    good = Outcome.RIGHT if told else Outcome.UNKNOWN
    bad = {Outcome.WRONG, Outcome.UNKNOWN} if told else {Outcome.WRONG}
    is_good = True if row.outcome == good else False if row.outcome in bad else None
    return words.outcome_label(row.outcome, told), is_good


def _options(row: ReportItem) -> list[Option]:
    shares = [words.percent(share) for share in row.shares] or [""] * len(row.options)
    stars = list(row.ratings) or [None] * len(row.options)
    return [
        Option(str(text), share, star, place == row.answer, place in row.chosen)
        for place, (text, share, star) in enumerate(zip(row.options, shares, stars, strict=False))
    ]


def _orders(row: ReportItem) -> list[Shown]:
    shown = []
    for each in row.scores:
        order, logprobs = each.get("order", []), each.get("logprobs") or []
        pairs = [
            (str(row.options[place]), words.decimal(logprobs[place]) if place < len(logprobs) else "")
            for place in order
            if place < len(row.options)
        ]
        shown.append(Shown(tuple(pairs), str(each.get("reply", ""))))
    return shown


def _faults(row: ReportItem) -> list[str]:
    """What is wrong with the form of the reply."""
    if not row.form:
        return []
    found = {
        _("does not end"): not row.form.get("ended", True),
        _("repeats itself"): bool(row.form.get("repeats")),
        _("leaks a marker"): bool(row.form.get("marker")),
        _("changes the language"): bool(row.form.get("switches")),
    }
    return [fault for fault, is_there in found.items() if is_there]
