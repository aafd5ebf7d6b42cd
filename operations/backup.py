"""Backups of a site that runs: the database at one instant, then every file that this database speaks of.

The database comes first. Whoever publishes a version puts its files in place before the row, so the files of each row
of the snapshot are there when they are copied. A version that was deleted in between would be a row without files:
then all is done once more.
"""

import shutil
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from django.conf import settings
from django.db import connection

from engine.atomic import exclusive, sync_folder
from operations.backup_archive import ArchiveWriter, BackupRefused
from operations.backup_files import files_of
from operations.backup_postgresql import Facts, postgresql_dump
from operations.backup_sqlite import sqlite_copy, sqlite_migrations, sqlite_tables, sqlite_versions
from operations.backup_store import add_from_store
from training.models import PersonaModel

PREFIX, SUFFIX = "persona-", ".zip"
DUMPS = {"sqlite": "database.sqlite3", "postgresql": "database.pgdump"}  # the database's name in the archive
TRIES = 3
DAY_SECONDS = 24 * 3600 - 600  # looked at once an hour
Tell = Callable[[str], object]


@dataclass(frozen=True)
class Backup:
    """One that was made. `broken`: ids of versions whose files were missing before."""

    path: Path
    files: int
    rows: int
    broken: list[str]


class _Deleted(Exception):
    """A version went while its files were copied."""


def backup_make(*, folder: Path, with_secrets: bool = True, keep: int = 0, tell: Tell = lambda _: None) -> Backup:
    """A new file in `folder`, whole or not at all; of the older ones the newest `keep - 1` stay (0: all).

    `tell` is called with each step. BackupRefused if it cannot be made.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        with exclusive(folder / ".lock"):
            _remove_leftovers(folder)
            try:
                backup = _made(folder, with_secrets, tell)
            finally:
                _remove_leftovers(folder)
            _thin(folder, keep)
            return backup
    except OSError as error:
        raise BackupRefused(f"No backup was made in {folder}: {error.strerror or error}.") from None


def _made(folder: Path, with_secrets: bool, tell: Tell) -> Backup:
    for _try in range(TRIES):
        try:
            return _attempt(folder, with_secrets, tell)
        except _Deleted:
            tell("A version was deleted meanwhile: once more.")
            _remove_leftovers(folder)
    raise BackupRefused("Versions were deleted again and again while they were copied. Try again in a quieter minute.")


def _attempt(folder: Path, with_secrets: bool, tell: Tell) -> Backup:
    kind, made_at = connection.vendor, datetime.now(UTC)
    dump = folder / f".{DUMPS[kind]}.part"
    tell("The database ...")
    facts = _snapshot(kind, dump)
    rows = sum(facts.tables.values())
    name = f"{PREFIX}{made_at:%Y%m%d-%H%M%S}Z{SUFFIX}"
    partial = folder / f".{name}.part"
    archive = ArchiveWriter(partial)
    try:
        archive.add(DUMPS[kind], dump)
        tell(f"{rows} rows. The files ...")
        _add_files(archive, folder, with_secrets, tell)
        add_from_store(archive, facts.versions)
        broken = _broken(archive, facts)
        database = {"kind": kind, "member": DUMPS[kind], "tables": facts.tables, "migrations": facts.migrations}
        archive.finish(
            {"made_at": made_at.isoformat(), "secrets": with_secrets, "database": database, "broken": broken}
        )
    finally:
        archive.close()
    partial.rename(folder / name)
    sync_folder(folder)
    return Backup(folder / name, len(archive.files), rows, broken)


def _snapshot(kind: str, dump: Path) -> Facts:
    if kind == "postgresql":
        return postgresql_dump(dump)
    sqlite_copy(Path(connection.settings_dict["NAME"]), dump)
    return Facts(sqlite_tables(dump), sqlite_migrations(dump), sqlite_versions(dump))


def _add_files(archive: ArchiveWriter, folder: Path, with_secrets: bool, tell: Tell) -> None:
    told = 0
    for name, path in files_of(Path(settings.DATA_DIR), {folder.resolve()}, with_secrets):
        with suppress(FileNotFoundError):  # a checkpoint that made way for the next
            archive.add(name, path)
        if len(archive.files) // 1000 > told:
            told = len(archive.files) // 1000
            tell(f"{len(archive.files)} files ...")


def _broken(archive: ArchiveWriter, facts: Facts) -> list[str]:
    """Versions without files that live on all the same. Raises _Deleted for one that went since the snapshot."""
    if facts.versions - _versions_now():
        raise _Deleted
    return sorted(key for key in facts.versions if f"models/{key}/result.json" not in archive.files)


def _versions_now() -> set[str]:
    rows = PersonaModel.objects.filter(remote_model="", connection=None)
    return {str(key) for key in rows.values_list("pk", flat=True)}


def backup_is_due(folder: Path) -> bool:
    """Whether the newest is a day old, or there is none."""
    newest = next(iter(backups_in(folder)), None)
    return newest is None or time.time() - newest.stat().st_mtime > DAY_SECONDS


def backups_in(folder: Path) -> list[Path]:
    """The newest first."""
    return sorted(folder.glob(f"{PREFIX}*{SUFFIX}"), reverse=True)


def _thin(folder: Path, keep: int) -> None:
    for old in backups_in(folder)[keep:] if keep else []:
        old.unlink()


def _remove_leftovers(folder: Path) -> None:
    """What a killed backup left. Call it under the lock."""
    for leftover in folder.glob(".*.part*"):
        if leftover.is_dir():
            shutil.rmtree(leftover, ignore_errors=True)
        else:
            leftover.unlink(missing_ok=True)
