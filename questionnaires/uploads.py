"""Files that wait between an import's report and its confirmation, in DATA_DIR/imports, for a day."""

import time
import uuid
from pathlib import Path

from django.conf import settings

KEPT_SECONDS = 24 * 3600


def upload_keep(*, owner_id: int, data: bytes, filename: str) -> uuid.UUID:
    """Keeps the file and returns its id."""
    folder = _folder()
    for old in folder.iterdir():
        if old.stat().st_mtime < time.time() - KEPT_SECONDS:
            old.unlink(missing_ok=True)
    upload_id = uuid.uuid4()
    (folder / f"{owner_id}-{upload_id}").write_bytes(filename.encode("utf-8", "replace") + b"\0" + data)
    return upload_id


def upload_take(*, owner_id: int, upload_id: uuid.UUID) -> tuple[bytes, str] | None:
    """The file and its name, or None if there is none of that owner any more."""
    try:
        filename, _nul, data = (_folder() / f"{owner_id}-{upload_id}").read_bytes().partition(b"\0")
    except FileNotFoundError:
        return None
    return data, filename.decode()


def upload_drop(*, owner_id: int, upload_id: uuid.UUID) -> None:
    (_folder() / f"{owner_id}-{upload_id}").unlink(missing_ok=True)


def _folder() -> Path:
    folder = Path(settings.DATA_DIR) / "imports"
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    return folder
