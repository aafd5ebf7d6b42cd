"""In which topics a portrait is least like its person: what the next best question goes by."""

from collections import defaultdict
from statistics import fmean

from fidelity.measures.items import known_choices
from fidelity.models import Report, ReportItem
from questionnaires.models import Persona

FEWEST = 3  # choices of a topic that say anything about it


def agreement_by_topic(*, report: Report) -> dict[str, float]:
    """Topic's slug -> mean points (0 to 1) of the persona's choices in it, for topics with at least FEWEST."""
    topics = {slug: choice.topic for slug, choice in known_choices().items()}
    points: dict[str, list[float]] = defaultdict(list)
    rows = report.rows.filter(
        control=ReportItem.Control.PERSONA, kind=ReportItem.Kind.CHOICE, points__isnull=False, item__in=topics
    )
    for slug, found in rows.values_list("item", "points"):
        points[topics[slug]].append(found)
    return {topic: round(fmean(found), 3) for topic, found in points.items() if len(found) >= FEWEST}


def agreement_keep(*, report: Report) -> None:
    """Remembers it with the persona, whose room for writing knows no reports."""
    Persona.objects.filter(pk=report.persona_id).update(topic_agreement=agreement_by_topic(report=report))
