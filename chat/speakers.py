"""Who answers: a version here, a version at a provider, or the bare base model."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from django.conf import settings
from django.utils.translation import gettext as _

from chat import client
from chat.errors import ProviderFailed
from chat.raw import RawRenderer
from questionnaires.dataset import Messages, Note, Renderer, Turn, renderer
from questionnaires.models import Persona
from questionnaires.services import Refused
from training.connections import endpoint_of, preset_of
from training.models import PersonaModel
from training.versions import is_remote

BARE_FORMAT = "chat"  # of the base model without a training


@dataclass(frozen=True)
class Speaker:
    """Who answers: the server's name of the model, how it was taught to be asked, and where it is (None: here)."""

    model: str
    renderer: Renderer
    name: str
    elsewhere: client.Elsewhere | None = None
    version: PersonaModel | None = None  # none: the bare base model

    @property
    def is_raw(self) -> bool:
        """Whether it learned a program's file: there is nobody whose notes it could rest on."""
        return isinstance(self.renderer, RawRenderer)

    def prompt(self, text: str, notes: Sequence[Note], turns: Sequence[Turn] = ()) -> str | Messages:
        return self.renderer.prompt(text, name=self.name, notes=notes, turns=turns)


def speaker_get(*, persona: Persona, version: PersonaModel | None) -> Speaker:
    """The version, or the bare base model with the persona's name. EngineError if its provider cannot be asked."""
    if persona.made_from:
        model = _bare_name(settings.BASE_MODEL) if version is None else str(version.pk)
        return Speaker(model, RawRenderer(version.format if version else BARE_FORMAT), persona.name, version=version)
    if version is None:
        return bare_speaker(persona.name)
    if is_remote(version):
        return _remote(version)
    return Speaker(str(version.pk), renderer(version.format), version.spoken_name, version=version)


def _remote(version: PersonaModel) -> Speaker:
    """The key is unsealed here, for one reply."""
    connection = version.connection
    if connection is None:
        raise ProviderFailed(_("The connection that serves this version was deleted. Choose another version."))
    model = version.deployment or version.remote_model
    if not model or (preset_of(connection).deployment and not version.deployment):
        raise ProviderFailed(
            _("“%(name)s” has to deploy this model first. Then enter the deployment's name on the version's page.")
            % {"name": connection.name}
        )
    try:
        elsewhere = client.Elsewhere(endpoint_of(connection), connection.name)
    except Refused as refused:
        raise ProviderFailed(str(refused)) from refused
    return Speaker(model, renderer(version.format), version.spoken_name, elsewhere, version)


def bare_speaker(name: str) -> Speaker:
    """The untrained base model under the persona's name."""
    return Speaker(_bare_name(settings.BASE_MODEL), renderer(BARE_FORMAT), name)


def _bare_name(base_model: str) -> str:
    """As the engine lists it: a folder goes by its last part."""
    folder = Path(base_model).expanduser()
    return folder.resolve().name if folder.is_dir() else base_model
