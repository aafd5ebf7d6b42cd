"""A backup becomes an installation again: everything is checked first, then put in place."""

import fcntl
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from django.db import connection
from django.db.migrations.loader import MigrationLoader

from engine.atomic import sync_folder
from operations.backup import Tell
from operations.backup_archive import ArchiveReader, BackupRefused
from operations.backup_files import DATABASE, REPLACED, SECRETS, STAGED, is_state
from operations.backup_postgresql import postgresql_restore, postgresql_tables
from operations.backup_sqlite import check_whole, sqlite_tables

LOCKS = ("up.lock", "programs.lock")  # held by a running site (persona_site.management.commands.up)


def backup_restore(*, path: Path, into: Path, replace: bool = False, tell: Tell = lambda _: None) -> dict[str, Any]:
    """Puts the installation of the backup `path` into the folder `into`; its manifest.

    A PostgreSQL database goes to DATABASE_URL. What was in `into` is moved to a folder `replaced-...` in it; the tables
    that were in PostgreSQL are gone. BackupRefused, before anything is touched, if a hash is wrong, the site runs, the
    program is older than the backup, or something is there and `replace` is not said.
    """
    archive = ArchiveReader(path)
    try:
        database = archive.manifest["database"]
        _check_kind(database["kind"])
        _check_migrations(database["migrations"])
        into.mkdir(parents=True, exist_ok=True, mode=0o700)
        with site_at_rest(into):
            _check_empty(into, database["kind"], replace)
            _restore(archive, into, tell)
    except OSError as error:
        raise BackupRefused(f"Nothing was restored into {into}: {error.strerror or error}.") from None
    finally:
        archive.close()
    return archive.manifest


def _check_kind(kind: str) -> None:
    if kind == connection.vendor:
        return
    if kind == "postgresql":
        raise BackupRefused("This is a backup of PostgreSQL: set DATABASE_URL to the database that it shall go to.")
    hint = "Restore it without DATABASE_URL; `manage.py to_postgresql` then brings it there."
    raise BackupRefused(f"This is a backup of SQLite and DATABASE_URL names another database. {hint}")


def _check_migrations(applied: list[str]) -> None:
    known = {f"{app}.{name}" for app, name in MigrationLoader(None).disk_migrations}
    if newer := sorted(set(applied) - known):
        raise BackupRefused(f"The backup is of a newer version of the program ({newer[0]}). Install that one first.")


@contextmanager
def site_at_rest(data_dir: Path) -> Iterator[None]:
    """Keeps a site with this DATA_DIR from starting. BackupRefused where one runs."""
    folder = data_dir / "run"
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    locks = [os.open(folder / name, os.O_RDWR | os.O_CREAT, 0o600) for name in LOCKS]
    try:
        for lock in locks:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        yield
    except BlockingIOError:
        raise BackupRefused(f"The site runs with {data_dir}. Stop it (Ctrl-C where it was started) first.") from None
    finally:
        for lock in locks:
            os.close(lock)


def _check_empty(into: Path, kind: str, replace: bool) -> None:
    """Secrets alone are nobody's work: each command makes them where there are none."""
    if replace:
        return
    present = sorted(entry.name for entry in into.iterdir() if is_state(entry.name) and entry.name != SECRETS)
    if present:
        raise BackupRefused(f"{into} is not empty ({', '.join(present[:3])}). With --replace it is moved aside.")
    if kind == "postgresql" and postgresql_tables():
        raise BackupRefused("The database of DATABASE_URL is not empty. With --replace its tables are deleted.")


def _restore(archive: ArchiveReader, into: Path, tell: Tell) -> None:
    staged = into / STAGED
    shutil.rmtree(staged, ignore_errors=True)
    staged.mkdir(mode=0o700)
    try:
        dump = _unpacked(archive, staged, tell)
        _database(archive.manifest["database"], dump, tell)
        _put_in_place(staged, into, tell)
    finally:
        shutil.rmtree(staged, ignore_errors=True)


def _unpacked(archive: ArchiveReader, staged: Path, tell: Tell) -> Path:
    """Extracts all files and checks each hash; the database's file, which stays in `staged` under its final name."""
    free = shutil.disk_usage(staged).free
    if free < archive.size:
        needed = (archive.size - free) // 1_000_000 + 1
        raise BackupRefused(f"The disk of {staged.parent} is too full for this backup: make {needed} MB of room.")
    tell(f"{len(archive.manifest['files'])} files ...")
    database = archive.manifest["database"]
    dump = staged / (DATABASE if database["kind"] == "sqlite" else f".{database['member']}")
    for name in archive.names():
        archive.extract(name, dump if name == database["member"] else staged / name)
    for folder, _, _ in os.walk(staged):
        sync_folder(Path(folder))
    return dump


def _database(database: dict[str, Any], dump: Path, tell: Tell) -> None:
    """Checks the database; PostgreSQL's is put in place by this."""
    tell("The database ...")
    if database["kind"] == "sqlite":
        check_whole(dump)
        tables = sqlite_tables(dump)
    else:
        postgresql_restore(dump, dump.with_suffix(".sql"))
        dump.with_suffix(".sql").unlink()
        dump.unlink()
        tables = postgresql_tables()
    if tables != database["tables"]:
        raise BackupRefused("The database has other numbers of rows than its backup says. Take another backup.")


def _put_in_place(staged: Path, into: Path, tell: Tell) -> None:
    """By renaming; the database last, with the log that lay beside the old one moved away before."""
    arriving = sorted(staged.iterdir(), key=lambda entry: entry.name == DATABASE)
    old = [entry for entry in into.iterdir() if is_state(entry.name) and entry.name != SECRETS]
    if any(entry.name == SECRETS for entry in arriving) and (into / SECRETS).exists():
        old.append(into / SECRETS)
    if old:
        aside = into / f"{REPLACED}{datetime.now(UTC):%Y%m%d-%H%M%S}"
        aside.mkdir(mode=0o700)
        for entry in old:
            entry.rename(aside / entry.name)
        tell(f"What was there is in {aside}; delete it when all is well.")
    for entry in arriving:
        entry.rename(into / entry.name)
    sync_folder(into)
