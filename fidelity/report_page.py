"""What the page of a report shows, and which report that is."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, cast

from django.utils.formats import number_format
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from fidelity import report_words as words
from fidelity.answering import retest_get, sitting_get
from fidelity.friend_guesses import score_get, score_lines, score_sentence
from fidelity.models import Report
from fidelity.report_picture import picture_of
from fidelity.report_schema import Control, Facts, Figure, LeftOut, Result
from fidelity.results import result_make
from fidelity.services import cost_of
from questionnaires.models import Persona
from training.estimates import duration_range
from training.models import PersonaModel, TrainingRun
from training.versions import is_remote

LISTED = 12  # reports


@dataclass(frozen=True)
class Tile:
    """A part of the report in one figure; `section` is the page that opens it down to the items."""

    section: str
    title: str
    value: str
    below: str


def report_shown(persona: Persona) -> Report | None:
    """The newest report on the version in use, else the newest of all; one that is done."""
    done = Report.objects.filter(persona=persona, state=Report.State.DONE).select_related("version", "persona")
    return done.filter(version__is_current=True).first() or done.first()


def ceiling_refresh(*, persona: Persona) -> None:
    """Reckons the report that is shown anew, now that the person's agreement with themselves is known."""
    if (report := report_shown(persona)) and report.result:
        report.result = result_make(report)
        report.save(update_fields=["result"])


def likeness_context(persona: Persona, report: Report | None) -> dict[str, Any]:
    """Everything that templates/fidelity/likeness.html needs, with a report or without one."""
    reports = Report.objects.filter(persona=persona).select_related("version")
    context: dict[str, Any] = {
        "room": "likeness",
        "persona": persona,
        "report": report,
        "sitting": sitting_get(persona=persona),
        "retest": retest_get(persona=persona),
        "versions": list(PersonaModel.objects.filter(persona=persona, archived_at=None)),
        "under_way": [progress_context(each) for each in reports if each.is_active],
        "friends": _friends(persona),
        "cost": cost_sentence(persona),
        "untrained": untrained_demo(persona),
        "others": [each for each in reports if not each.is_active and each != report][:LISTED],
    }
    return context | (report_context(report) if report and report.result else {})


def untrained_demo(persona: Persona) -> Persona | None:
    """The demo persona, where nobody else has a version to compare with and nothing trains it just now."""
    if persona.is_demo or PersonaModel.objects.filter(owner=persona.owner_id).exclude(persona=persona).exists():
        return None
    demo: Persona | None = Persona.objects.filter(owner=persona.owner_id, is_demo=True).first()
    is_busy = demo is not None and demo.runs.filter(state__in=TrainingRun.ACTIVE).exists()
    return None if is_busy else demo


def cost_sentence(persona: Persona) -> str:
    """What a full report on the version in use is paid for; empty where it is served here."""
    version = PersonaModel.objects.filter(persona=persona, is_current=True).select_related("run", "connection").first()
    if version is None or not is_remote(version):
        return ""
    tokens = cost_of(persona=persona, version=version, form=Report.Form.FULL).get("tokens", 0)
    words = _("Version %(number)d answers at a provider: a full report costs about %(n)s tokens there.")
    return words % {"number": version.number, "n": number_format(round(tokens, -3), force_grouping=True)}


def _friends(persona: Persona) -> dict[str, Any]:
    """What friends took for the person, over all versions."""
    score = score_get(persona=persona)
    if score is None:
        return {"score": None}
    return {"score": score, "sentence": score_sentence(score), "lines": score_lines(score, persona.name)}


def progress_context(report: Report) -> dict[str, Any]:
    """How far a report is."""
    left = report.progress.get("seconds_left")
    return {
        "run": report,
        "persona": report.persona,
        "doing": words.control_label(str(report.progress.get("what", ""))),
        "left": duration_range(left) if isinstance(left, int | float) and left > 0 else "",
    }


def report_context(report: Report) -> dict[str, Any]:
    """The figures of a report that is done."""
    result = cast(Result, report.result)
    controls = {each["name"]: each for each in result["controls"]}
    return {
        "result": result,
        "headline": words.headline(result),
        "figure": _figure(result),
        "ceiling": words.ceiling_sentence(result["ceiling"]),
        "verdict": words.verdict(controls),
        "before": words.before_sentence(result["before"]),
        "regression": bool(result["before"] and result["before"]["regression"]),
        "picture": picture_of(result, persona_label=_persona_label(report), self_label=_("You, two weeks later")),
        "tiles": tiles_of(result),
        "left_out": left_out_of(result["left_out"]),
    }


def _persona_label(report: Report) -> str:
    return _("%(name)s, version %(n)d") % {"name": report.persona.name, "n": report.version.number}


