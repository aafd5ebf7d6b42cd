"""Backups of a web server that answers 100 saves a second."""

import subprocess
import sys
from pathlib import Path

import pytest

from scripts.faults.postgresql import BINARIES

ROOT = Path(__file__).parents[2]


@pytest.mark.slow
def test_a_backup_under_load_is_one_instant():
    """PostgreSQL where it is installed; test_backup has SQLite, with threads."""
    database = "postgresql" if BINARIES else "sqlite"
    command = [sys.executable, "scripts/backup_campaign.py", "--rounds", "1", "--database", database]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stdout + done.stderr
