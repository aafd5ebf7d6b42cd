"""From SQLite to PostgreSQL: every row of every table in one transaction, compared by counts and hashes."""

import hashlib
import json
import os
import subprocess
import sys
from collections.abc import Iterator
from datetime import UTC, datetime
from itertools import islice
from typing import Any

import psycopg
from django.apps import apps
from django.conf import settings
from django.core.exceptions import ImproperlyConfigured
from django.core.management import call_command
from django.core.management.color import no_style
from django.db import DatabaseError, connection, connections, transaction
from django.db.models import F, JSONField, Model, TextField
from django.db.models.functions import Cast
from psycopg.conninfo import conninfo_to_dict

from operations.backup import Tell
from operations.backup_archive import BackupRefused

ALIAS = "postgresql"
CHUNK = 1000  # rows read at a time
MADE_BY_MIGRATIONS = {"django_migrations", "django_content_type", "auth_permission"}


def database_move(*, url: str, tell: Tell = lambda _: None) -> dict[str, int]:
    """Rows of each table, all of which are at `url` now. The source is only read.

    BackupRefused where the source is no SQLite, the target is not empty, or a row cannot be stored there; the target's
    tables are empty then, and the same can be tried again.
    """
    if connection.vendor != "sqlite":
        raise BackupRefused("DATABASE_URL is set already: this command copies the SQLite database of DATA_DIR.")
    connections.databases[ALIAS] = connection.settings_dict | _described(url)
    try:
        return _moved(url, tell)
    except (psycopg.Error, DatabaseError, ImproperlyConfigured) as error:
        raise BackupRefused(f"PostgreSQL refuses: {_sentence(error)}") from None
    finally:
        connections[ALIAS].close()
        del connections[ALIAS]
        del connections.databases[ALIAS]


def _sentence(error: Exception) -> str:
    return str(error).strip().splitlines()[0]


def _described(url: str) -> dict[str, Any]:
    """Django's words for the address; BackupRefused where it is none."""
    try:
        parts = conninfo_to_dict(url)
    except psycopg.ProgrammingError as error:
        raise BackupRefused(f"The address cannot be read: {_sentence(error)}. It begins with postgresql://.") from None
    names = {"NAME": "dbname", "USER": "user", "PASSWORD": "password", "HOST": "host", "PORT": "port"}
    places = {name: str(parts.get(part) or "") for name, part in names.items()}
    return {"ENGINE": "django.db.backends.postgresql", "OPTIONS": {}, "CONN_MAX_AGE": 0, **places}


def _make_tables(url: str) -> None:
    """In a program for which `url` is the only database: what migrations do to rows, they do to those of "default"."""
    command = [sys.executable, "manage.py", "migrate", "--no-input", "--verbosity", "0"]
    environment = os.environ | {"DATABASE_URL": url, "DATA_DIR": str(settings.DATA_DIR)}
    done = subprocess.run(command, cwd=settings.BASE_DIR, env=environment, capture_output=True, text=True)
    if done.returncode:
        raise BackupRefused(f"The tables could not be made: {done.stderr.strip().splitlines()[-1]}")


def _moved(url: str, tell: Tell) -> dict[str, int]:
    tell("Tables ...")
    _check_empty()
    call_command("migrate", interactive=False, verbosity=0)
    _make_tables(url)
    models = _models()
    with transaction.atomic(), transaction.atomic(using=ALIAS):  # the first keeps writers away from the source
        _empty(models)
        for model in models:
            copied = _copy(model)
            tell(f"{model._meta.db_table}: {copied} rows")
        _reset_sequences(models)
        return {model._meta.db_table: _compared(model) for model in models}


def _models() -> list[type[Model]]:
    """Of every table that Django made, those of relations included. BackupRefused where others hold rows."""
    models = [
        model for model in apps.get_models(include_auto_created=True) if model._meta.managed and not model._meta.proxy
    ]
    tables = {model._meta.db_table for model in models} | {"django_migrations"}
    with connection.cursor() as cursor:
        for name in sorted(set(connection.introspection.table_names(cursor)) - tables):
            cursor.execute(f"SELECT count(*) FROM {connection.ops.quote_name(name)}")  # noqa: S608  # nosec B608
            if rows := cursor.fetchone()[0]:
                raise BackupRefused(
                    f"The table {name} is no table of this program and holds {rows} rows. Drop it first."
                )
    return models