def _figure(result: Result) -> dict[str, str] | None:
    """The one figure, with its interval."""
    if (agreement := result["agreement"]) is None:
        return None
    low, high = (str(round(100 * share)) for share in (agreement["low"], agreement["high"]))
    return {"value": words.percent(agreement["value"]), "low": low, "high": high}


def tiles_of(result: Result) -> list[Tile]:
    """The sections of which there is anything to say."""
    makers: list[Callable[[Result], Tile | None]] = [_choices, _films, _pairs, _facts, _honesty, _taught, _voice, _form]
    return [tile for maker in makers if (tile := maker(result)) is not None]


def _kind(result: Result, kind: str, section: str, title: str) -> Tile | None:
    figure = result["by_kind"].get(kind)
    return Tile(section, title, words.percent(figure["value"]), _of_items(figure)) if figure else None


def _of_items(figure: Figure) -> str:
    told = {"between": words.between(figure), "n": figure["items"]}
    return ngettext("%(between)s, of %(n)d item", "%(between)s, of %(n)d items", figure["items"]) % told


def _choices(result: Result) -> Tile | None:
    return _kind(result, "choice", "choices", _("Attitudes, tastes and habits"))


def _films(result: Result) -> Tile | None:
    tile = _kind(result, "film", "films", _("The best of five films"))
    rated = result["films"]
    if tile is None or rated is None:
        return tile
    told = {"chosen": words.decimal(rated["chosen"], 1), "mean": words.decimal(rated["mean"], 1)}
    more = _("You gave its choices %(chosen)s stars, the films on offer %(mean)s.") % told
    return Tile(tile.section, tile.title, tile.value, f"{tile.below}. {more}")


def _pairs(result: Result) -> Tile | None:
    return _kind(result, "pair", "films", _("Of two films that you like nearly alike"))


def _facts(result: Result) -> Tile | None:
    facts = result["facts"].get("told")
    if not facts or not facts["items"]:
        return None
    return Tile("facts", _("Facts, asked in other words"), _of(facts["right"], facts), words.facts_below(facts))


def _honesty(result: Result) -> Tile | None:
    facts = result["facts"].get("never_told")
    if not facts or not facts["items"]:
        return None
    below = ngettext("says so; %(n)d is made up", "say so; %(n)d are made up", facts["wrong"]) % {"n": facts["wrong"]}
    if facts["right"]:
        below += ", " + _("%(n)d right all the same") % {"n": facts["right"]}
    return Tile("honesty", _("What you never told it"), _of(facts["unknown"], facts), below)


def _taught(result: Result) -> Tile | None:
    """Reports of earlier programs have none."""
    alone, helped = (result.get("taught", {}).get(name) for name in ("no_retrieval", "persona"))
    if not alone or not helped:
        return None
    below = _("right from training alone; with your words at hand %(share)s") % {"share": _of(helped["right"], helped)}
    return Tile("taught", _("What you corrected"), _of(alone["right"], alone), below)


def _of(count: int, facts: Facts) -> str:
    return _("%(n)d of %(all)d") % {"n": count, "all": facts["items"]}


def _voice(result: Result) -> Tile | None:
    """Nearness is 1 less the n-gram distance."""
    style = result["style"].get("persona")
    if not style:
        return None
    bare = result["style"].get("base")
    below = _("the bare model %(n)s") % {"n": words.decimal(1 - bare["distance"])} if bare else ""
    length = _("replies %(n)s times as long as your answers") % {"n": words.decimal(style["length_ratio"], 1)}
    return Tile("voice", _("Voice"), words.decimal(1 - style["distance"]), "; ".join(filter(None, [below, length])))


def _form(result: Result) -> Tile | None:
    form = result["form_of_replies"].get("persona")
    if not form or not form["replies"]:
        return None
    faults = {
        _("do not end"): form["unended"],
        _("repeat themselves"): form["repeats"],
        _("leak a marker"): form["markers"],
        _("change the language"): form["switches"],
    }
    below = ", ".join(f"{count} {fault}" for fault, count in faults.items() if count) or _("no fault in any reply")
    value = _("%(n)d of %(all)d") % {"n": form["clean"], "all": form["replies"]}
    return Tile("form", _("Well-formed replies"), value, below)


def left_out_of(left_out: list[LeftOut]) -> list[dict[str, str]]:
    """Each item left out, its title and the sentence around the phrase that gives it away."""
    found = []
    for each in left_out:
        before, phrase, after = each["sentence"].partition(each["phrase"] or "\0")
        found.append({"title": each["title"], "before": before, "phrase": phrase, "after": after})
    return found


def controls_of(result: Result) -> list[Control]:
    """Those whose answers can be looked at."""
    return [each for each in result["controls"] if each["available"] and each["name"] not in {"chance", "common"}]
