"""The same program on PostgreSQL: tables, question bank, import, export, from the command line."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from scripts.faults.postgresql import BINARIES, postgresql

ROOT = Path(__file__).parent.parent

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(not BINARIES, reason="PostgreSQL is not installed"),
]


@pytest.fixture(scope="module")
def database_url(tmp_path_factory):
    folder = tmp_path_factory.mktemp("pg")
    for parent in (folder, *folder.parents[:3]):  # of several test processes each has a folder more
        parent.chmod(parent.stat().st_mode | 0o055)  # the server has a user of its own
    with postgresql(folder / "server") as url:
        yield url


def manage(database_url, data_dir, *arguments: str) -> str:
    environment = os.environ | {"DATABASE_URL": database_url, "DATA_DIR": str(data_dir)}
    done = subprocess.run(
        [sys.executable, "manage.py", *arguments], cwd=ROOT, env=environment, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_a_portrait_is_imported_and_exported(database_url, tmp_path):
    answers = tmp_path / "answers.json"
    answers.write_text(json.dumps([{"question": "Why\u2028?", "answer": "Because\x00 of ### and \ud83d\ude00."}]))
    manage(database_url, tmp_path, "migrate")
    assert "300 added" in manage(database_url, tmp_path, "load_questionnaires")
    assert "0 added, 0 changed" in manage(database_url, tmp_path, "load_questionnaires")
    manage(database_url, tmp_path, "link")
    report = json.loads(
        manage(database_url, tmp_path, "import_answers", str(answers), "--persona", "Ada", "--create", "--json")
    )
    assert (report["own"], report["mended"]) == (1, 1)
    exported = manage(database_url, tmp_path, "export_dataset", "--persona", "ada", "--format", "chat")
    assert json.loads(exported)["messages"][-1]["content"] == "Because of ### and 😀."


CONNECTION = """
import os, psycopg
from django.core.signals import request_started
from django.db import IntegrityError, connection, transaction
from accounts.prepared import PreparedInsert
from accounts.sessions import SessionStore, _session
from django.contrib.sessions.models import Session
from django.utils import timezone

store = SessionStore()
store["seen"] = "yes"
store.create()
for turn in range(3):
    assert SessionStore(store.session_key)["seen"] == "yes"
with connection.cursor() as cursor:
    cursor.execute("SELECT count(*) FROM pg_prepared_statements WHERE statement LIKE '%django_session%'")
    print("prepared", cursor.fetchone()[0])
    cursor.execute("SELECT pg_backend_pid()")
    (pid,) = cursor.fetchone()
try:
    with transaction.atomic():
        PreparedInsert(Session).run(Session.objects.get())
except IntegrityError:
    print("refused as by Django")
print("usable", connection.is_usable())
with psycopg.connect(os.environ["DATABASE_URL"], autocommit=True) as other:
    other.execute("SELECT pg_terminate_backend(%s, 5000)", [pid])
print("usable", connection.is_usable())
request_started.send(sender=None, scope={})
print("after", SessionStore(store.session_key)["seen"])
"""


def test_statements_are_prepared_and_a_closed_connection_is_noticed(database_url, tmp_path):
    manage(database_url, tmp_path, "migrate")
    told = manage(database_url, tmp_path, "shell", "-c", CONNECTION).splitlines()
    assert told[-5:] == ["prepared 1", "refused as by Django", "usable True", "usable False", "after yes"]
