"""Personas, and the questionnaires that they are asked."""

from datetime import datetime
from typing import Any
from uuid import UUID

from django.http import HttpRequest
from ninja import Field, Router, Schema, Status

from accounts.audit import audit_record
from api.rest.access import door
from api.rest.errors import REFUSALS
from api.rest.pages import Page, Part, page_of
from questionnaires import services
from questionnaires.models import Answer, Persona
from questionnaires.services import Refused
from questionnaires.views import persona_or_404, visitor

router = Router(tags=["Personas"])


class PersonaShape(Schema):
    """A person whose answers a model learns from. `is_demo`: invented and read-only."""

    id: UUID
    name: str
    language: str
    is_demo: bool
    created_at: datetime
    questionnaire: str = Field(description="Slug of the questionnaire that is asked")
    answered: int


class PersonaNew(Schema):
    name: str
    language: str = Field("en", pattern=r"^[a-z]{2}$", description="Of the answers, ISO 639-1")


class QuestionnaireShape(Schema):
    slug: str
    title: str
    purpose: str
    is_own: bool
    is_chosen: bool
    answered: int
    total: int


class Chosen(Schema):
    slug: str


def persona_shape(persona: Persona) -> dict[str, Any]:
    return {
        "id": persona.pk,
        "name": persona.name,
        "language": persona.language,
        "is_demo": persona.is_demo,
        "created_at": persona.created_at,
        "questionnaire": persona.questionnaire_id or services.DEFAULT_QUESTIONNAIRE,
        "answered": persona.answers.filter(state=Answer.State.ANSWERED).count(),
    }


@router.get("", response={200: Page[PersonaShape], **REFUSALS}, auth=door("read"))
def persona_list(request: HttpRequest, part: Part) -> Any:
    """Your personas."""
    return page_of(Persona.objects.for_owner(request.user), part, persona_shape)


@router.post("", response={201: PersonaShape, **REFUSALS}, auth=door("write"))
def persona_new(request: HttpRequest, body: PersonaNew) -> Any:
    """A new, empty persona."""
    persona = services.persona_create(owner=visitor(request), name=body.name, language=body.language)
    return Status(201, persona_shape(persona))


@router.get("{uuid:persona_id}", response={200: PersonaShape, **REFUSALS}, auth=door("read"))
def persona_get(request: HttpRequest, persona_id: UUID) -> Any:
    """One persona."""
    return persona_shape(persona_or_404(request, persona_id))


@router.delete("{uuid:persona_id}", response={204: None, **REFUSALS}, auth=door("write"))
def persona_delete(request: HttpRequest, persona_id: UUID, name: str) -> Any:
    """Deletes it with answers, versions and conversations. `name` is the persona's, so that none goes by mistake."""
    persona = persona_or_404(request, persona_id)
    if name.strip() != persona.name:
        raise Refused("The name is another one: nothing was deleted. Send the persona's own name.")
    services.persona_delete(persona=persona)
    audit_record(action="persona-erased", actor=visitor(request), target=f"persona:{persona_id}", where="api")
    return Status(204, None)


@router.get("{uuid:persona_id}/questionnaires", response={200: Page[QuestionnaireShape], **REFUSALS}, auth=door("read"))
def questionnaire_list(request: HttpRequest, persona_id: UUID, part: Part) -> Any:
    """Those of the program and the persona's own, the longest first, with how much of each is answered."""
    persona = persona_or_404(request, persona_id)
    return page_of(services.questionnaires_get(persona=persona), part, _questionnaire_shape)


def _questionnaire_shape(found: services.QuestionnaireProgress) -> dict[str, Any]:
    return {
        "slug": found.questionnaire.slug,
        "title": str(found.questionnaire),
        "purpose": found.questionnaire.line,
        "is_own": found.questionnaire.persona_id is not None,
        "is_chosen": found.is_chosen,
        "answered": found.answered,
        "total": found.total,
    }


@router.put("{uuid:persona_id}/questionnaire", response={200: PersonaShape, **REFUSALS}, auth=door("write"))
def questionnaire_choose(request: HttpRequest, persona_id: UUID, body: Chosen) -> Any:
    """The persona is asked the questions of that questionnaire from now on."""
    persona = persona_or_404(request, persona_id)
    services.questionnaire_choose(persona=persona, slug=body.slug)
    return persona_shape(persona)
