"""Secrets that the installation makes for itself, one file each, readable by the owner alone."""

import os
import secrets
from pathlib import Path


def secret(folder: Path, name: str) -> str:
    """Text of `folder/name`; made on first use (50 random bytes, URL-safe), never shown in a log.

    SystemExit with a sentence where the folder cannot be read or written.
    """
    try:
        return _secret(folder, name)
    except OSError as error:
        reason = f"{folder.parent} cannot be used: {error.strerror}"
        raise SystemExit(f"{reason}. Make room or set DATA_DIR to another folder.") from None


def _secret(folder: Path, name: str) -> str:
    path = folder / name
    try:
        return path.read_text()
    except FileNotFoundError:
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    made = secrets.token_urlsafe(50)
    temporary = path.with_name(f"{name}.{os.getpid()}")
    with os.fdopen(os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
        file.write(made)
    try:
        os.link(temporary, path)  # fails if another process was first: its secret counts
    except FileExistsError:
        return path.read_text()
    finally:
        temporary.unlink()
    return made
