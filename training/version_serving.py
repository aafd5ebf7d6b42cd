"""What a machine with a model server does about versions: bring those that are asked for, clear away what is gone."""

import logging
import shutil
import time
import uuid
from pathlib import Path
from typing import TypedDict

from django.conf import settings
from django.db import DatabaseError

from training.models import PersonaModel, TrainingRun
from training.storage import Damaged, StoreAway
from training.version_files import version_fetch

logger = logging.getLogger(__name__)

YOUNG_SECONDS = 600.0  # a folder without a row may be about to get one


class Answer(TypedDict):
    """As engine.serving.fetching reads it: an HTTP status and a sentence where it is not ok."""

    ok: bool
    status: int
    message: str


def version_bring(name: str) -> Answer:
    """Has the version of that id in its folder, whole, or says why not."""
    try:
        version = PersonaModel.objects.filter(pk=uuid.UUID(name), remote_model="", connection=None).first()
        if version is None:
            return _no(404, f"There is no version {name}.")
        if not version_fetch(version):
            return _no(404, f"The files of the version {name} are nowhere. Train it again.")
    except ValueError:
        return _no(404, f"There is no version “{name}”.")
    except Damaged as damaged:
        logger.error("Version %s: %s", name, damaged)
        return _no(422, f"The version {name} is damaged in the store: {damaged}")
    except (StoreAway, DatabaseError, OSError) as error:
        logger.warning("Version %s cannot be fetched now: %s", name, type(error).__name__)
        return _no(503, f"The version {name} cannot be fetched now. Try again in a moment.")
    return Answer(ok=True, status=200, message="")


def _no(status: int, message: str) -> Answer:
    return Answer(ok=False, status=status, message=message)


def versions_follow() -> int:
    """Fetches every version that can be chatted with; how many could not be."""
    try:
        rows = PersonaModel.objects.filter(archived_at=None, files__isnull=False)
        names = [str(key) for key in rows.order_by("-created_at").values_list("pk", flat=True)]
    except DatabaseError:
        return 1
    return sum(not version_bring(name)["ok"] for name in names if not (Path(settings.MODELS_DIR) / name).is_dir())


def local_clear() -> list[str]:
    """Deletes what this machine has of versions and runs whose rows are gone: they hold a person's words.

    The names of what went.
    """
    gone = []
    try:
        for folder in [*_folders(settings.MODELS_DIR), *_folders(settings.RUNS_DIR)]:
            if time.time() - folder.stat().st_mtime > YOUNG_SECONDS and not _has_row(folder.name):
                shutil.rmtree(folder, ignore_errors=True)
                gone.append(folder.name)
    except (DatabaseError, FileNotFoundError):
        logger.warning("What is left of deleted versions is looked for later.")
    return gone


def _folders(top: str | Path) -> list[Path]:
    """Those that are named by a row's id; whatever else somebody put there is left alone."""
    if not Path(top).is_dir():
        return []
    return [each for each in Path(top).iterdir() if each.is_dir() and _is_id(each.name)]


def _is_id(name: str) -> bool:
    try:
        return str(uuid.UUID(name)) == name
    except ValueError:
        return False


def _has_row(name: str) -> bool:
    return PersonaModel.objects.filter(pk=name).exists() or TrainingRun.objects.filter(pk=name).exists()
