"""The question bank as it lies in `data/`: read, checked, and brought into the database."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml
from django.db import transaction

from questionnaires.models import Question, Questionnaire, QuestionnaireItem, Topic

DATA = Path(__file__).parent / "data"


class UnknownQuestion(LookupError):
    """A questionnaire asks for a question that no topic's file has; the message says which and where."""


@dataclass(frozen=True)
class Loaded:
    """What a load did, in numbers of questions."""

    added: int
    changed: int
    retired: int
    deleted: int


def topics_read() -> list[dict[str, Any]]:
    """The topics in order, as their files describe them."""
    return [yaml.safe_load(path.read_text("utf-8")) for path in sorted((DATA / "topics").glob("*.yaml"))]


def questionnaires_read() -> list[dict[str, Any]]:
    """The questionnaires: {"slug", "title", "purpose"?, "questions": [question slug, in order]}.

    `title` and `purpose`, one line on what it is for, are in each language: {"en": ..., "ru": ...}.
    """
    return [yaml.safe_load(path.read_text("utf-8")) for path in sorted(DATA.glob("*-[0-9]*.yaml"))]


@transaction.atomic
def bank_load() -> Loaded:
    """Brings `data/` into the database. Again and again: texts are updated, an answered question is never lost."""
    before = {question.slug: question for question in Question.objects.filter(persona=None)}
    added = changed = 0
    seen: set[str] = set()
    for topic_position, topic in enumerate(topics_read()):
        row, _ = Topic.objects.update_or_create(
            slug=topic["slug"], defaults={"title": topic["title"], "position": topic_position}
        )
        for position, entry in enumerate(topic["questions"]):
            seen.add(entry["slug"])
            made, altered = _question_load(before.get(entry["slug"]), row, position, entry)
            added, changed = added + made, changed + altered
    gone = Question.objects.filter(persona=None).exclude(slug__in=seen)
    retired = gone.filter(answers__isnull=False, retired=False).distinct()
    retired_count = Question.objects.filter(pk__in=list(retired.values_list("pk", flat=True))).update(retired=True)
    _rows, rows_of = gone.filter(answers__isnull=True).delete()  # the first counts what hung on the questions, too
    for questionnaire in questionnaires_read():
        _questionnaire_load(questionnaire)
    return Loaded(added, changed, retired_count, rows_of.get("questionnaires.Question", 0))


def _question_load(row: Question | None, topic: Topic, position: int, entry: dict[str, Any]) -> tuple[int, int]:
    """(1, 0) if the question was added, (0, 1) if it was changed."""
    values = {
        "topic": topic,
        "position": position,
        "texts": {language: entry[language] for language in ("en", "ru") if language in entry},
        "retired": False,
    }
    if row is None:
        Question.objects.create(slug=entry["slug"], **values)
        return 1, 0
    if all(getattr(row, name) == value for name, value in values.items()):
        return 0, 0
    for name, value in values.items():
        setattr(row, name, value)
    row.save()
    return 0, 1


def _questionnaire_load(entry: dict[str, Any]) -> None:
    texts = {"title": entry["title"], "purpose": entry.get("purpose", {})}
    questionnaire, _ = Questionnaire.objects.update_or_create(slug=entry["slug"], defaults=texts)
    ids = dict(Question.objects.filter(persona=None, slug__in=entry["questions"]).values_list("slug", "pk"))
    unknown = [slug for slug in entry["questions"] if slug not in ids]
    if unknown:
        raise UnknownQuestion(
            f"{entry['slug']}.yaml asks “{'”, “'.join(unknown)}”, which no file in topics/ has. Mend the slug there."
        )
    wanted = [ids[slug] for slug in entry["questions"]]
    have = list(questionnaire.items.order_by("position").values_list("question_id", flat=True))
    if have == wanted:
        return
    questionnaire.items.all().delete()
    QuestionnaireItem.objects.bulk_create(
        QuestionnaireItem(questionnaire=questionnaire, question_id=pk, position=position)
        for position, pk in enumerate(wanted)
    )
