"""SQLite to PostgreSQL with a row or two in every table, and what is refused."""

import json
import os
import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import psycopg
import pytest

from operations.backup_restore import site_at_rest
from scripts.faults.postgresql import BINARIES, postgresql

ROOT = Path(__file__).parents[2]
pytestmark = [pytest.mark.slow, pytest.mark.skipif(not BINARIES, reason="PostgreSQL is not installed")]
FILL = """
from django.apps import apps
from django.core.management import call_command
from tests.operations.rows import rows_make

call_command("migrate", verbosity=0)
call_command("load_questionnaires")
call_command("link")
rows_make(apps)
"""
ADD = "from django.contrib.auth.models import User; print(User.objects.create(username='new').pk)"


def manage(data_dir, *arguments, url=""):
    environment = os.environ | {"DATA_DIR": str(data_dir), "DATABASE_URL": url, "LOG_LEVEL": "ERROR"}
    return subprocess.run(
        [sys.executable, "manage.py", *arguments], cwd=ROOT, env=environment, capture_output=True, text=True
    )


@pytest.fixture(scope="module")
def rich(tmp_path_factory):
    """A DATA_DIR whose tables all have rows, those of the question bank and the demo persona among them."""
    folder = tmp_path_factory.mktemp("rich")
    done = manage(folder, "shell", "-v", "0", "-c", FILL)
    assert done.returncode == 0, done.stderr
    return folder


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    folder = tmp_path_factory.mktemp("pg")
    for parent in (folder, *folder.parents[:3]):
        parent.chmod(0o755)
    with postgresql(folder / "server") as url:
        yield url


@pytest.fixture
def database(server, request):
    name = request.node.name[:40]
    with psycopg.connect(server, autocommit=True) as connection:
        connection.execute(f'CREATE DATABASE "{name}"')
    return server.rpartition("/")[0] + f"/{name}"


def counts(url):
    with psycopg.connect(url) as connection:
        names = connection.execute("SELECT tablename FROM pg_tables WHERE schemaname = 'public'").fetchall()
        return {name: connection.execute(f'SELECT count(*) FROM "{name}"').fetchone()[0] for (name,) in names}


def test_every_row_of_every_table_arrives_and_the_next_one_finds_a_number(rich, database, tmp_path):
    done = manage(rich, "to_postgresql", database)
    assert done.returncode == 0, done.stderr
    with closing(sqlite3.connect(rich / "persona.sqlite3")) as source:
        there = counts(database)
        here = {name: source.execute(f'SELECT count(*) FROM "{name}"').fetchone()[0] for name in there}
        assert here == there
        assert min(here.values()) >= 1
        (text,) = source.execute("SELECT data FROM training_runevent WHERE number = 1").fetchone()
    with psycopg.connect(database) as target:
        assert target.execute("SELECT data FROM training_runevent WHERE number = 1").fetchone() == (json.loads(text),)
        (highest,) = target.execute("SELECT max(id) FROM auth_user").fetchone()
    added = manage(rich, "shell", "-v", "0", "-c", ADD, url=database)
    assert int(added.stdout) > highest
    again = manage(rich, "to_postgresql", database)
    assert (again.returncode, "not empty" in again.stderr) == (1, True)
    back_up_and_restore(rich, database, tmp_path)


def back_up_and_restore(rich, database, folder):
    """PostgreSQL's own backup, over the same database."""
    made = json.loads(manage(rich, "backup", "--to", str(folder), "--json", url=database).stdout)
    before = counts(database)
    with psycopg.connect(database) as target:
        target.execute("DELETE FROM django_session")
        target.execute("CREATE TABLE odd (id integer)")
    refused = manage(folder / "new", "restore", made["path"], "--into", str(folder / "new"), url=database)
    assert "not empty" in refused.stderr
    done = manage(folder / "new", "restore", made["path"], "--into", str(folder / "new"), "--replace", url=database)
    assert done.returncode == 0, done.stderr
    assert counts(database) == before


def test_a_row_that_cannot_be_stored_there_leaves_nothing_there(rich, database, tmp_path):
    with (
        closing(sqlite3.connect(rich / "persona.sqlite3")) as source,
        closing(sqlite3.connect(tmp_path / "persona.sqlite3")) as copy,
    ):
        source.backup(copy)
        copy.execute("UPDATE training_runevent SET data = ? WHERE number = 1", [json.dumps("\x00")])
        copy.commit()
    done = manage(tmp_path, "to_postgresql", database)
    assert done.returncode == 1
    assert "a row of training_runevent" in done.stderr
    assert counts(database)["questionnaires_question"] == 0
    with closing(sqlite3.connect(tmp_path / "persona.sqlite3")) as copy:
        copy.execute("UPDATE training_runevent SET data = '1' WHERE number = 1")
        copy.commit()
    assert manage(tmp_path, "to_postgresql", database).returncode == 0


def test_a_running_site_and_a_wrong_address_are_refused(rich):
    with site_at_rest(rich):
        assert "site runs" in manage(rich, "to_postgresql", "postgresql:///x").stderr
    assert "begins with postgresql://" in manage(rich, "to_postgresql", "mysql:x").stderr
    assert "PostgreSQL refuses" in manage(rich, "to_postgresql", "postgresql://nobody@127.0.0.1:1/x").stderr
