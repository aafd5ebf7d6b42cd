"""Answers, saved as the page saves them: with the revision that a text was made from, and an operation's id."""

from datetime import datetime
from typing import Any
from uuid import UUID

from django.http import HttpRequest, JsonResponse
from django.utils.translation import gettext as _
from ninja import Field, Router, Schema

from api.rest.access import door
from api.rest.errors import CODES, REFUSALS
from api.rest.pages import Page, Part, PersonaId, page_of
from questionnaires.history import Entry, answer_restore, history_get
from questionnaires.models import Answer, Persona, Question
from questionnaires.save_result import SaveResult, text_digest
from questionnaires.saving import answer_save
from questionnaires.saving_views import save_reply
from questionnaires.views import persona_or_404, question_or_404

router = Router(tags=["Answers"])


class AnswerShape(Schema):
    question: str = Field(description="Slug of the question")
    state: str = Field(description="open, answered, skipped, refused (rather not say), later")
    text: str
    revision: int = Field(description="0: never saved")
    source: str
    sha256: str = Field(description="Of the text in UTF-8")
    updated_at: datetime | None


class Save(Schema):
    """`revision` is the one that the text was made from. An operation that is repeated gets its first reply again."""

    text: str
    revision: int = Field(ge=0, le=2**31 - 1)
    operation: str = Field(min_length=1, max_length=64, description="An id of your choice, new for each save")
    follows: list[str] = Field([], max_length=20, description="Own operations whose reply never came")
    state: str = Field("", description="Empty: worked out from the text")


class Saved(Schema):
    outcome: str = Field(description="saved or unchanged")
    revision: int
    state: str
    sha256: str
    mended: list[str] = Field(description="What was put right in the text, such as signs that cannot be stored")
    text: str | None = Field(None, description="The text as it is stored, where it was mended")


class Conflict(Schema):
    """The answer changed meanwhile. Your text is kept in the history; `merged` has both, where that can be done."""

    outcome: str
    revision: int
    state: str
    sha256: str
    mended: list[str]
    text: str
    yours: str
    merged: str | None
    parts: list[tuple[str, str]]
    error: dict[str, str]


class Restore(Schema):
    revision_id: UUID
    operation: str = Field(min_length=1, max_length=64)


class EntryShape(Schema):
    """A text that the answer had. `parts`: (same, new or gone, text) against the one before."""

    id: UUID
    at: datetime
    source: str
    state: str
    words: int
    text: str
    parts: list[tuple[str, str]]
    conflict: bool
    is_now: bool


def _shape(answer: Answer) -> dict[str, Any]:
    names = ("state", "text", "revision", "source", "updated_at")
    shape = {name: getattr(answer, name) for name in names}
    return shape | {"question": answer.question.slug, "sha256": text_digest(answer.text)}


def _place(request: HttpRequest, persona_id: PersonaId, slug: str) -> tuple[Persona, Question]:
    persona = persona_or_404(request, persona_id)
    return persona, question_or_404(persona, slug)


def _reply(result: SaveResult) -> Any:
    """As the page gets it; on a conflict with the sentence that a person would read."""
    if result.outcome != "conflict":
        return save_reply(result)
    sentence = _("The answer changed meanwhile. Your text is kept in its history; send one made from both.")
    return JsonResponse(save_reply(result) | {"error": {"message": sentence, "code": CODES[409]}}, status=409)


@router.get("answers", response={200: Page[AnswerShape], **REFUSALS}, auth=door("read"))
def answer_list(request: HttpRequest, persona_id: PersonaId, part: Part, state: str = "") -> Any:
    """The persona's answers in the order of the topics."""
    persona = persona_or_404(request, persona_id)
    rows = Answer.objects.for_owner(request.user).filter(persona=persona).select_related("question")
    return page_of(rows.filter(state=state) if state else rows, part, _shape)


@router.get("answers/{slug:slug}", response={200: AnswerShape, **REFUSALS}, auth=door("read"))
def answer_get(request: HttpRequest, persona_id: PersonaId, slug: str) -> Any:
    """The answer to a question; an open one where nothing was said yet."""
    persona, question = _place(request, persona_id, slug)
    found = Answer.objects.filter(persona=persona, question=question).select_related("question").first()
    return _shape(found or Answer(persona=persona, question=question))


@router.put(
    "answers/{slug:slug}", response={200: Saved, **REFUSALS, 409: Conflict}, exclude_none=True, auth=door("write")
)
def answer_put(request: HttpRequest, persona_id: PersonaId, slug: str, body: Save) -> Any:
    """Saves an answer. 409 with both texts if it changed since `revision`; nothing is ever overwritten unseen."""
    persona, question = _place(request, persona_id, slug)
    result = answer_save(
        persona=persona,
        question=question,
        text=body.text,
        base_revision=body.revision,
        operation_id=body.operation,
        follows=body.follows,
        state=body.state,
    )
    return _reply(result)


@router.get("answers/{slug:slug}/history", response={200: Page[EntryShape], **REFUSALS}, auth=door("read"))
def answer_history(request: HttpRequest, persona_id: PersonaId, slug: str, part: Part) -> Any:
    """Every text that the answer had, newest first."""
    persona, question = _place(request, persona_id, slug)
    return page_of(history_get(persona=persona, question=question), part, _entry_shape)


def _entry_shape(entry: Entry) -> dict[str, Any]:
    text = "".join(part for kind, part in entry.parts if kind != "gone")
    return {name: getattr(entry, name) for name in EntryShape.model_fields if name != "text"} | {"text": text}


@router.post(
    "answers/{slug:slug}/restore",
    response={200: Saved, **REFUSALS, 409: Conflict},
    exclude_none=True,
    auth=door("write"),
)
def answer_bring_back(request: HttpRequest, persona_id: PersonaId, slug: str, body: Restore) -> Any:
    """Makes an earlier text the answer again, as a new revision."""
    persona, question = _place(request, persona_id, slug)
    result = answer_restore(
        persona=persona, question=question, revision_id=body.revision_id, operation_id=body.operation
    )
    return _reply(result)
