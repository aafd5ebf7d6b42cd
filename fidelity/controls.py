"""Who answers under each control: which model, asked how, with whose answers as notes."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path

from django.conf import settings
from django.utils.translation import gettext as _

from fidelity.engine_client import AskingRefused, EngineClient
from fidelity.models import Report, ReportItem
from fidelity.notes import Notebook, notebook_of
from questionnaires.dataset import Renderer, renderer
from questionnaires.models import Persona
from questionnaires.services import Refused
from training.connections import endpoint_of, preset_of
from training.models import PersonaModel
from training.versions import is_remote

Control = ReportItem.Control
BARE_FORMAT = "chat"  # how the untouched base model is asked, as chat does it


class Notes(StrEnum):
    """What stands before the question."""

    BEST = "best"  # the answer that fits it best, as in chat
    NONE = "none"
    BLOCK = "block"  # as many answers as fit, the best one last


@dataclass(frozen=True)
class Asker:
    """One control. `engine` serves the model; `scoring` tells log-probabilities, None where nobody does."""

    model: str
    renderer: Renderer
    name: str
    notebook: Notebook
    notes: Notes
    engine: EngineClient
    scoring: Callable[[], EngineClient] | None = None


@dataclass(frozen=True)
class Unavailable:
    why: str


@dataclass
class Cast:
    """All askers of a report. Close it."""

    report: Report
    local: EngineClient
    scoring: Callable[[], EngineClient] | None = None
    _clients: list[EngineClient] = field(default_factory=list)
    _askers: dict[str, Asker | Unavailable] = field(default_factory=dict)
    _notebooks: dict[str, Notebook] = field(default_factory=dict)

    def asker(self, control: str) -> Asker | Unavailable:
        """Who answers under `control`, or why nobody does. Raises AskingRefused where the version itself cannot."""
        if control not in self._askers:
            self._askers[control] = _MAKERS[Control(control)](self)
        return self._askers[control]

    def close(self) -> None:
        for client in self._clients:
            client.close()

    def notebook(self, persona: Persona) -> Notebook:
        key = str(persona.pk)
        if key not in self._notebooks:
            self._notebooks[key] = notebook_of(persona, self.local)
        return self._notebooks[key]

    def own(self, notes: Notes, notebook: Notebook | None = None) -> Asker:
        """The version, with notes of the notebook (default: the person's own)."""
        version, notebook = self.report.version, notebook or self.notebook(self.report.persona)
        if not is_remote(version):
            return Asker(
                str(version.pk),
                renderer(version.format),
                version.spoken_name,
                notebook,
                notes,
                self.local,
                self.scoring,
            )
        engine = self._provider(version)
        model = version.deployment or version.remote_model
        return Asker(model, renderer(version.format), version.spoken_name, notebook, notes, engine)

    def _provider(self, version: PersonaModel) -> EngineClient:
        connection = version.connection
        if connection is None:
            raise AskingRefused(_("The connection that serves this version was deleted."))
        if preset_of(connection).deployment and not version.deployment:
            raise AskingRefused(_("“%(name)s” has to deploy this model first.") % {"name": connection.name})
        if not self._clients:
            try:
                self._clients.append(EngineClient.at_provider(endpoint_of(connection), connection.name))
            except Refused as refused:
                raise AskingRefused(str(refused)) from refused
        return self._clients[0]

    def base(self, notes: Notes) -> Asker | Unavailable:
        version = self.report.version
        if is_remote(version):
            return Unavailable(_("Asking the provider's untouched model would cost you money."))
        if base_name(version.base_model) != base_name(settings.BASE_MODEL):
            return Unavailable(
                _("The untouched model %(name)s is not the one that the model server has ready.")
                % {"name": version.base_model}
            )
        name = base_name(settings.BASE_MODEL)
        notebook = self.notebook(self.report.persona)
        return Asker(name, renderer(BARE_FORMAT), version.spoken_name, notebook, notes, self.local, self.scoring)

    def other(self, notebook: Notebook | None, *, own_name: bool) -> Asker | Unavailable:
        """Another person's version, with notes of the notebook (default: that person's)."""
        mine = self.report.version
        if is_remote(mine):
            return Unavailable(_("This version is not on this computer, and another person's would be another model."))
        other = other_version(self.report)
        if other is None:
            return Unavailable(
                _("No other person's version with the same base model is here. Train the demo persona once.")
            )
        name = mine.spoken_name if own_name else other.spoken_name
        notebook = notebook or self.notebook(other.persona)
        return Asker(str(other.pk), renderer(other.format), name, notebook, Notes.BEST, self.local, self.scoring)


def other_version(report: Report) -> PersonaModel | None:
    """The control version: the demo persona's, else of any other persona here, with the same base model."""
    mine = report.version
    rows = PersonaModel.objects.filter(owner_id=mine.owner_id, is_current=True, connection=None, remote_model="")
    rows = rows.exclude(persona_id=mine.persona_id).select_related("persona")
    found: PersonaModel | None = next(
        (
            each
            for each in rows.order_by("-persona__is_demo", "created_at")
            if base_name(each.base_model) == base_name(mine.base_model)
        ),
        None,
    )
    return found


def other_persona(report: Report) -> Persona | None:
    """Whose notes the control takes: the demo persona's, else those of whoever the control version is of.

    A real person's answers do not leave this computer for it.
    """
    others = Persona.objects.filter(owner_id=report.owner_id).exclude(pk=report.persona_id)
    found: Persona | None = others.filter(is_demo=True).first()
    if found is None and not is_remote(report.version) and (version := other_version(report)):
        found = version.persona
    return found


def base_name(base_model: str) -> str:
    """As the engine lists it: a folder goes by its last part."""
    folder = Path(base_model).expanduser()
    return folder.resolve().name if folder.is_dir() else base_model


def _other_notes(cast: Cast) -> Asker | Unavailable:
    other = other_persona(cast.report)
    if other is None:
        return Unavailable(_("There is no other person here whose answers could be notes."))
    return cast.own(Notes.BEST, cast.notebook(other))


def _other_adapter(cast: Cast) -> Asker | Unavailable:
    return cast.other(cast.notebook(cast.report.persona), own_name=True)


_MAKERS: Mapping[Control, Callable[[Cast], Asker | Unavailable]] = {
    Control.PERSONA: lambda cast: cast.own(Notes.BEST),
    Control.NO_RETRIEVAL: lambda cast: cast.own(Notes.NONE),
    Control.OTHER_NOTES: _other_notes,
    Control.OTHER_PERSON: lambda cast: cast.other(None, own_name=False),
    Control.OTHER_ADAPTER: _other_adapter,
    Control.BASE: lambda cast: cast.base(Notes.NONE),
    Control.BASE_ANSWERS: lambda cast: cast.base(Notes.BLOCK),
}
