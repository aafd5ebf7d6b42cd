"""Files of versions between machines: whoever trained one shares it, whoever needs it fetches it, hashes decide."""

import os
import shutil
import tempfile
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

from django.conf import settings

from engine.atomic import exclusive, sync_tree
from training.models import PersonaModel
from training.storage import Damaged, digest_of, fetch, has_store, key_of, share

Manifest = Mapping[str, Mapping[str, Any]]
"""File name -> {"sha256": hex, "bytes": int}."""

UNTOUCHED_SECONDS = 600.0  # a version that was used since then is not cleared away


def manifest_of(folder: Path) -> dict[str, dict[str, Any]]:
    """The hashes of a version's files as they lie in `folder`."""
    files = sorted(path for path in folder.iterdir() if path.is_file() and not path.name.startswith("."))
    return {path.name: {"sha256": digest_of(path), "bytes": path.stat().st_size} for path in files}


def version_share(folder: Path, tick: Callable[[], object] = lambda: None) -> dict[str, dict[str, Any]]:
    """Copies a version's files to the store, if there is one; their manifest. Raises StoreAway.

    A file's name there has its hash in it: a worker that lost its run, and shares its own result late, overwrites
    nothing.
    """
    found = manifest_of(folder)
    for name, each in found.items():
        share(folder / name, _key(folder, name, each), tick)
    return found


def _key(folder: Path, name: str, entry: Mapping[str, Any]) -> str:
    return f"{key_of(folder)}/{entry['sha256']}/{name}"


def version_fetch(version: PersonaModel) -> bool:
    """Makes sure that its folder is here and holds what the row says; False where it is nowhere.

    Raises Damaged where the store's bytes are others, StoreAway where it does not answer.
    """
    folder, manifest = version.folder, version.files
    if manifest is None or not has_store():
        return folder.is_dir()
    with exclusive(_locks() / f"{version.pk}.lock"):
        if not _is_whole(folder, manifest):
            if not _fetch_all(folder, manifest):
                return False
            cache_thin(keep=folder.name)
    os.utime(folder)  # used now: the longest unused make way
    return True


def _locks() -> Path:
    return Path(settings.DATA_DIR) / "run" / "fetching"


def _is_whole(folder: Path, manifest: Manifest) -> bool:
    paths = {folder / name: each for name, each in manifest.items()}
    if not all(path.is_file() and path.stat().st_size == each["bytes"] for path, each in paths.items()):
        return False
    return all(digest_of(path) == each["sha256"] for path, each in paths.items())


def _fetch_all(folder: Path, manifest: Manifest) -> bool:
    """Into a folder beside it, which then takes its place by one rename."""
    folder.parent.mkdir(parents=True, exist_ok=True)
    for leftover in folder.parent.glob(f".{folder.name}.*.tmp"):  # of a process that was killed
        shutil.rmtree(leftover, ignore_errors=True)
    with tempfile.TemporaryDirectory(prefix=f".{folder.name}.", suffix=".tmp", dir=folder.parent) as temporary:
        new = Path(temporary) / folder.name
        new.mkdir(mode=0o755)
        for name, each in manifest.items():
            if Path(name).name != name:
                raise Damaged(f"{name} is no file's name.")
            if not fetch(new / name, str(each["sha256"]), _key(folder, name, each)):
                return False
        sync_tree(new)
        if folder.exists():
            folder.rename(Path(temporary) / "old")
        new.rename(folder)
    return True


def cache_thin(keep: str = "") -> list[str]:
    """Clears away versions that the store has, the longest unused first, until they take no more than STORAGE_CACHE_GB.

    The names of what went. One that was used within ten minutes stays, and `keep` in any case.
    """
    if not has_store():
        return []
    folders = sorted((each for each in _cached() if each.name != keep), key=lambda each: each.stat().st_mtime)
    total, gone = sum(_size(each) for each in _cached()), []
    shared = set(map(str, PersonaModel.objects.filter(files__isnull=False).values_list("pk", flat=True)))
    for folder in folders:
        if total <= settings.STORAGE_CACHE_GB * 1e9 or time.time() - folder.stat().st_mtime < UNTOUCHED_SECONDS:
            break
        if folder.name in shared:
            total -= _size(folder)
            shutil.rmtree(folder, ignore_errors=True)
            gone.append(folder.name)
    return gone


def _cached() -> list[Path]:
    models = Path(settings.MODELS_DIR)
    return (
        [each for each in models.iterdir() if each.is_dir() and not each.name.startswith(".")]
        if models.is_dir()
        else []
    )


def _size(folder: Path) -> int:
    total = 0
    with suppress(FileNotFoundError):
        total = sum(path.stat().st_size for path in folder.iterdir())
    return total
