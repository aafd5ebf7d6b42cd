"""What the store holds of rows that are gone, and of files that can be made again: cleared away now and then.

A deletion takes its files along at once (training.models). This is for one that happened while the store was away.
"""

import logging
import time
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from django.conf import settings

from training.exports import KEPT_SECONDS
from training.models import PersonaModel, TrainingRun, UploadedFile
from training.storage import forget, has_store, listed, written_at

logger = logging.getLogger(__name__)

YOUNG_SECONDS = 3600.0  # a file may come before its row
TOPS: dict[str, Any] = {"models": PersonaModel, "runs": TrainingRun, "uploads": UploadedFile, "exports": PersonaModel}


def store_clear() -> int:
    """Deletes what belongs to no row, and old exports; how many files. Raises StoreAway."""
    if not has_store():
        return 0
    gone = [*_orphans(), *_old_exports()]
    for path in gone:
        forget(path)
    return len(gone)


def _orphans() -> Iterator[Path]:
    for top, model in TOPS.items():
        names = list(listed(top))
        known = {str(key) for key in model.objects.values_list("pk", flat=True)}
        for name in names:
            path = Path(settings.DATA_DIR) / top / name
            owner = Path(name).parts[0]
            if _is_id(owner) and owner not in known and not _may_come(owner) and _age(f"{top}/{name}") > YOUNG_SECONDS:
                yield _here(top, name) if top != "exports" else path


def _old_exports() -> Iterator[Path]:
    for name in listed("exports"):
        if name.endswith(".zip") and _age(f"exports/{name}") > KEPT_SECONDS:
            yield Path(settings.DATA_DIR) / "exports" / name


def _here(top: str, name: str) -> Path:
    """The path whose key is this one, wherever the folders of this machine are."""
    folders = {"models": settings.MODELS_DIR, "runs": settings.RUNS_DIR, "uploads": settings.UPLOADS_DIR}
    return Path(folders[top]) / name


def _may_come(owner: str) -> bool:
    """A version is published under the id of its run, before its row is there."""
    return TrainingRun.objects.filter(pk=owner, state__in=TrainingRun.ACTIVE).exists()


def _age(key: str) -> float:
    return time.time() - written_at(key)


def _is_id(name: str) -> bool:
    try:
        return str(uuid.UUID(name)) == name
    except ValueError:
        return False
