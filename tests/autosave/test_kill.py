"""The short form of scripts/kill_saves.py: the web server is killed twice under a hundred saves a second."""

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


@pytest.mark.slow
def test_no_acknowledged_save_is_lost_when_the_server_is_killed():
    command = [sys.executable, "scripts/kill_saves.py", "--rounds", "2"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "0 lost, integrity ok" in done.stdout
