"""An archive goes from one installation to another, each with a database of its own, by the commands."""

import os
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent.parent
ANSWERS = ROOT / "benchmarks" / "data" / "personas" / "tomas.json"


def manage(data_dir, *arguments: str) -> str:
    environment = os.environ | {"DATA_DIR": str(data_dir), "DATABASE_URL": ""}
    command = [sys.executable, "manage.py", *arguments]
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr[-2000:]
    return done.stdout


INSTALL = """
from django.core.management import call_command
from persona_site.entry import owner_get
call_command("migrate", verbosity=0)
call_command("load_questionnaires")
owner_get()
"""
HASHES = """
import hashlib
from questionnaires.dataset.exports import FORMATS
from questionnaires.exporting import export_context, export_items
from questionnaires.models import Persona
for persona in Persona.objects.order_by("name"):
    for name in ("marker", "chat"):
        pieces = FORMATS[name].write(export_items(persona=persona, part="all"), export_context(persona=persona))
        print(persona.name, name, hashlib.sha256(b"".join(pieces)).hexdigest())
"""


def shell(data_dir, code) -> str:
    return manage(data_dir, "shell", "-v0", "-c", code)


def rows(path) -> dict:
    with zipfile.ZipFile(path) as archive:
        return {name: archive.read(name) for name in archive.namelist() if name.startswith("rows/")}


@pytest.mark.slow
def test_from_one_installation_to_an_empty_one(tmp_path):
    """Empty but for the demo persona, which nobody has used: the archive's takes its place."""
    here, there = tmp_path / "here", tmp_path / "there"
    archive, again = tmp_path / "all.zip", tmp_path / "again.zip"
    shell(here, INSTALL)
    manage(here, "import_answers", str(ANSWERS), "--persona", "Tomas", "--create")
    manage(here, "archive_export", str(archive))
    shell(there, INSTALL)
    assert "Nothing was changed" in manage(there, "archive_import", str(archive), "--dry-run")
    manage(there, "archive_import", str(archive))
    hashes = shell(here, HASHES)
    assert len(hashes.splitlines()) == 4
    assert shell(there, HASHES) == hashes
    manage(there, "archive_export", str(again))
    before, after = rows(archive), rows(again)
    assert {name for name in before if before[name] != after[name]} <= {"rows/accounts.AuditEvent.jsonl"}
