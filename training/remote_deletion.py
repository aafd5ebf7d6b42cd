"""What a version left at its provider: the model, and the files that were uploaded for it."""

from django.utils.translation import gettext as _

from questionnaires.services import Refused
from training.connections import endpoint_of
from training.models import PersonaModel
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
