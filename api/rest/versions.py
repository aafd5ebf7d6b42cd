"""Versions: what trainings published."""

from datetime import datetime
from typing import Any
from uuid import UUID

from django.http import HttpRequest
from ninja import Field, Router, Schema, Status

from accounts.audit import audit_record
from api.rest.access import door
from api.rest.errors import REFUSALS
from api.rest.pages import Page, Part, PersonaId, page_of
from questionnaires.views import persona_or_404
from training import versions
from training.models import PersonaModel
from training.remote_deletion import leftovers_delete
from training.version_views import version_or_404

router = Router(tags=["Versions"])


class VersionShape(Schema):
    id: UUID
    number: int
    name: str
    base_model: str
    format: str
    is_current: bool
    archived_at: datetime | None
    created_at: datetime
    notes: str
    data_hash: str
    run: UUID | None
    remote_model: str = Field(description="The model's name at its provider; empty: it is served here")


def version_shape(version: PersonaModel) -> dict[str, Any]:
    own = ("number", "name", "base_model", "format", "is_current", "archived_at", "created_at", "notes", "data_hash")
    shape = {name: getattr(version, name) for name in (*own, "remote_model")}
    return shape | {"id": version.pk, "run": version.run_id}


@router.get("versions", response={200: Page[VersionShape], **REFUSALS}, auth=door("read"))
def version_list(request: HttpRequest, persona_id: PersonaId, part: Part) -> Any:
    """The persona's versions, newest first."""
    rows = PersonaModel.objects.for_owner(request.user).filter(persona=persona_or_404(request, persona_id))
    return page_of(rows, part, version_shape)


@router.get("versions/{uuid:version_id}", response={200: VersionShape, **REFUSALS}, auth=door("read"))
def version_get(request: HttpRequest, persona_id: PersonaId, version_id: UUID) -> Any:
    """One version."""
    return version_shape(version_or_404(request, persona_id, version_id))


@router.post("versions/{uuid:version_id}/current", response={200: VersionShape, **REFUSALS}, auth=door("train"))
def version_current(request: HttpRequest, persona_id: PersonaId, version_id: UUID) -> Any:
    """The chat uses this version from now on."""
    versions.version_make_current(version=version_or_404(request, persona_id, version_id))
    return version_shape(version_or_404(request, persona_id, version_id))


@router.delete("versions/{uuid:version_id}", response={204: None, **REFUSALS, 502: REFUSALS[404]}, auth=door("train"))
def version_delete(request: HttpRequest, persona_id: PersonaId, version_id: UUID, at_provider: bool = False) -> Any:
    """Deletes a version with its files; with `at_provider` model and files at its provider first."""
    version = version_or_404(request, persona_id, version_id)
    if at_provider:
        leftovers_delete(version=version)
    versions.version_delete(version=version)
    audit_record(action="version-deleted", actor=request.user, target=f"version:{version_id}", where="api")
    return Status(204, None)
