"""What a version left at its provider: the model, and the files that were uploaded for it."""

from contextlib import suppress
from dataclasses import dataclass

from django.db.models import QuerySet
from django.utils.translation import gettext as _

from questionnaires.services import Refused
from training.connections import endpoint_of, host_of
from training.models import LOCAL, Connection, PersonaModel, TrainingRun
from training.providers.errors import NotFound, RemoteError
from training.providers.openai_compatible import Api, connect

BAD_GATEWAY = 502


def leftovers_delete(*, version: PersonaModel) -> None:
    """Deletes model and files there; what is gone already is no failure. Refused with a sentence, and then it is worth
    another try: whatever was deleted stays deleted.
    """
    if version.connection is None:
        raise Refused(_("Its connection was deleted: delete the model on the provider's own page."), 409)
    try:
        with connect(endpoint_of(version.connection)) as api:
            _delete(api, version)
    except RemoteError as error:
        sentence = _("Nothing was deleted here. %(reason)s Try again, or delete it here alone.")
        raise Refused(sentence % {"reason": error}, BAD_GATEWAY) from error


def _delete(api: Api, version: PersonaModel) -> None:
    for file_id in files_of(version):
        try:
            api.delete_file(file_id)
        except NotFound:
            continue
    if version.remote_model:
        try:
            api.delete_model(version.remote_model)
        except NotFound:
            return


def files_of(version: PersonaModel) -> list[str]:
    """Ids of its files there: rows that were uploaded, and results."""
    kept = version.run.remote if version.run else {}
    uploaded = [kept.get("training_file"), kept.get("validation_file")]
    return [str(file_id) for file_id in (*uploaded, *(kept.get("result_files") or [])) if file_id]


@dataclass(frozen=True)
class Leftover:
    """Something at a provider: a file, a model or a job, by its id there. No connection: its key is deleted."""

    connection: Connection | None
    host: str
    kind: str  # file, model, job
    id: str


def leftovers_of(runs: QuerySet[TrainingRun], versions: QuerySet[PersonaModel]) -> list[Leftover]:
    """All that was uploaded for these runs and made of it, also by those that never came to a version."""
    found: dict[tuple[str, str, str], Leftover] = {}
    for run in runs.exclude(provider=LOCAL).select_related("connection"):
        kept = run.remote
        ids = [kept.get("training_file"), kept.get("validation_file"), *(kept.get("result_files") or [])]
        for file_id in filter(None, ids):
            _note(found, run.connection, "file", str(file_id))
        if run.is_active and run.remote_id:
            _note(found, run.connection, "job", run.remote_id)
    for version in versions.exclude(remote_model="").select_related("connection"):
        _note(found, version.connection, "model", version.remote_model)
    return list(found.values())


def _note(found: dict[tuple[str, str, str], Leftover], connection: Connection | None, kind: str, key: str) -> None:
    host = host_of(connection) if connection else ""
    found[str(connection.pk) if connection else "", kind, key] = Leftover(connection, host, kind, key)


def leftover_delete(api: Api, leftover: Leftover) -> None:
    """What is gone already is no failure; a job is cancelled. Raises RemoteError."""
    delete = {"file": api.delete_file, "model": api.delete_model, "job": api.cancel}[leftover.kind]
    with suppress(NotFound):
        delete(leftover.id)
