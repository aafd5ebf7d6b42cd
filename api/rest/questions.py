"""Questions: those of the bank that a persona is asked, and its own ones."""

from typing import Any

from django.http import HttpRequest
from django.shortcuts import get_object_or_404
from ninja import Field, Router, Schema, Status

from api.rest.access import door
from api.rest.errors import REFUSALS
from api.rest.pages import Page, Part, PersonaId, page_of
from questionnaires import services
from questionnaires.models import Answer, Persona, Question
from questionnaires.own_questions import own_question_delete, own_question_edit
from questionnaires.views import persona_or_404, question_or_404

router = Router(tags=["Questions"])


class QuestionShape(Schema):
    """In the persona's language where the question has it. `wordings` ask the same in other words."""

    slug: str
    topic: str = Field(description="Slug of the topic; empty for an own question")
    text: str
    wordings: list[str]
    hint: str
    follow_up: str
    is_own: bool
    state: str = Field(description="Of its answer: open, answered, skipped, refused, later")


class QuestionText(Schema):
    text: str


def question_shape(question: Question, state: str, language: str) -> dict[str, Any]:
    texts = question.in_language(language)
    return {
        "slug": question.slug,
        "topic": question.topic_id or "",
        "text": texts["text"],
        "wordings": list(texts.get("wordings", ())),
        "hint": texts.get("hint", ""),
        "follow_up": texts.get("follow_up", ""),
        "is_own": question.persona_id is not None,
        "state": state,
    }


def _shape(persona: Persona, question: Question) -> dict[str, Any]:
    answer = Answer.objects.filter(persona=persona, question=question).first()
    return question_shape(question, answer.state if answer else Answer.State.OPEN, persona.language)


@router.get("questions", response={200: Page[QuestionShape], **REFUSALS}, auth=door("read"))
def question_list(request: HttpRequest, persona_id: PersonaId, part: Part, state: str = "", topic: str = "") -> Any:
    """The questions of the chosen questionnaire and the own ones, in the order of asking."""
    persona = persona_or_404(request, persona_id)
    progress = services.progress_get(persona=persona)
    states = [(question, progress.states.get(question.pk, Answer.State.OPEN)) for question in progress.order]
    rows = [
        (question, here)
        for question, here in states
        if state in {"", here} and topic in {"", question.topic_id or "own"}
    ]
    return page_of(rows, part, lambda row: question_shape(row[0], row[1], persona.language))


@router.post("questions", response={201: QuestionShape, **REFUSALS}, auth=door("write"))
def question_new(request: HttpRequest, persona_id: PersonaId, body: QuestionText) -> Any:
    """An own question."""
    persona = persona_or_404(request, persona_id)
    return Status(201, _shape(persona, services.question_create(persona=persona, text=body.text)))


@router.get("questions/{slug:slug}", response={200: QuestionShape, **REFUSALS}, auth=door("read"))
def question_get(request: HttpRequest, persona_id: PersonaId, slug: str) -> Any:
    """One question."""
    persona = persona_or_404(request, persona_id)
    return _shape(persona, question_or_404(persona, slug))


@router.put("questions/{slug:slug}", response={200: QuestionShape, **REFUSALS}, auth=door("write"))
def question_edit(request: HttpRequest, persona_id: PersonaId, slug: str, body: QuestionText) -> Any:
    """Words an own question anew; its answer stays."""
    persona = persona_or_404(request, persona_id)
    return _shape(persona, own_question_edit(persona=persona, question=_own(persona, slug), text=body.text))


@router.delete("questions/{slug:slug}", response={204: None, **REFUSALS}, auth=door("write"))
def question_delete(request: HttpRequest, persona_id: PersonaId, slug: str) -> Any:
    """Deletes an own question with its answer and the answer's history."""
    persona = persona_or_404(request, persona_id)
    own_question_delete(persona=persona, question=_own(persona, slug))
    return Status(204, None)


def _own(persona: Persona, slug: str) -> Question:
    return get_object_or_404(Question.objects.filter(persona=persona), slug=slug)