def _check_empty() -> None:
    with connections[ALIAS].cursor() as cursor:
        for name in sorted(set(connections[ALIAS].introspection.table_names(cursor)) - MADE_BY_MIGRATIONS):
            cursor.execute(f"SELECT EXISTS (SELECT 1 FROM {connection.ops.quote_name(name)})")  # noqa: S608  # nosec B608
            if cursor.fetchone()[0]:
                raise BackupRefused(f"The database is not empty: its table {name} has rows. Name an empty one.")


def _empty(models: list[type[Model]]) -> None:
    """Of what migrating wrote there by itself."""
    names = ", ".join(connection.ops.quote_name(model._meta.db_table) for model in models)
    with connections[ALIAS].cursor() as cursor:
        cursor.execute(f"TRUNCATE {names}")


def _fields(model: type[Model]) -> list[Any]:
    return [field for field in model._meta.concrete_fields if not field.generated]


def _rows(model: type[Model], alias: str) -> Iterator[tuple[Any, ...]]:
    """Values as Python has them; JSON as its text, which tells null from nothing."""
    columns = [
        Cast(field.attname, TextField()) if isinstance(field, JSONField) else F(field.attname)
        for field in _fields(model)
    ]
    rows = model._base_manager.using(alias).order_by().values_list(*columns)
    return iter(rows.iterator(chunk_size=CHUNK))


def _copy(model: type[Model]) -> int:
    """How many rows there are. BackupRefused with the row that PostgreSQL cannot hold."""
    target = connections[ALIAS]
    names = ", ".join(connection.ops.quote_name(field.column) for field in _fields(model))
    command = f"COPY {connection.ops.quote_name(model._meta.db_table)} ({names}) FROM STDIN"
    rows, count = _rows(model, "default"), 0
    with target.cursor() as cursor:
        while chunk := list(islice(rows, CHUNK)):
            try:
                with cursor.cursor.copy(command) as copy:
                    for row in chunk:
                        copy.write_row(row)
            except psycopg.DataError as error:
                where = f"a row of {model._meta.db_table}, after row {count}"
                raise BackupRefused(
                    f"{where}, cannot be stored: {_sentence(error)}. Mend it, then try again."
                ) from None
            count += len(chunk)
    return count


def _reset_sequences(models: list[type[Model]]) -> None:
    """The next row gets a number of its own."""
    with connections[ALIAS].cursor() as cursor:
        for statement in connections[ALIAS].ops.sequence_reset_sql(no_style(), models):
            cursor.execute(statement)


def _compared(model: type[Model]) -> int:
    """Rows of the table, the same ones on both sides. BackupRefused where they differ."""
    here, there = (_digest(model, alias) for alias in ("default", ALIAS))
    if here != there:
        counts = f"{here[0]} rows here, {there[0]} there"
        raise BackupRefused(f"{model._meta.db_table} is not the same on both sides ({counts}); nothing was kept there.")
    return here[0]


def _digest(model: type[Model], alias: str) -> tuple[int, int]:
    """Number of rows, and the sum of their hashes, which no order changes."""
    is_json = [isinstance(field, JSONField) for field in _fields(model)]
    count = total = 0
    for row in _rows(model, alias):
        values = [_canonical(json.loads(value)) if json_text and value is not None else _canonical(value)
                  for value, json_text in zip(row, is_json, strict=True)]  # fmt: skip
        total += int.from_bytes(hashlib.sha256(json.dumps(values, sort_keys=True).encode()).digest())
        count += 1
    return count, total % 2**256


def _canonical(value: Any) -> Any:
    """The same for what both databases hold to be the same: 1.0 and 1, and an instant in any zone."""
    if isinstance(value, dict):
        return {key: _canonical(each) for key, each in value.items()}
    if isinstance(value, list):
        return [_canonical(each) for each in value]
    if isinstance(value, float) and value.is_integer():
        return int(value)
    if isinstance(value, bytes | memoryview):
        return bytes(value).hex()
    if isinstance(value, datetime):
        return value.astimezone(UTC).isoformat()
    return value if isinstance(value, str | int | float | bool | None) else str(value)
