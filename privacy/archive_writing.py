"""Everything that a person has, as one zip, written member by member: memory does not grow (docs/privacy.md)."""

from __future__ import annotations

import hashlib
import json
import os
import tomllib
import zipfile
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

from django.conf import settings
from django.contrib.auth.models import User
from django.utils import timezone

from privacy.archive_rows import account_line, bank_lines, lines_of
from privacy.catalogue import TABLES
from training.frozen import rows_bring
from training.models import PersonaModel, TrainingRun, UploadedFile
from training.storage import fetch
from training.version_files import version_fetch

FORMAT, FORMAT_VERSION = "persona-archive", 1
MANIFEST, ACCOUNT, BANK = "manifest.json", "account.json", "bank/questions.jsonl"
FILES_OF_RUN = ("job.json", "train.jsonl", "validation.jsonl", "progress.jsonl")  # checkpoints are the trainer's own
FILES_OF_VERSION = ("adapter_config.json", "adapter_model.safetensors", "adapter.gguf", "result.json")
_PIECE = 1 << 20
_INCOMPRESSIBLE = {".safetensors", ".gguf"}

FILE_OF_UPLOAD = "rows.jsonl"
Beat = Callable[[int, int, str], None]
"""Told rows and megabytes done, of how many, and what is being written."""


@dataclass
class Written:
    """What the manifest says: rows of each table, and size and SHA-256 of each member."""

    counts: dict[str, int] = field(default_factory=dict)
    members: dict[str, dict[str, Any]] = field(default_factory=dict)


@dataclass
class _Writer:
    archive: zipfile.ZipFile
    beat: Beat
    total: int
    done: int = 0
    written: Written = field(default_factory=Written)

    def add(self, name: str, pieces: Iterable[bytes]) -> int:
        """A member out of pieces; how many they were."""
        digest, size, count = hashlib.sha256(), 0, 0
        info = zipfile.ZipInfo(name, timezone.localtime().timetuple()[:6])
        stored = Path(name).suffix in _INCOMPRESSIBLE
        info.compress_type = zipfile.ZIP_STORED if stored else zipfile.ZIP_DEFLATED
        info.external_attr = 0o600 << 16
        with self.archive.open(info, "w", force_zip64=True) as member:
            for piece in pieces:
                member.write(piece)
                digest.update(piece)
                size, count = size + len(piece), count + 1
                self.done += 1
                self.beat(self.done, self.total, name)
        self.written.members[name] = {"bytes": size, "sha256": digest.hexdigest()}
        return count


def archive_write(*, owner: User, target: Path, beat: Beat) -> Written:
    """Writes the person's archive to `target`, which appears whole or not at all. OSError where the disk fails."""
    target.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    unfinished = target.with_suffix(".part")
    files = list(_files(owner))
    total = sum(table.rows(owner).count() for table in TABLES) + sum(_pieces_in(path) for _name, path in files)
    try:
        with unfinished.open("wb") as file:
            file.truncate()
            Path(unfinished).chmod(0o600)
            with zipfile.ZipFile(file, "w") as archive:
                written = _write(_Writer(archive, beat, total), owner, files)
            file.flush()
            os.fsync(file.fileno())
        unfinished.replace(target)
    finally:
        unfinished.unlink(missing_ok=True)
    return written


def _write(writer: _Writer, owner: User, files: list[tuple[str, Path]]) -> Written:
    writer.add(ACCOUNT, [account_line(owner)])
    writer.add(BANK, bank_lines(owner))
    for table in TABLES:
        writer.written.counts[table.name] = writer.add(table.member, lines_of(table, owner))
    for name, path in files:
        writer.add(name, _pieces(path))
    manifest = {
        "format": FORMAT,
        "format_version": FORMAT_VERSION,
        "program_version": program_version(),
        "made_at": timezone.now().isoformat(),
        "tables": writer.written.counts,
        "members": writer.written.members,
    }
    writer.archive.writestr(MANIFEST, json.dumps(manifest, ensure_ascii=False, indent=1) + "\n")
    return writer.written


def _files(owner: User) -> Iterator[tuple[str, Path]]:
    """What lies beside the rows: frozen data sets of trainings, adapters of versions, and files that programs brought;
    fetched from the store where other machines have them. Raises StoreAway, Damaged."""
    for run in TrainingRun.objects.filter(owner=owner).order_by("pk"):
        rows_bring(run)
        yield from _there(f"files/runs/{run.pk}", run.folder, FILES_OF_RUN)
    for version in PersonaModel.objects.filter(owner=owner).order_by("pk"):
        version_fetch(version)
        yield from _there(f"files/models/{version.pk}", version.folder, FILES_OF_VERSION)
    for upload in UploadedFile.objects.filter(owner=owner).order_by("pk"):
        if fetch(upload.path, upload.sha256):
            yield f"files/uploads/{upload.pk}/{FILE_OF_UPLOAD}", upload.path


def _there(prefix: str, folder: Path, names: Iterable[str]) -> Iterator[tuple[str, Path]]:
    for name in names:
        if (folder / name).is_file():
            yield f"{prefix}/{name}", folder / name


def _pieces(path: Path) -> Iterator[bytes]:
    with path.open("rb") as file:
        while piece := file.read(_PIECE):
            yield piece


def _pieces_in(path: Path) -> int:
    return -(-path.stat().st_size // _PIECE)


@cache
def program_version() -> str:
    """As pyproject.toml has it."""
    with (Path(settings.BASE_DIR) / "pyproject.toml").open("rb") as file:
        return str(tomllib.load(file)["project"]["version"])
