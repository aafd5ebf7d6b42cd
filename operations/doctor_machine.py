"""What the doctor looks at on this machine: Python, packages, folders, secrets, the port, the base model."""

from __future__ import annotations

import os
import re
import shutil
import socket
import stat
import sys
from collections.abc import Iterator
from functools import partial
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

import httpx2
from django.conf import settings

from engine.base_models import locate
from operations.findings import Finding, look, well, wrong

LEAST_PYTHON = (3, 11)
LEAST_BYTES, FEW_BYTES = 500_000_000, 2_000_000_000
SECONDS = 2.0
_PIN = re.compile(r"^([A-Za-z0-9._-]+)(?:\[[^\]]*\])?==(\S+)")


def python() -> Iterator[Finding]:
    found = ".".join(map(str, sys.version_info[:3]))
    if sys.version_info < LEAST_PYTHON:
        yield wrong("python", f"This is Python {found}.", "Install Python 3.11 or newer and run make setup.")
    else:
        yield well("python", f"Python {found}.")


def packages() -> Iterator[Finding]:
    """Each line NAME==VERSION of requirements.txt against what is installed."""
    lines = (Path(settings.BASE_DIR) / "requirements.txt").read_text("utf-8").splitlines()
    pins = [match.groups() for line in lines if (match := _PIN.match(line))]
    others = [f"{name} is {found or 'missing'}, not {wanted}" for name, wanted in pins
              if (found := _installed(name)) != wanted]  # fmt: skip
    if others:
        yield wrong("packages", f"{'; '.join(others)}.", "Run make setup: it installs what requirements.txt says.")
    else:
        yield well("packages", f"All {len(pins)} packages are those of requirements.txt.")


def _installed(name: str) -> str:
    """Its version without the part that names a build ("+cpu")."""
    try:
        return version(name).partition("+")[0]
    except PackageNotFoundError:
        return ""


def folder() -> Iterator[Finding]:
    """DATA_DIR: there, writable, with room."""
    place: Path = settings.DATA_DIR
    if not place.is_dir() or not os.access(place, os.W_OK | os.X_OK):
        yield wrong("folder", "DATA_DIR is missing or cannot be written.", "Make it, or set DATA_DIR to another.")
        return
    free = shutil.disk_usage(place).free
    room = f"{free / 1e9:.1f} GB are free in DATA_DIR."
    if free < LEAST_BYTES:
        yield wrong("folder", room, "Make room, or set DATA_DIR to a folder on another disk.")
    elif free < FEW_BYTES:
        yield look("folder", room, "A training needs about 1 GB: make room soon.")
    else:
        yield well("folder", room)


def secrets() -> Iterator[Finding]:
    """The files that the program made for itself: there, whole, and nobody else's to read."""
    place: Path = settings.DATA_DIR / "secrets"
    if not place.is_dir() and os.environ.get("DJANGO_SECRET_KEY"):
        yield well("secrets", "The environment brings them.")
        return
    if not place.is_dir():
        yield look("secrets", "There are no secrets in DATA_DIR.", "They are made at the first start; a restored "
                   "backup needs those that it was made with.")  # fmt: skip
        return
    empty = [path.name for path in place.iterdir() if path.is_file() and not path.stat().st_size]
    if empty:
        yield wrong("secrets", f"Empty: {', '.join(empty)}.", "Bring DATA_DIR/secrets back from a backup.")
    open_to_others = [path for path in (place, *place.iterdir()) if stat.S_IMODE(path.stat().st_mode) & 0o077]
    if open_to_others:
        names = ", ".join(path.name for path in open_to_others)
        yield wrong("secrets", f"Others on this machine may read {names}.", "chmod -R go-rwx DATA_DIR/secrets",
                    partial(_close, open_to_others))  # fmt: skip
    if not (empty or open_to_others):
        yield well("secrets", "There, whole, and readable by you alone.")


def _close(paths: list[Path]) -> str:
    for path in paths:
        path.chmod(stat.S_IMODE(path.stat().st_mode) & 0o700)
    return f"{len(paths)} are yours alone now."


def port() -> Iterator[Finding]:
    """Free, or used by this very site."""
    with socket.socket() as probe:
        probe.settimeout(SECONDS)
        if probe.connect_ex(("127.0.0.1", settings.PORT)):
            yield well("port", f"Port {settings.PORT} is free: the site does not run here now.")
            return
    if site_answers():
        yield well("port", f"The site answers on port {settings.PORT}.")
    else:
        yield wrong("port", f"Another program uses port {settings.PORT}.", "End it, or set PORT to another.")


def site_answers() -> bool:
    """Whether this site's own web server answers on its port."""
    try:
        with httpx2.Client(trust_env=False, timeout=SECONDS) as http:
            answer = http.get(f"http://127.0.0.1:{settings.PORT}/healthz")
            return answer.status_code == 200 and answer.text == "ok"
    except (httpx2.HTTPError, OSError):
        return False


def base_model() -> Iterator[Finding]:
    """Its files, where the model server is on this machine."""
    local = f"http://127.0.0.1:{settings.ENGINE_PORT}"
    if local not in settings.ENGINE_URLS:
        yield well("base model", "Model servers elsewhere have it.")
        return
    found = locate(settings.BASE_MODEL, settings.DATA_DIR / "base")
    if found is None or not found.folder.is_dir() or not (found.gguf and found.gguf.is_file()):
        yield look("base model", "It is not made ready yet.", "The first start does that; it takes some minutes.")
    else:
        yield well("base model", f"{found.name} is ready.")


def exposure() -> Iterator[Finding]:
    """Settings that are for a laptop alone, on a site that others reach."""
    reached = bool(settings.PUBLIC_URL) or settings.SIGN_UP != "off"
    if settings.DEBUG:
        level = wrong if reached else look
        yield level("settings", "DEBUG is on: pages of errors show what is inside.", "Set DEBUG=false.")
    elif reached and not settings.PUBLIC_URL.startswith("https://"):
        yield look("settings", "People sign up, and PUBLIC_URL is no https:// address.",
                   "Put the site behind a proxy with TLS and set PUBLIC_URL (docs/several-machines.md).")  # fmt: skip
    else:
        yield well("settings", "Nothing in them is for developers alone.")


def catalogues() -> Iterator[Finding]:
    """Each translation of the pages is compiled, and not from an older text."""
    places = list((Path(settings.BASE_DIR) / "locale").glob("*/LC_MESSAGES/django.po"))
    missing = [path.parts[-3] for path in places if not path.with_suffix(".mo").is_file()]
    if missing:
        yield wrong("languages", f"Not compiled: {', '.join(missing)}.", "Run manage.py compilemessages.")
    else:
        yield well("languages", f"{len(places) + 1} languages.")
