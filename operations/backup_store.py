"""The part of a backup that lies in the store which several machines share (STORAGE_URL)."""

import tempfile
from pathlib import Path

from operations.backup_archive import ArchiveWriter, BackupRefused
from training.models import PersonaModel
from training.storage import Damaged, StoreAway, fetch, has_store, listed
from training.version_files import version_fetch

SHARED = ("runs", "uploads")  # versions lie there under other names: they come by their rows


def add_from_store(archive: ArchiveWriter, versions: set[str]) -> None:
    """Adds what this machine does not have. BackupRefused where the store does not answer; nothing without a store."""
    if not has_store():
        return
    try:
        for version in PersonaModel.objects.filter(pk__in=versions):
            if f"models/{version.pk}/result.json" not in archive.files:
                _add_version(archive, version)
        for prefix in SHARED:
            _add_files(archive, prefix)
    except StoreAway:
        raise BackupRefused("The store of STORAGE_URL does not answer, so a backup would not be whole.") from None


def _add_version(archive: ArchiveWriter, version: PersonaModel) -> None:
    try:
        found = version_fetch(version)
    except Damaged:
        return
    for path in sorted(version.folder.iterdir()) if found else []:
        if path.is_file():
            archive.add(f"models/{version.pk}/{path.name}", path)


def _add_files(archive: ArchiveWriter, prefix: str) -> None:
    with tempfile.TemporaryDirectory(prefix=".store.", suffix=".part", dir=archive.folder) as place:
        for name in sorted(listed(prefix)):
            file, whole = Path(place) / "file", f"{prefix}/{name}"
            if whole not in archive.files and fetch(file, key=whole):
                archive.add(whole, file)
                file.unlink()
