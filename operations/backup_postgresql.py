"""Snapshots of a PostgreSQL database by its own programs, pg_dump and pg_restore."""

import os
import shutil
import subprocess
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from django.db import connection

from operations.backup_archive import BackupRefused
from operations.backup_sqlite import VERSIONS

PLACES = ("/usr/lib/postgresql/*/bin", "/usr/pgsql-*/bin", "/opt/homebrew/opt/postgresql@*/bin")
WAIT = "10s"  # for locks that another program holds
SENTENCE = 400
TABLES = "SELECT tablename FROM pg_tables WHERE schemaname = current_schema() ORDER BY 1"


@dataclass(frozen=True)
class Facts:
    """What a snapshot holds: rows of each table, applied migrations as "app.name", ids of versions with files here."""

    tables: dict[str, int]
    migrations: list[str]
    versions: set[str]


def postgresql_dump(target: Path) -> Facts:
    """pg_dump's custom format of the database at one instant, and facts of the same instant. BackupRefused."""
    live = connection.copy()
    with closing(live):
        live.set_autocommit(False)
        with live.cursor() as cursor:
            cursor.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY")
            cursor.execute("SELECT pg_export_snapshot()")
            (snapshot,) = cursor.fetchone()
            facts = _facts(cursor)
            run(
                "pg_dump",
                "--format=custom",
                "--no-owner",
                "--no-privileges",
                f"--snapshot={snapshot}",
                f"--file={target}",
            )
        live.rollback()
    return facts


def _facts(cursor: Any) -> Facts:
    cursor.execute("SELECT app || '.' || name FROM django_migrations ORDER BY 1")
    migrations = [name for (name,) in cursor.fetchall()]
    cursor.execute(VERSIONS)
    return Facts(_counted(cursor), migrations, {str(key) for (key,) in cursor.fetchall()})


def _counted(cursor: Any) -> dict[str, int]:
    cursor.execute(TABLES)
    found = {}
    for (name,) in cursor.fetchall():
        cursor.execute(f'SELECT count(*) FROM "{name}"')  # noqa: S608  # nosec B608
        found[name] = cursor.fetchone()[0]
    return found


def postgresql_tables() -> dict[str, int]:
    """Rows of each table of the database of DATABASE_URL; empty where it has none."""
    with connection.cursor() as cursor:
        return _counted(cursor)


def postgresql_restore(dump: Path, script: Path) -> None:
    """The tables of DATABASE_URL go and those of `dump` come, in one transaction. `script` is a file to work in.

    BackupRefused with PostgreSQL's own words; the database is as it was then.
    """
    dropped = ", ".join(f'"{name}"' for name in postgresql_tables())
    connection.close()
    run("pg_restore", "--no-owner", "--no-privileges", f"--file={script}", str(dump))
    drop = [f"--command=DROP TABLE {dropped} CASCADE"] if dropped else []
    run("psql", "--no-psqlrc", "--quiet", "--set=ON_ERROR_STOP=1", "--single-transaction", *drop, f"--file={script}")


def run(program: str, *arguments: str) -> None:
    """One of PostgreSQL's programs at the database of DATABASE_URL. The password goes by the environment."""
    command = [_found(program), *arguments]
    done = subprocess.run(
        command, env=os.environ | _address(), capture_output=True, text=True, stdin=subprocess.DEVNULL
    )
    if done.returncode:
        raise BackupRefused(f"{program} could not do it: {done.stderr.strip()[-SENTENCE:]}")


def _found(program: str) -> str:
    """The newest there is: pg_dump reads servers of its own age and older."""
    places = [path for pattern in PLACES for path in Path("/").glob(pattern.lstrip("/"))]
    places.sort(
        key=lambda path: [
            int(part) for part in str(path).replace("-", "/").replace("@", "/").split("/") if part.isdigit()
        ]
    )
    for place in reversed(places):
        if (place / program).is_file():
            return str(place / program)
    if path := shutil.which(program):
        return path
    raise BackupRefused(f"{program} is missing: on Debian install the package postgresql-client.")


def _address() -> dict[str, str]:
    names = {"NAME": "PGDATABASE", "USER": "PGUSER", "PASSWORD": "PGPASSWORD", "HOST": "PGHOST", "PORT": "PGPORT"}
    given = {variable: str(connection.settings_dict[name]) for name, variable in names.items()}
    return {name: value for name, value in given.items() if value} | {"PGOPTIONS": f"-c lock_timeout={WAIT}"}
