"""What a training on a program's file reads."""

from typing import Any
from uuid import UUID

from django.utils.translation import gettext as _

from questionnaires.services import Refused
from training.models import TrainingRun, UploadedFile
from training.row_files import RowFiles
from training.uploaded_rows import files_of, rows_read, usual_epochs
from training.uploads import upload_read


def file_rows(run: TrainingRun) -> tuple[RowFiles, int]:
    """The rows of a run's files and how many examples the training file has. Refused where they cannot be used."""
    training = rows_read(upload_read(file=_file(run, "training_file")))
    kept = rows_read(upload_read(file=_file(run, "validation_file"))) if run.source.get("validation_file") else None
    return files_of(training, kept), training.examples


def _file(run: TrainingRun, which: str) -> UploadedFile:
    found: UploadedFile | None = UploadedFile.objects.for_owner(run.owner_id).filter(pk=UUID(run.source[which])).first()
    if found is None:
        raise Refused(_("The file of this training was deleted. Upload it again and start a new training."))
    return found


def overrides_of(run: TrainingRun, examples: int) -> dict[str, Any]:
    """The run's hyperparameters with the number of passes, which follows from the rows where it was left open."""
    return {"epochs": usual_epochs(examples), **run.overrides}
