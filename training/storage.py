"""The store that all machines reach (STORAGE_URL), beside the folders of this one.

Without it everything stands in this computer's folders and these functions do nothing. With it a file is copied there
under its path below DATA_DIR, and fetched by whichever machine lacks it. What is fetched appears by one rename, and
only if its SHA-256 is the one that a row of the database names.
"""

import errno
import hashlib
import logging
import os
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from functools import cache
from pathlib import Path
from typing import IO, Any
from urllib.parse import urlsplit

from django.conf import settings
from django.core.files import File
from django.core.files.storage import FileSystemStorage, Storage
from django.utils.translation import gettext as _

from engine.atomic import sync_folder
from training.providers.base import Transient

logger = logging.getLogger(__name__)

PIECE_BYTES = 1 << 20
CONNECT_SECONDS, READ_SECONDS, ATTEMPTS = 3, 15, 2  # of a request to an S3-compatible store
MISSING = ("404", "NoSuchKey", "NotFound")


class StoreAway(Transient):
    """The store does not answer, or refuses; trying again later makes sense. The message is for the person."""


class Damaged(Exception):
    """What the store holds is not what the database says. The message names the file."""


def has_store() -> bool:
    return bool(settings.STORAGE_URL)


def key_of(path: Path) -> str:
    """A file's name in the store: as in "models/ID/adapter.gguf", wherever the folders of this machine are."""
    for name, folder in (
        ("models", settings.MODELS_DIR),
        ("runs", settings.RUNS_DIR),
        ("uploads", settings.UPLOADS_DIR),
        ("", settings.DATA_DIR),
    ):
        if path.is_relative_to(folder):
            return (Path(name) / path.relative_to(folder)).as_posix()
    raise ValueError(f"{path} is in none of the site's folders")


