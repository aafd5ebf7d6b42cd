"""Which of the person's own answers a message rests on, or that they never told it."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from chat import client
from questionnaires.dataset import Note
from questionnaires.models import Answer, Persona, Question, localised
from questionnaires.services import dataset_build

NOTES = 1  # the model is trained with one note; three made it loop
SOURCES = 3
SOURCE_FLOOR = 0.8  # of the best score: a hit below it is another subject
NOTE_CHARACTERS = 3000  # about 850 tokens: note, question and reply fit the bundled model's 2048

# Greetings: whoever greets wants to know whom they met. One more word may follow, as a name does.
_GREETING = re.compile(
    r"(?:hi|hello|hey|hiya|good (?:morning|afternoon|evening|day)|nice to meet you"
    r"|привет(?:ик)?|здравствуй(?:те)?|добр(?:ый|ое) (?:день|вечер|утро))(?:[\s,]+\w+)?",
    re.IGNORECASE,
)
_INTRODUCTION = {"en": "Who are you?", "ru": "Кто вы?"}

# Thanks and farewells: no facts are asked for.
_SMALL_TALK = re.compile(
    r"(?:thanks?(?: you)?(?: (?:so|very) much| a lot)?|good night"
    r"|bye(?:[- ]bye)?|goodbye|see you(?: (?:later|soon|tomorrow))?|how are you(?: (?:doing|today))?"
    r"|доброй ночи|спасибо(?: большое)?|благодарю"
    r"|пока(?:-пока)?|до (?:свидания|встречи|завтра)|как (?:ты|вы|дела))(?:[\s,]+\w+)?",
    re.IGNORECASE,
)


class Kind(StrEnum):
    NOTE = "note"  # the reply rests on an answer
    SMALL_TALK = "small talk"  # nothing of the person is asked for
    UNKNOWN = "unknown"  # the person never told it
    FREE = "free"  # the person never told it, and the model may speak nevertheless


@dataclass(frozen=True)
class Told:
    """An answer of the person: as a note for the model, as a document for the ranking, and where it stands."""

    answer_id: str
    slug: str
    topic: str
    note: Note
    ways_to_ask: tuple[str, ...]
    chapter: str = "own"  # slug of the topic; "own" for the person's own questions

    @property
    def document(self) -> client.Document:
        return client.Document(self.answer_id, self.ways_to_ask, self.note.answer)

    def source(self, score: float) -> dict[str, Any]:
        """As a message stores it."""
        return {
            "answer": self.answer_id,
            "slug": self.slug,
            "topic": self.topic,
            "question": self.note.question,
            "score": round(score, 4),
        }


@dataclass(frozen=True)
class Grounding:
    """What a reply rests on. `sources` are rows as `Told.source` makes them, the note's own first."""

    kind: Kind
    notes: tuple[Note, ...] = ()
    sources: tuple[dict[str, Any], ...] = ()
    probability: float | None = None  # that the person told it; none: nobody asked


def told_get(*, persona: Persona) -> list[Told]:
    """The person's answers in the words that a training sees, with all wordings of their questions."""
    items = {item.source: item for item in dataset_build(persona=persona)}
    answers = Answer.objects.filter(pk__in=list(items)).select_related("question__topic")
    places = {str(answer.pk): answer.question for answer in answers}
    return [
        Told(
            answer_id=key,
            slug=places[key].slug,
            topic=localised(places[key].topic.title) if places[key].topic else "",
            note=Note(item.question, _shortened(item.answer)),
            ways_to_ask=item.ways_to_ask,
            chapter=places[key].topic_id or "own",
        )
        for key, item in items.items()
        if key in places
    ]


def _shortened(text: str) -> str:
    """Cut at a word; a longer note would leave no room for the reply."""
    return text if len(text) <= NOTE_CHARACTERS else text[:NOTE_CHARACTERS].rpartition(" ")[0] or text[:NOTE_CHARACTERS]


async def ground(*, text: str, context: str | None, told: Sequence[Told], is_free: bool = False) -> Grounding:
    """What the reply to `text` rests on; `context` is what the person said before. Raises EngineError.

    `is_free`: what was never told is spoken of, too, without a note.
    """
    if is_small_talk(text):
        return Grounding(Kind.SMALL_TALK)
    if is_greeting(text):
        introduced = await _ground(text=_introduction(text), context=None, told=told)
        return introduced if introduced.kind is Kind.NOTE else Grounding(Kind.SMALL_TALK)
    found = await _ground(text=text, context=context, told=told)
    if found.kind is Kind.UNKNOWN and is_free:
        return Grounding(Kind.FREE, probability=found.probability)
    return found


async def _ground(*, text: str, context: str | None, told: Sequence[Told]) -> Grounding:
    if not told:
        return Grounding(Kind.UNKNOWN, probability=0.0)
    documents = [answer.document for answer in told]
    ranked = await client.rank(query=text, context=context, documents=documents, top_n=SOURCES)
    if not ranked.known or not ranked.hits:
        return Grounding(Kind.UNKNOWN, sources=_sources(told, ranked.hits), probability=ranked.probability)
    notes = tuple(told[hit.index].note for hit in ranked.hits[:NOTES])
    floor = SOURCE_FLOOR * ranked.hits[0].score
    near = [hit for place, hit in enumerate(ranked.hits) if place < NOTES or hit.score >= floor]
    return Grounding(Kind.NOTE, notes, _sources(told, near), ranked.probability)


def _sources(told: Sequence[Told], hits: Sequence[client.Hit]) -> tuple[dict[str, Any], ...]:
    return tuple(told[hit.index].source(hit.score) for hit in hits)


def is_small_talk(text: str) -> bool:
    """Whether the whole message is thanks or a farewell."""
    return _SMALL_TALK.fullmatch(text.strip().rstrip("!.?…) ")) is not None


def is_greeting(text: str) -> bool:
    """Whether the whole message is a greeting."""
    return _GREETING.fullmatch(text.strip().rstrip("!.?…) ")) is not None


def _introduction(text: str) -> str:
    """The question that a greeting stands for, in its own alphabet."""
    return _INTRODUCTION["en" if text.isascii() else "ru"]


def bank_get(*, language: str) -> list[client.Document]:
    """The bank's questions as documents: always the same set, so the engine encodes it once."""
    questions = Question.objects.filter(persona=None, retired=False)
    return [_as_document(question, language) for question in questions]


def _as_document(question: Question, language: str) -> client.Document:
    texts = question.in_language(language)
    return client.Document(question.slug, (texts["text"], *texts.get("wordings", ())), texts["text"])


def answered_slugs(*, persona: Persona) -> set[str]:
    """The questions that have an answer, or that the person would rather not answer."""
    silent = [Answer.State.ANSWERED, Answer.State.REFUSED]
    return set(Answer.objects.filter(persona=persona, state__in=silent).values_list("question__slug", flat=True))


async def offer_find(*, text: str, bank: Sequence[client.Document], answered: set[str]) -> dict[str, str]:
    """The open question of the bank that asks for it: {"slug", "question"}, or nothing. Raises EngineError.

    Each question stands as its own answer, so the engine's verdict "known" says whether one of them fits.
    """
    if not bank:
        return {}
    ranked = await client.rank(query=text, context=None, documents=bank, top_n=1)
    best = bank[ranked.hits[0].index] if ranked.known and ranked.hits else None
    return {"slug": best.id, "question": best.questions[0]} if best and best.id not in answered else {}
