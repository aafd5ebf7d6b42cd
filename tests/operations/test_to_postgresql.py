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
from django.core.management import call_command
from django.core.management.base import CommandError

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
        parent.chmod(parent.stat().st_mode | 0o055)  # the server has a user of its own
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


def spoil(data_dir, data):
    with closing(sqlite3.connect(data_dir / "persona.sqlite3")) as source:
        (before,) = source.execute("SELECT data FROM training_runevent WHERE number = 1").fetchone()
        source.execute("UPDATE training_runevent SET data = ? WHERE number = 1", [data])
        source.commit()
    return before


def test_every_row_of_every_table_arrives_or_none(rich, database, tmp_path):
    data = spoil(rich, json.dumps("\x00"))  # which PostgreSQL's JSON cannot hold
    done = manage(rich, "to_postgresql", database)
    assert (done.returncode, "a row of training_runevent" in done.stderr) == (1, True)
    assert counts(database)["questionnaires_question"] == 0
    spoil(rich, data)
    done = manage(rich, "to_postgresql", database)
    assert done.returncode == 0, done.stderr
    with closing(sqlite3.connect(rich / "persona.sqlite3")) as source:
        there = counts(database)
        here = {name: source.execute(f'SELECT count(*) FROM "{name}"').fetchone()[0] for name in there}
    assert here == there
    assert min(here.values()) >= 1
    with psycopg.connect(database) as target:
        assert target.execute("SELECT data FROM training_runevent WHERE number = 1").fetchone() == (json.loads(data),)
        (highest,) = target.execute("SELECT max(id) FROM auth_user").fetchone()
    assert int(manage(rich, "shell", "-v", "0", "-c", ADD, url=database).stdout) > highest
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


def test_a_full_database_a_running_site_and_a_wrong_address_are_refused(server, settings, tmp_path, django_db_blocker):
    with psycopg.connect(server) as full:
        full.execute("CREATE TABLE IF NOT EXISTS full_one AS SELECT 1 AS id")
    settings.DATA_DIR = tmp_path
    for url, sentence in {
        server: "not empty: its table full_one",
        "mysql:x": "begins with postgresql://",
        "postgresql://nobody@127.0.0.1:1/x": "PostgreSQL refuses",
        f"postgresql:///{'x' * 70}": "PostgreSQL refuses",
    }.items():
        with pytest.raises(CommandError, match=sentence), django_db_blocker.unblock():
            call_command("to_postgresql", url)
    with site_at_rest(tmp_path), pytest.raises(CommandError, match="site runs"):
        call_command("to_postgresql", server)
