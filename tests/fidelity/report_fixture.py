"""A version, a report with rows under each control, and the figures that they come to. No engine is asked."""

from django.utils import timezone

from fidelity.measures.bootstrap import accuracy, compare, more_items
from fidelity.models import Report, ReportItem
from training.models import PersonaModel

CONTROLS = ("persona", "base_answers", "no_retrieval", "other_person", "base")
HITS = {"persona": 8, "base_answers": 6, "no_retrieval": 6, "other_person": 5, "base": 5}  # of ten
FIGURE = ("value", "low", "high", "items")


def make_version(persona, number=1, current=True):
    PersonaModel.objects.filter(persona=persona).update(is_current=False)
    return PersonaModel.objects.create(
        owner=persona.owner, persona=persona, number=number, name=f"v{number}", base_model="base", format="chat",
        spoken_name=persona.name, data_hash="0" * 64, is_current=current,
    )  # fmt: skip


def figure(estimate):
    return {name: getattr(estimate, name) for name in FIGURE}


def choice_points(control, count, turn=0):
    return [float((place * 7 + turn) % 10 < HITS[control]) for place in range(count)]


def make_report(persona, version, *, count=50, turn=0, before=None, state=Report.State.DONE, ceiling=True):
    """A finished report: `count` choices under each control, facts told and never told, a voice."""
    now = timezone.now()
    report = Report.objects.create(
        owner=persona.owner, persona=persona, version=version, state=state, items=count, started_at=now, finished_at=now
    )
    points = {control: choice_points(control, count, turn) for control in CONTROLS}
    number = 0
    for control in CONTROLS:
        for place, gained in enumerate(points[control]):
            number += 1
            row(report, control, "choice", number, item=f"c{place}", question=f"Choice {place}?", gained=gained,
                options=["the sea", "the hills", "the town"], answer=0, chosen=[0] if gained else [1],
                shares=[0.6, 0.3, 0.1], scores=[{"order": [0, 1, 2], "logprobs": [-1.5, -2.25, -4.0]}])  # fmt: skip
    facts(report, number)
    report.result = result(points, before, ceiling)
    report.save(update_fields=["result"])
    return report


def row(report, control, kind, number, *, gained=None, **fields):
    return ReportItem.objects.create(
        owner=report.owner, report=report, control=control, kind=kind, number=number, points=gained,
        asked_at=timezone.now(), **fields,
    )  # fmt: skip


def facts(report, number):
    row(report, "persona", "fact", number + 1, item="job", question="What pays your rent?", own="I mend uprights.",
        reply="I tune pianos.", verdict="wrong", reasons=[{"code": "other_words", "terms": ["pianos", "tune"]}],
        gained=0.0, form={"ended": True, "repeats": False, "marker": "", "switches": False},
        notes=[{"question": "What do you do?", "answer": "I mend uprights.", "score": 0.9, "known": True}])  # fmt: skip
    row(report, "persona", "fact", number + 2, item="sea", question="Near which water did you grow up?",
        own="By the sea, in Nida.", reply="Maybe the river.", verdict="unclear", reasons=[])  # fmt: skip
    row(report, "persona", "fact", number + 3, item="car", question="Which car do you drive?", own="",
        reply="", verdict="unknown", reasons=[{"code": "never_told", "terms": []}], gained=1.0)  # fmt: skip
    row(report, "persona", "voice", number + 4, item="v1", question="How was school?", own="Long, and cold.",
        reply="It was long", form={"ended": False, "repeats": True, "marker": "", "switches": False})  # fmt: skip


def result(points, before=None, ceiling=True):
    persona = points["persona"]
    controls = [
        control("persona", points["persona"], None),
        *(control(name, points[name], against(persona, points[name])) for name in CONTROLS[1:]),
        control("chance", [1 / 3] * len(persona), against(persona, [1 / 3] * len(persona))),
        control("common", None, None, why="The answers of other people are not known here."),
    ]
    told = {"items": 2, "right": 0, "wrong": 1, "unknown": 0, "unclear": 1, "overruled": 0, "share": None}
    never = {"items": 1, "right": 0, "wrong": 0, "unknown": 1, "unclear": 0, "overruled": 0, "share": None}
    style = {"length_ratio": 0.8, "vocabulary": 0.5, "distance": 0.39, "replies": 1, "answers": 1}
    form = {"replies": 2, "clean": 1, "unended": 1, "repeats": 1, "markers": 0, "switches": 0}
    own = {"value": 0.84, "low": 0.78, "high": 0.89, "items": 36}
    share = {"value": 0.9, "low": 0.7, "high": 1.05, "items": 36}
    return {
        "schema": 1, "form": "full", "language": "en", "method": "probability",
        "agreement": figure(accuracy(persona)), "correct": sum(persona), "asked": len(persona),
        "by_kind": {"choice": figure(accuracy(persona))}, "chance": 1 / 3, "controls": controls,
        "ceiling": {"self_agreement": own, "normalised": share, "plain": share} if ceiling else None, "films": None,
        "facts": {"told": told, "never_told": never}, "style": {"persona": style, "base": style | {"distance": 0.77}},
        "form_of_replies": {"persona": form},
        "left_out": [{"kind": "film", "item": "casablanca-1942", "title": "Casablanca", "phrase": "Casablanca",
                      "sentence": "We saw Casablanca in Nida."}],
        "before": before, "cost": {}, "seconds": 61.0,
    }  # fmt: skip


def control(name, points, found, why=""):
    agreement = figure(accuracy(points)) if points else None
    return {
        "name": name, "available": points is not None, "why": why, "agreement": agreement, "by_kind": {},
        "against": found, "facts": {},
    }  # fmt: skip


def against(persona, points):
    found = compare(persona, points)
    return {
        "difference": figure(found.difference), "p_value": found.p_value, "tells": found.tells(),
        "more_items": more_items(persona, points),
    }  # fmt: skip
