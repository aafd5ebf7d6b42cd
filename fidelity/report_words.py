"""A report's figures in words."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from django.utils.formats import number_format
from django.utils.translation import gettext as _
from django.utils.translation import ngettext, pgettext

from fidelity.report_schema import Against, Before, Ceiling, Control, Facts, Figure, Result

SPACE = "\N{NO-BREAK SPACE}"
HALF = 0.05  # of a point: below it a sum of points is a whole number


def percent(share: float) -> str:
    """A share from 0 to 1, as in "73 %"."""
    return f"{round(100 * share)}{SPACE}%"


def between(figure: Figure) -> str:
    """The interval in percent, as in "60 to 84"."""
    return _("%(low)d to %(high)d") % {"low": round(100 * figure["low"]), "high": round(100 * figure["high"])}


def decimal(number: float, places: int = 2) -> str:
    """In the visitor's language."""
    return number_format(number, places)


def counted(points: float) -> str:
    """A sum of points: whole where it is whole, since ties give halves."""
    return number_format(round(points)) if abs(points - round(points)) < HALF else number_format(points, 1)


def points_between(figure: Figure) -> str:
    """A difference of shares in percentage points, as in "+12 (3 to 21)"."""
    told = {name: round(100 * figure[name]) for name in ("value", "low", "high")}
    return _("%(value)+d (%(low)d to %(high)d)") % told


def control_label(name: str) -> str:
    """What a control is, in a few words."""
    labels = {
        "persona": _("Your portrait"),
        "base_answers": _("Your answers in the prompt, no training"),
        "no_retrieval": _("It without your notes"),
        "other_notes": _("It with another person's notes"),
        "other_adapter": _("Another person's training, your notes"),
        "other_person": _("Another person's portrait"),
        "base": _("The bare model"),
        "common": _("Always the most common answer"),
        "chance": _("Chance"),
    }
    return labels.get(name, name)


def headline(result: Result) -> str:
    """The report in one sentence."""
    agreement = result["agreement"]
    if agreement is not None:
        words = ngettext(
            "Of %(n)d choice it had never seen it made %(own)s as you did",
            "Of %(n)d choices it had never seen it made %(own)s as you did",
            result["asked"],
        )
        return words % {"n": result["asked"], "own": counted(result["correct"])}
    told = result["facts"].get("told")
    if told and told["items"]:
        words = ngettext(
            "Of %(n)d question in other words it answered %(own)d rightly",
            "Of %(n)d questions in other words it answered %(own)d rightly",
            told["items"],
        )
        return words % {"n": told["items"], "own": told["right"]}
    return _("Nothing could be asked")


def ceiling_sentence(ceiling: Ceiling | None) -> str:
    """How near that is to what is possible; empty before the second asking."""
    if ceiling is None:
        return ""
    words = _("You agree with yourself %(self)s (%(between)s) when you are asked again after two weeks.")
    told = {"self": percent(ceiling["self_agreement"]["value"]), "between": between(ceiling["self_agreement"])}
    share, plain = ceiling["normalised"], ceiling["plain"]
    if share is None:
        return words % told
    more = _(
        "Beyond chance that is %(share)s of what is possible (normalised, between %(low)s and %(high)s)"
        ", and %(plain)s when chance is not taken off."
    )
    told |= {"share": decimal(share["value"]), "low": decimal(share["low"]), "high": decimal(share["high"])}
    told["plain"] = decimal(plain["value"]) if plain else "—"
    return f"{words} {more}" % told


def verdict(controls: Mapping[str, Control]) -> str:
    """Whether it has learned a person: against another person's portrait, else against chance."""
    for name in ("other_person", "chance"):
        control = controls.get(name)
        if control and control["available"] and control["against"]:
            return _verdict(name, control["against"])
    return ""


