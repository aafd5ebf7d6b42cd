"""An adapter that was trained elsewhere becomes a version. The engine reads, checks and rewrites its files."""

import shutil
import subprocess
import sys
import tempfile
import uuid
import zipfile
from pathlib import Path

from django.conf import settings
from django.core.files.uploadedfile import UploadedFile
from django.utils.translation import gettext as _

from questionnaires.dataset import RENDERERS
from questionnaires.models import Persona
from questionnaires.services import Refused
from training.local_models import folder_of
from training.models import PersonaModel
from training.versions import version_publish_imported

MOST_BYTES = 500_000_000
SECONDS = 300
BAD_INPUT, DISK_FULL = 2, 5  # exit codes of engine.importing
SENTENCE = 500


def bases_of(persona: Persona) -> list[str]:
    """Base models that an adapter can be over: the site's own first, then those of the versions trained here."""
    trained = PersonaModel.objects.filter(owner=persona.owner_id, remote_model="", connection=None)
    return list(dict.fromkeys([settings.BASE_MODEL, *trained.values_list("base_model", flat=True)]))


def adapter_import(*, persona: Persona, upload: "UploadedFile[bytes]", base_model: str, format: str) -> PersonaModel:
    """A version out of an uploaded zip. Refused with a sentence if it is not the adapter of this base model."""
    if base_model not in bases_of(persona):
        raise Refused(_("Choose one of the base models of the list."))
    if format not in RENDERERS:
        raise Refused(_("There is no format “%(name)s”. Choose marker or chat.") % {"name": format[:20]})
    if (upload.size or 0) > MOST_BYTES:
        raise Refused(
            _("The file is larger than %(n)d MB. Save the adapter alone, without its base model.") % _most(), 413
        )
    key = uuid.uuid4()
    folder = Path(settings.MODELS_DIR) / str(key)
    with tempfile.NamedTemporaryFile(suffix=".zip") as archive:
        for piece in upload.chunks():
            archive.write(piece)
        archive.flush()
        _run_engine(Path(archive.name), folder, base_model)
    try:
        return version_publish_imported(persona=persona, key=key, base_model=base_model, format=format)
    except BaseException:
        shutil.rmtree(folder, ignore_errors=True)
        raise


def adapter_admit(*, config: Path, weights: Path, target: Path, base_model: str) -> None:
    """The two files of peft, written anew by the engine as the folder `target`. Refused with a sentence where they do
    not fit the base model, or where this computer does not have it: a stranger's file must not choose what is fetched.
    """
    at_hand = base_model == settings.BASE_MODEL or (not Path(base_model).is_absolute() and folder_of(base_model))
    if not at_hand:
        raise Refused(_("The base model “%(name)s” is not on this computer.") % {"name": base_model[:80]})
    with tempfile.NamedTemporaryFile(suffix=".zip") as archive:
        with zipfile.ZipFile(archive, "w") as opened:
            opened.write(config, "adapter_config.json")
            opened.write(weights, "adapter_model.safetensors")
        archive.flush()
        _run_engine(Path(archive.name), target, base_model)


def _most() -> dict[str, int]:
    return {"n": MOST_BYTES // 1_000_000}


def _run_engine(archive: Path, folder: Path, base_model: str) -> None:
    options = ["--out", str(folder), "--cache", str(settings.BASE_DIR_CACHE), "--base-model", base_model]
    command = [sys.executable, "-m", "engine.importing", str(archive), *options]
    try:
        done = subprocess.run(command, cwd=settings.BASE_DIR, capture_output=True, text=True, timeout=SECONDS)
    except subprocess.TimeoutExpired:
        raise Refused(_("Reading the adapter took too long. The computer may be busy; try again."), 503) from None
    if done.returncode == 0:
        return
    if done.returncode == DISK_FULL:
        raise Refused(_("The disk is full. Make room and try again."), 507)
    lines = done.stderr.strip().splitlines()
    if done.returncode != BAD_INPUT or not lines:
        raise Refused(_("The adapter could not be read. Save it again with peft's save_pretrained and zip it."))
    raise Refused(lines[-1][-SENTENCE:])
