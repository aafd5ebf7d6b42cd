"""/v1/models: the base models of this installation, the caller's versions and personas."""

from typing import Any

from accounts.audit import audit_record
from api.openai.door import Call, door
from api.openai.errors import ApiError, model_not_found
from api.openai.model_names import (
    EMBEDDING_MODEL,
    base_models,
    name_of_version,
    names_known,
    persona_find,
    persona_name,
    personas_of,
    version_find,
    versions_here,
)
from questionnaires.models import Persona
from training.versions import version_delete

EPOCH = 1_730_419_200  # 2024-11-01, when the bundled base model was published


def listed(call: Call) -> dict[str, Any]:
    found = [_shape(name, EPOCH, "system") for name in (*base_models(), EMBEDDING_MODEL)]
    found += [_of_version(version) for version in versions_here(call.owner)]
    found += [_of_persona(persona) for persona in personas_of(call.owner)]
    return {"object": "list", "data": found}


def retrieve(call: Call, name: str) -> dict[str, Any]:
    if name in base_models() or name == EMBEDDING_MODEL:
        return _shape(name, EPOCH, "system")
    if version := version_find(call.owner, name):
        return _of_version(version)
    if persona := persona_find(call.owner, name):
        return _of_persona(persona)
    raise model_not_found(name, names_known(call.owner))


def delete(call: Call, name: str) -> dict[str, Any]:
    version = version_find(call.owner, name)
    if version:
        target = f"version:{version.pk}"
        version_delete(version=version)
        audit_record(action="version-deleted", actor=call.owner, target=target, where="api")
        return {"id": name, "object": "model", "deleted": True}
    if name in base_models() or persona_find(call.owner, name):
        sentence = "Only a fine-tuned model can be deleted here; a person's portrait is deleted on its page."
        raise ApiError(403, sentence, "not_deletable", "model")
    raise model_not_found(name, names_known(call.owner))


def _shape(name: str, created: float, owner: str) -> dict[str, Any]:
    """`Model`."""
    return {"id": name, "object": "model", "created": int(created), "owned_by": owner}


def _of_version(version: Any) -> dict[str, Any]:
    return _shape(name_of_version(version), version.created_at.timestamp(), "you")


def _of_persona(persona: Persona) -> dict[str, Any]:
    return _shape(persona_name(persona), persona.created_at.timestamp(), "you")


models_view = door(GET=("read", listed))
model_view = door(GET=("read", retrieve), DELETE=("train", delete))
