"""A backup's file: a zip of the database, the files and a manifest with the SHA-256 of each."""

import hashlib
import json
import os
import stat
import time
import zipfile
from collections.abc import Iterator
from pathlib import Path, PurePosixPath
from typing import Any

MANIFEST = "manifest.json"
FORMAT = 1
PIECE = 1 << 20  # bytes read at a time: a backup takes no more memory for a larger installation
PACKED = {".sqlite3", ".json", ".jsonl", ".txt", ".md", ""}  # weights do not get smaller


class BackupRefused(Exception):
    """Why a backup cannot be made or restored; the message is a sentence for the person."""


class ArchiveWriter:
    """A zip that grows by one file after another. `files` is what went in: {name: {"bytes", "sha256"}}."""

    def __init__(self, path: Path) -> None:
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o600)
        self._file = os.fdopen(descriptor, "w+b")
        self._zip = zipfile.ZipFile(self._file, "w", allowZip64=True)
        self.files: dict[str, dict[str, Any]] = {}
        self.folder = path.parent

    def add(self, name: str, path: Path) -> None:
        """The bytes that `path` has now. FileNotFoundError where it is gone; nothing was written then."""
        with path.open("rb") as source:
            status = os.fstat(source.fileno())
            info = zipfile.ZipInfo(name, time.localtime(max(status.st_mtime, 315_619_200.0))[:6])  # zip begins in 1980
            info.external_attr = (stat.S_IFREG | stat.S_IMODE(status.st_mode)) << 16
            info.compress_type = zipfile.ZIP_DEFLATED if path.suffix in PACKED else zipfile.ZIP_STORED
            digest, size = hashlib.sha256(), 0
            with self._zip.open(info, "w", force_zip64=True) as target:
                while piece := source.read(PIECE):
                    target.write(piece)
                    digest.update(piece)
                    size += len(piece)
        self.files[name] = {"bytes": size, "sha256": digest.hexdigest()}

    def finish(self, facts: dict[str, Any]) -> None:
        """Writes the manifest and brings everything to the disk."""
        manifest = {"format": FORMAT, **facts, "files": self.files}
        self._zip.writestr(MANIFEST, json.dumps(manifest, indent=1, sort_keys=True))
        self._zip.close()
        self._file.flush()
        os.fsync(self._file.fileno())

    def close(self) -> None:
        self._zip.close()
        self._file.close()


class ArchiveReader:
    """A backup that is read. BackupRefused where it is none, or of a newer format."""

    def __init__(self, path: Path) -> None:
        self.path = path
        try:
            self._zip = zipfile.ZipFile(path)
            self.manifest: dict[str, Any] = json.loads(self._zip.read(MANIFEST))
        except OSError as error:
            raise BackupRefused(f"{path} cannot be read: {error.strerror or error}.") from None
        except (zipfile.BadZipFile, KeyError, ValueError) as error:
            raise BackupRefused(f"{path} is no whole backup: {error}. Take another one.") from None
        if self.manifest.get("format") != FORMAT:
            raise BackupRefused(f"{path} was made by a newer version of the program. Restore it with that one.")
        self._check_names()

    def _check_names(self) -> None:
        listed, present = set(self.manifest["files"]), set(self._zip.namelist()) - {MANIFEST}
        if odd := sorted(listed ^ present):
            raise BackupRefused(f"{self.path} is damaged: {odd[0]} is in its list or in the file, but not in both.")
        for name in listed:
            if name.startswith("/") or "\\" in name or ".." in PurePosixPath(name).parts:
                raise BackupRefused(f"{self.path} is no backup of this program: {name} points out of it.")

    @property
    def size(self) -> int:
        """Bytes of all files."""
        return sum(entry["bytes"] for entry in self.manifest["files"].values())

    def names(self) -> Iterator[str]:
        yield from self.manifest["files"]

    def extract(self, name: str, target: Path) -> None:
        """Writes the file `name` to `target` and brings it to the disk. BackupRefused where its hash is another one."""
        info = self._zip.getinfo(name)
        target.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        descriptor = os.open(target, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(descriptor, "wb") as file:
            self._copy(name, info, file)
            os.fchmod(file.fileno(), stat.S_IMODE(info.external_attr >> 16) & 0o777 or 0o600)
            file.flush()
            os.fsync(file.fileno())

    def _copy(self, name: str, info: zipfile.ZipInfo, file: Any) -> None:
        digest = hashlib.sha256()
        try:
            with self._zip.open(info) as source:
                while piece := source.read(PIECE):
                    file.write(piece)
                    digest.update(piece)
        except (zipfile.BadZipFile, EOFError) as error:
            raise BackupRefused(f"{self.path} is damaged at {name}: {error}. Take another backup.") from None
        if digest.hexdigest() != self.manifest["files"][name]["sha256"]:
            raise BackupRefused(f"{self.path} is damaged: {name} has another SHA-256. Take another backup.")

    def close(self) -> None:
        self._zip.close()