def digest_of(path: Path) -> str:
    """SHA-256 of a file, in hex."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def share(path: Path, key: str = "", tick: Callable[[], object] = lambda: None) -> None:
    """Copies a file to the store; nothing without one. `tick` is called with each piece. Raises StoreAway."""
    if not has_store():
        return
    name = key or key_of(path)
    with _sentences(name), path.open("rb") as source:
        _store().save(name, File(_Ticking(source, tick), name=name))  # type: ignore[arg-type]


def fetch(path: Path, sha256: str = "", key: str = "") -> bool:
    """Makes sure that a file is here; False if neither this machine nor the store has it.

    With `sha256` a file of other bytes counts as absent here, and raises Damaged there. Raises StoreAway.
    """
    if path.is_file() and (not sha256 or digest_of(path) == sha256):
        return True
    if not has_store():
        return False
    name = key or key_of(path)
    try:
        with _sentences(name), _store().open(name, "rb") as source:
            _write(path, source, sha256)
    except FileNotFoundError:
        return False
    return True


def _write(path: Path, source: Any, sha256: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    digest = hashlib.sha256()
    descriptor, name = tempfile.mkstemp(prefix=f".{path.name}.", suffix=".tmp", dir=path.parent)
    try:
        with os.fdopen(descriptor, "wb") as target:
            while piece := source.read(PIECE_BYTES):
                digest.update(piece)
                target.write(piece)
            target.flush()
            os.fsync(target.fileno())
        if sha256 and digest.hexdigest() != sha256:
            raise Damaged(f"{path.name} in the store has other bytes than the database says.")
        Path(name).replace(path)
        sync_folder(path.parent)
    finally:
        Path(name).unlink(missing_ok=True)


def text_read(path: Path) -> str:
    """A small text that changes: always as it is in the store, where there is one. FileNotFoundError, StoreAway."""
    if not has_store():
        return path.read_text(encoding="utf-8")
    name = key_of(path)
    with _sentences(name), _store().open(name, "rb") as source:
        return bytes(source.read()).decode()


def text_write(path: Path, text: str) -> None:
    """Writes such a text, here by one rename, and to the store. Raises StoreAway."""
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    temporary = path.with_suffix(f".{os.getpid()}.tmp")
    temporary.write_text(text, encoding="utf-8")
    temporary.replace(path)
    share(path)


def remove(path: Path) -> None:
    """Removes a file here and in the store."""
    path.unlink(missing_ok=True)
    forget(path)


def listed(prefix: str) -> Mapping[str, int]:
    """Name below `prefix` -> bytes, of all that the store holds there. Raises StoreAway."""
    if not has_store():
        return {}
    with _sentences(prefix):
        return dict(_walk(_store(), prefix.rstrip("/"), ""))


def _walk(store: Storage, top: str, below: str) -> Iterator[tuple[str, int]]:
    here = f"{top}/{below}".rstrip("/")
    try:
        folders, files = store.listdir(here)
    except (FileNotFoundError, NotADirectoryError):
        return
    for name in files:
        with suppress(FileNotFoundError):  # it went meanwhile
            yield f"{below}{name}", store.size(f"{here}/{name}")
    for name in folders:
        yield from _walk(store, top, f"{below}{name}/")


def written_at(key: str) -> float:
    """Unix seconds since when the store has a file as it is; now, for one that went meanwhile. Raises StoreAway."""
    try:
        with _sentences(key):
            return float(_store().get_modified_time(key).timestamp())
    except FileNotFoundError:
        return time.time()


def forget(path: Path) -> bool:
    """Removes a file, or all below a folder, from the store; False, and a line in the log, where that failed.

    What is left then goes with the next look for what belongs to no row (training.store_upkeep).
    """
    if not has_store():
        return True
    top = key_of(path)
    try:
        with _sentences(top):
            for name in [*(f"{top}/{each}" for each, _size in _walk(_store(), top, "")), top]:
                with suppress(FileNotFoundError, IsADirectoryError):
                    _store().delete(name)
    except StoreAway:
        logger.warning("The store could not forget %s; it is tried again.", top)
        return False
    return True


class _Ticking:
    """A file that tells of each piece that is read from it, so that a long upload keeps its lease."""

    def __init__(self, file: IO[bytes], tick: Callable[[], object]) -> None:
        self._file, self._tick = file, tick

    def read(self, size: int = -1) -> bytes:
        self._tick()
        return self._file.read(size)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._file, name)


def _store() -> Storage:
    return _made(settings.STORAGE_URL, settings.AWS_ENDPOINT_URL)


@cache
def _made(url: str, endpoint: str) -> Storage:
    parts = urlsplit(url)
    if parts.scheme == "file":
        return FileSystemStorage(location=parts.path, allow_overwrite=True, directory_permissions_mode=0o700)
    from boto3.s3.transfer import TransferConfig
    from botocore.config import Config
    from storages.backends.s3 import S3Storage

    times = {"connect_timeout": CONNECT_SECONDS, "read_timeout": READ_SECONDS}
    addressing = {"addressing_style": "path"} if endpoint else {}
    return S3Storage(  # type: ignore[no-any-return]
        bucket_name=parts.netloc,
        location=parts.path.strip("/"),
        endpoint_url=endpoint or None,
        region_name=settings.AWS_REGION or None,
        access_key=settings.AWS_KEY[0] or None,
        secret_key=settings.AWS_KEY[1] or None,
        file_overwrite=True,
        max_memory_size=8 * PIECE_BYTES,
        transfer_config=TransferConfig(use_threads=False),  # so that a lease is renewed in the thread that holds it
        client_config=Config(retries={"max_attempts": ATTEMPTS, "mode": "standard"}, s3=addressing or None, **times),
    )


@contextmanager
def _sentences(name: str) -> Iterator[None]:
    """The store's failures become StoreAway. A full disk of this machine, and a file that is not there, stay as is."""
    try:
        yield
    except FileNotFoundError:
        raise
    except _failures(settings.STORAGE_URL) as error:
        if getattr(error, "errno", None) in {errno.ENOSPC, errno.EDQUOT}:
            raise
        told = getattr(error, "response", None)
        code = str(told.get("Error", {}).get("Code", "")) if isinstance(told, dict) else ""
        if code in MISSING:
            raise FileNotFoundError(name) from error
        logger.warning("store: %s, code %s, at %s", type(error).__name__, code, name)
        raise StoreAway(_("The storage of this site does not answer. It is tried again.")) from error


@cache
def _failures(url: str) -> tuple[type[Exception], ...]:
    """What a store may raise. The S3 client is imported only where there is one."""
    if not url.startswith("s3://"):
        return (OSError,)
    from boto3.exceptions import Boto3Error
    from botocore.exceptions import BotoCoreError, ClientError
    from s3transfer.exceptions import RetriesExceededError, TransferNotDoneError

    return (OSError, Boto3Error, BotoCoreError, ClientError, RetriesExceededError, TransferNotDoneError)
