"""The data set read in small pieces, so that memory does not grow with it: for exports."""

from collections.abc import Iterator
from typing import Any

from django.db.models import Q

from questionnaires.dataset import Item
from questionnaires.models import Answer, Persona, Topic

ROWS_AT_ONCE = 1000
_COLUMNS = ("question__position", "question_id", "pk", "text", "question__texts")


def dataset_stream(*, persona: Persona) -> Iterator[Item]:
    """The answered questions in the persona's language: by topic, each in the order of its questions, own ones last.

    Each piece is a query that begins where the last one ended: no cursor stays open, which would keep SQLite's writers
    waiting while a slow download lasts.
    """
    for topic in [*Topic.objects.values_list("pk", flat=True), None]:
        place = (-1, -1)
        while rows := list(_after(persona, topic, place).values_list(*_COLUMNS)[:ROWS_AT_ONCE]):
            place = rows[-1][:2]
            for _position, _question, pk, text, texts in rows:
                if text.strip():
                    yield _item(texts, text, persona.language, topic or "own", str(pk))


def _after(persona: Persona, topic: str | None, place: tuple[int, int]) -> Any:
    """Answers of a topic beyond (position, key of the question)."""
    position, question = place
    beyond = Q(question__position__gt=position) | Q(question__position=position, question_id__gt=question)
    answers = Answer.objects.filter(beyond, persona=persona, state=Answer.State.ANSWERED, question__topic=topic)
    return answers.order_by("question__position", "question_id")


def _item(texts: dict[str, Any], answer: str, language: str, topic: str, source: str) -> Item:
    asked = texts.get(language[:2]) or texts.get("en") or next(iter(texts.values()))
    return Item(asked["text"], answer.strip(), tuple(asked.get("wordings", ())), language, topic, source)
