"""The data set read in small pieces, so that memory does not grow with it: for exports."""

from collections.abc import Iterator
from typing import Any

from django.db.models import Q, QuerySet

from questionnaires.dataset import Item
from questionnaires.models import Answer, Persona, Question, Topic

ROWS_AT_ONCE = 1000
_ANYBODYS = Q(persona=None)


def dataset_stream(*, persona: Persona) -> Iterator[Item]:
    """The answered questions in the persona's language: by topic, each in the order of its questions, own ones last.

    Each piece is a query that begins where the last one ended: no cursor stays open, which would keep SQLite's writers
    waiting while a slow download lasts.
    """
    mine = Q(persona=persona)
    for topic in Topic.objects.values_list("pk", flat=True):
        yield from _answered(persona, topic, _ANYBODYS | mine)
    for whose in (_ANYBODYS, mine):
        yield from _answered(persona, None, whose)


def _answered(persona: Persona, topic: str | None, whose: Q) -> Iterator[Item]:
    """The answers to the questions of a topic, in pieces along an index of the questions."""
    questions = Question.objects.filter(whose, topic=topic).order_by("position", "pk")
    place = (-1, -1)
    while piece := list(_beyond(questions, place).values_list("position", "pk", "texts")[:ROWS_AT_ONCE]):
        place = piece[-1][:2]
        told = Answer.objects.filter(
            persona=persona, state=Answer.State.ANSWERED, question__in=[key for _, key, _ in piece]
        )
        answers = {key: (str(pk), text) for key, pk, text in told.values_list("question_id", "pk", "text")}
        for _position, key, texts in piece:
            source, text = answers.get(key, ("", ""))
            if text.strip():
                yield _item(texts, text, persona.language, topic or "own", source)


def _beyond(questions: QuerySet[Question], place: tuple[int, int]) -> QuerySet[Question]:
    """Those after (position, key)."""
    position, key = place
    return questions.filter(Q(position__gt=position) | Q(position=position, pk__gt=key), position__gte=position)


def _item(texts: dict[str, Any], answer: str, language: str, topic: str, source: str) -> Item:
    asked = texts.get(language[:2]) or texts.get("en") or next(iter(texts.values()))
    return Item(asked["text"], answer.strip(), tuple(asked.get("wordings", ())), language, topic, source)
