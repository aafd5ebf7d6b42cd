"""Loaded before Django's settings are read: tests keep their state in folders of their own, one a process."""

import atexit
import os
import shutil
import tempfile
from pathlib import Path

if worker := os.environ.get("PYTEST_XDIST_WORKER"):  # it inherits the folder of the process that started it
    os.environ["DATA_DIR"] = str(Path(os.environ["DATA_DIR"]) / worker)
elif "DATA_DIR" not in os.environ:
    os.environ["DATA_DIR"] = tempfile.mkdtemp(prefix="persona-tests-")
    atexit.register(shutil.rmtree, os.environ["DATA_DIR"], ignore_errors=True)