def _verdict(name: str, against: Against) -> str:
    better = against["difference"]["value"] > 0
    if not against["tells"]:
        return f"{_undecided(name)} {more_items(against)}".strip()
    if name == "chance":
        return _("It is nearer to you than guessing.") if better else _("Guessing is nearer to you.")
    if better:
        return _("It is nearer to you than another person's portrait; of that we are sure.")
    return _("Another person's portrait is nearer to you: it has not learned you.")


def _undecided(name: str) -> str:
    if name == "chance":
        return _("Whether it is nearer to you than guessing cannot be told yet.")
    return _("Whether it is nearer to you than another person's portrait cannot be told yet.")


def more_items(against: Against) -> str:
    """How many more would tell; empty where nobody can say."""
    more = against["more_items"]
    if against["tells"] or not more:
        return ""
    words = ngettext("About %(n)d more item would tell.", "About %(n)d more items would tell.", more)
    return words % {"n": more}


def against_words(against: Against | None) -> str:
    """A control's place in the table: surely better or worse than the persona, or how many items would tell."""
    if against is None:
        return ""
    if against["tells"]:
        better = against["difference"]["value"] > 0
        return _("sure: it is above this") if better else _("sure: it is below this")
    return f"{_('cannot tell yet')}. {more_items(against)}".removesuffix(" ")


def before_sentence(before: Before | None) -> str:
    """Against the version before it."""
    if before is None:
        return ""
    told = {
        "n": before["number"],
        "share": percent(before["agreement"]["value"]),
        "points": abs(round(100 * before["difference"]["value"])),
    }
    if before["regression"]:
        sentence = _("It is worse than version %(n)d, which had %(share)s: %(points)d points less.")
    elif before["tells"]:
        sentence = _("It is better than version %(n)d, which had %(share)s: %(points)d points more.")
    else:
        sentence = _("Version %(n)d had %(share)s; whether that is a difference cannot be told.")
    return sentence % told


def facts_below(facts: Facts) -> str:
    """What became of the others."""
    parts = [
        ngettext("%(n)d made up", "%(n)d made up", facts["wrong"]) % {"n": facts["wrong"]},
        ngettext("%(n)d not known", "%(n)d not known", facts["unknown"]) % {"n": facts["unknown"]},
    ]
    if facts["unclear"]:
        parts.append(
            ngettext("%(n)d for you to judge", "%(n)d for you to judge", facts["unclear"]) % {"n": facts["unclear"]}
        )
    return ", ".join(parts)


def outcome_label(outcome: str, told: bool) -> str:
    """A verdict on a fact. What was never told is rightly answered with "I do not know"."""
    labels = {
        "right": pgettext("verdict on a reply", "right"),
        "wrong": pgettext("verdict on a reply", "wrong"),
        "unknown": pgettext("verdict on a reply", "says that it does not know"),
        "unclear": pgettext("verdict on a reply", "for you to judge"),
    }
    if not told:
        labels["right"] = pgettext("verdict on a reply", "right all the same")
        labels["wrong"] = pgettext("verdict on a reply", "made up")
    return labels.get(outcome, outcome)


def reason_words(reason: Mapping[str, Any]) -> str:
    """Why a fact got its verdict, with the words that decided."""
    sentences = {
        "says_unknown": _("it says “%(terms)s”"),
        "empty": _("it said nothing"),
        "made_up": _("you never told this, and it does not say so"),
        "opposite": _("“%(terms)s” is the opposite of what you said"),
        "denied": _("one of you denies “%(terms)s”"),
        "other_number": _("another number: %(terms)s"),
        "other_name": _("another name: %(terms)s"),
        "other_words": _("it speaks of something else: %(terms)s"),
        "same_number": _("the same number: %(terms)s"),
        "same_name": _("the same name: %(terms)s"),
        "same_words": _("the same words: %(terms)s"),
        "never_told": _("it says that you never told it"),
        "too_long": _("the question did not fit the model's window"),
        "few_words": _("too few words in common: %(terms)s"),
    }
    sentence = sentences.get(str(reason.get("code")), "%(terms)s")
    return sentence % {"terms": ", ".join(map(str, reason.get("terms", ()))) or "—"}
