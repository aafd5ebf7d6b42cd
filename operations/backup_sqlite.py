"""Snapshots of an SQLite file that a site may be writing to."""

import sqlite3
from contextlib import closing
from pathlib import Path
from uuid import UUID

from operations.backup_archive import BackupRefused

VERSIONS = "SELECT id FROM training_personamodel WHERE remote_model = '' AND connection_id IS NULL"


def sqlite_copy(source: Path, target: Path) -> None:
    """A copy of the database as it was at one instant; who writes meanwhile does not wait.

    All pages are copied in one step, which is one read transaction. The connection only reads: it never moves the
    write-ahead log into the database, which would need the writers' lock. BackupRefused where the copy is not whole.
    """
    if not source.is_file():
        raise BackupRefused(f"There is no database at {source}. Run `make run` once.")
    live = sqlite3.connect(f"{source.absolute().as_uri()}?mode=ro", uri=True, timeout=20)
    with closing(live), closing(sqlite3.connect(target)) as copy:
        live.backup(copy)
    with closing(sqlite3.connect(target)) as copy:
        copy.execute("PRAGMA journal_mode=DELETE")  # one file, without a log beside it
    check_whole(target)


def check_whole(file: Path) -> None:
    """BackupRefused with what SQLite finds wrong in `file`."""
    try:
        with closing(sqlite3.connect(file)) as copy:
            (found,) = copy.execute("PRAGMA integrity_check(1)").fetchone()
    except sqlite3.DatabaseError as error:
        found = str(error)
    if found != "ok":
        raise BackupRefused(f"The database is damaged: {found}. Restore an older backup; this one was not kept.")


def sqlite_tables(file: Path) -> dict[str, int]:
    """Rows of each table."""
    with closing(sqlite3.connect(file)) as copy:
        rows = copy.execute("SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite_%'")
        names = sorted(name for (name,) in rows)
        return {name: copy.execute(f'SELECT count(*) FROM "{name}"').fetchone()[0] for name in names}  # noqa: S608  # nosec B608


def sqlite_migrations(file: Path) -> list[str]:
    """As "app.name", those that were applied."""
    with closing(sqlite3.connect(file)) as copy:
        return sorted(f"{app}.{name}" for app, name in copy.execute("SELECT app, name FROM django_migrations"))


def sqlite_versions(file: Path) -> set[str]:
    """Ids of the versions whose files are here."""
    with closing(sqlite3.connect(file)) as copy:
        return {str(UUID(key)) for (key,) in copy.execute(VERSIONS)}
