"""Files that programs bring for a training: the bytes under UPLOADS_DIR, what is known of them in a row."""

import hashlib
import os
from collections.abc import Iterable
from pathlib import Path

from django.contrib.auth.models import User
from django.utils.translation import gettext as _

from questionnaires.save_result import within_limits
from questionnaires.services import Refused
from training.charges import upload_charge
from training.models import TrainingRun, UploadedFile
from training.storage import Damaged, StoreAway, fetch, share
from training.uploaded_rows import rows_read

FINE_TUNE, RESULTS = "fine-tune", "fine-tune-results"
MAX_BYTES = 64 * 2**20  # sixteen million tokens: ten hours of training for the bundled model on two cores
MAX_NAME = 255


def upload_create(*, owner: User, filename: str, chunks: Iterable[bytes], purpose: str = FINE_TUNE) -> UploadedFile:
    """Keeps a file, and notes what is wrong with its rows, if anything. Refused (413) where it is too large."""
    name = Path(filename.replace("\0", "").replace("\\", "/")).name[-MAX_NAME:] or "file"
    file = UploadedFile(owner=owner, filename=name, purpose=purpose, size=0, sha256="")
    try:
        file.size, file.sha256 = _write(file.path, chunks)
        if purpose == FINE_TUNE:
            with within_limits():
                upload_charge(owner_id=owner.pk, size=file.size)
            _look(file)
        share(file.path)
        file.save(force_insert=True)
    except StoreAway as error:
        file.path.unlink(missing_ok=True)
        raise Refused(str(error), 503) from error
    except BaseException:
        file.path.unlink(missing_ok=True)
        raise
    return file


def _write(path: Path, chunks: Iterable[bytes]) -> tuple[int, str]:
    """Bytes and SHA-256 of what was written, which is on the disk then."""
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    size, digest = 0, hashlib.sha256()
    with path.open("xb") as target:
        for chunk in chunks:
            size += len(chunk)
            if size > MAX_BYTES:
                sentence = _("The file is larger than %(n)d MB. Split it, or leave examples out.")
                raise Refused(sentence % {"n": MAX_BYTES // 2**20}, 413)
            digest.update(chunk)
            target.write(chunk)
        target.flush()
        os.fsync(target.fileno())
    return size, digest.hexdigest()


def _look(file: UploadedFile) -> None:
    try:
        found = rows_read(file.path.read_bytes())
    except Refused as refused:
        file.fault = str(refused)
    else:
        file.rows, file.format = found.examples, found.format


def upload_read(*, file: UploadedFile) -> bytes:
    """Its bytes. Refused where they are gone or are not those that came."""
    try:
        fetch(file.path, file.sha256)
        content = file.path.read_bytes()
    except (FileNotFoundError, Damaged):
        raise Refused(_("The file %(name)s is gone. Upload it again.") % {"name": file.filename}, 404) from None
    if hashlib.sha256(content).hexdigest() != file.sha256:
        raise Refused(_("The file %(name)s is damaged. Upload it again.") % {"name": file.filename})
    return content


def upload_delete(*, file: UploadedFile) -> None:
    """Deletes it. Refused as long as a training that is under way may still read it."""
    active = TrainingRun.objects.filter(owner=file.owner_id, state__in=TrainingRun.ACTIVE)
    used = [name for name in ("training_file", "validation_file") if active.filter(**{f"source__{name}": str(file.pk)})]
    if used:
        raise Refused(_("A training that is under way uses this file. Wait for its end, or cancel it."))
    file.delete()
