"""Names of models as programs see them: `ft:BASE:SUFFIX:ID` for a version, `persona:ID`, and the base models here."""

from pathlib import Path
from uuid import UUID

from django.conf import settings
from django.contrib.auth.models import User
from django.db.models import QuerySet
from django.utils.text import slugify

from api.openai.reading import key_of
from engine.catalogue import entries
from questionnaires.models import Persona
from training.local_models import local_model
from training.models import PersonaModel, TrainingRun

FINE_TUNED, PERSONA = "ft:", "persona:"
SUFFIX = 64
EMBEDDING_MODEL = "local-embedding"  # all-MiniLM-L6-v2 for English, multilingual-e5-small for the rest


def base_name(base_model: str) -> str:
    """As the model server lists it: a folder goes by its last part."""
    folder = Path(base_model).expanduser()
    return folder.resolve().name if folder.is_dir() else base_model


def base_models() -> dict[str, str]:
    """Base models that can be trained without fetching one first: their names here, and what a training takes."""
    chosen = str(settings.BASE_MODEL)
    others = [entry.name for entry in entries() if entry.name != chosen and local_model(entry.name).present]
    return {base_name(model): model for model in [chosen, *others]}


def chat_base() -> str:
    """The base model that can be talked to as it is."""
    return base_name(str(settings.BASE_MODEL))


def model_name(*, base_model: str, suffix: str, key: UUID) -> str:
    """As in ft:smollm2-135m-instruct:nora:0123…; the suffix may be empty."""
    return f"{FINE_TUNED}{base_name(base_model)}:{slugify(suffix)[:SUFFIX]}:{key.hex}"


def name_of_version(version: PersonaModel) -> str:
    return model_name(base_model=version.base_model, suffix=version.spoken_name, key=version.pk)


def name_of_run(run: TrainingRun) -> str:
    """The name that its version has, or will have."""
    return model_name(base_model=run.base_model, suffix=run.spoken_name, key=run.pk)


def persona_name(persona: Persona) -> str:
    return PERSONA + persona.pk.hex


def versions_here(owner: User) -> "QuerySet[PersonaModel]":
    """The owner's versions that this installation serves itself, newest first."""
    rows = PersonaModel.objects.for_owner(owner).filter(connection=None, remote_model="", archived_at=None)
    return rows.select_related("persona", "run").order_by("-created_at")


def version_find(owner: User, name: str) -> PersonaModel | None:
    """The owner's version of that whole name."""
    key = key_of("ft:" + name.rpartition(":")[2], FINE_TUNED) if name.startswith(FINE_TUNED) else None
    found = versions_here(owner).filter(pk=key).first() if key else None
    return found if found and name_of_version(found) == name else None


def personas_of(owner: User) -> "QuerySet[Persona]":
    """Portraits of persons; what a program trained goes by its own name alone."""
    found: QuerySet[Persona] = Persona.objects.for_owner(owner).filter(made_from="")
    return found


def persona_find(owner: User, name: str) -> Persona | None:
    """By persona:ID; the ID with or without hyphens."""
    key = key_of(PERSONA + name.removeprefix(PERSONA).replace("-", ""), PERSONA) if name.startswith(PERSONA) else None
    return personas_of(owner).filter(pk=key).first() if key else None


def names_known(owner: User) -> list[str]:
    """Everything that can be talked to."""
    own = [name_of_version(version) for version in versions_here(owner)]
    personas = [persona_name(persona) for persona in personas_of(owner)]
    return [chat_base(), *own, *personas]
