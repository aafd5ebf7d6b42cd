"""A whole visit opens no connection to anywhere else."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent.parent


def watched(how, data_dir) -> dict:
    environment = os.environ | {"DATA_DIR": str(data_dir), "DATABASE_URL": "", "TELEGRAM_TOKEN": ""}
    command = [sys.executable, "-m", "tests.privacy.watched_visit", how]
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stderr[-3000:]
    return json.loads(done.stdout.strip().splitlines()[-1])


@pytest.mark.slow
def test_a_whole_visit_connects_to_nowhere_else(tmp_path):
    told = watched("visit", tmp_path)
    assert told["met"] == []
    assert told["pages"] > 60


def test_the_watch_notices_a_connection(tmp_path):
    assert watched("check", tmp_path)["met"]
