"""What is looked at before anything starts: one sentence for each thing that is in the way."""

import fcntl
import os
import shutil
import socket
import sys
import time
from pathlib import Path

MINIMUM_PYTHON = (3, 11)
FREE_BYTES = 500_000_000


def python_fault() -> str | None:
    if sys.version_info >= MINIMUM_PYTHON:
        return None
    wanted, found = (".".join(map(str, version[:2])) for version in (MINIMUM_PYTHON, sys.version_info))
    return f"Python {wanted} or newer is needed and this is {found}: install it and make the virtual environment anew."


def folder_fault(folder: Path) -> str | None:
    """Why nothing can be kept in `folder`, if so."""
    probe = folder / f".probe-{os.getpid()}"
    try:
        folder.mkdir(parents=True, exist_ok=True)
        probe.write_bytes(b"x" * 4096)
        probe.unlink()
    except OSError as error:
        return f"DATA_DIR ({folder}) cannot be written: {error.strerror}. Free it or set DATA_DIR to another folder."
    free = shutil.disk_usage(folder).free
    if free < FREE_BYTES:
        return (
            f"Only {free // 1_000_000} MB are free in DATA_DIR ({folder}) and {FREE_BYTES // 1_000_000} MB are needed: "
            "make room or set DATA_DIR to a folder on another disk."
        )
    return None


def port_fault(host: str, port: int, setting: str) -> str | None:
    """A sentence where `host:port` is taken; `setting` names the variable that chooses another."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError as error:
            reason = f"Port {port} on {host} cannot be used ({error.strerror})"
            return f"{reason}: end what uses it or set {setting} to another."
    return None


def take_lock(path: Path, wait: float = 0) -> int | None:
    """File descriptor that holds `path` locked, or None where another process still does after `wait` seconds.

    The kernel frees a flock when its holders end, however they end, so there is no stale lock to clear away.
    """
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    lock = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
    deadline = time.monotonic() + wait
    while True:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            if time.monotonic() >= deadline:
                os.close(lock)
                return None
            time.sleep(0.1)
        else:
            return lock
