"""The same program on PostgreSQL: tables, question bank, import, export, from the command line."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
BINARIES = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"))

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(not BINARIES, reason="PostgreSQL is not installed"),
]


def as_server_user(*command: str) -> list[str]:
    """PostgreSQL refuses to run as root: Debian's package made a user for it."""
    return ["runuser", "-u", "postgres", "--", *command] if os.geteuid() == 0 else list(command)


@pytest.fixture(scope="module")
def database_url(tmp_path_factory):
    folder = tmp_path_factory.mktemp("pg")
    if os.geteuid() == 0:
        for parent in (folder, *folder.parents[:3]):  # of several test processes each has a folder more
            parent.chmod(0o755)
        shutil.chown(folder, "postgres")
    binaries, data = BINARIES[-1].parent, folder / "data"
    subprocess.run(as_server_user(str(binaries / "initdb"), "-D", str(data), "-A", "trust"), check=True, cwd="/tmp")
    control = [str(binaries / "pg_ctl"), "-D", str(data), "-w", "-l", str(folder / "log")]
    options = f"-c listen_addresses='' -c unix_socket_directories={folder}"
    subprocess.run(as_server_user(*control, "-o", options, "start"), check=True, cwd="/tmp")
    user = "postgres" if os.geteuid() == 0 else os.environ["USER"]
    yield f"postgresql://{user}@%s/postgres" % str(folder).replace("/", "%2F")
    subprocess.run(as_server_user(*control, "-m", "immediate", "stop"), check=True, cwd="/tmp")


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
