"""Versions on their way out: files that a worker makes in DATA_DIR/exports, kept for a day.

The worker runs `python -m engine.export` in a process of its own. What was asked for and what went wrong is noted
beside the file, because web and worker are different processes; so a page that is loaded again knows how far it is.
"""

import json
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from typing import Any

from django.conf import settings
from django.db import transaction
from django.db.models.signals import post_delete
from django.dispatch import receiver
from django.utils.text import slugify
from django.utils.translation import gettext as _

from engine.atomic import exclusive
from questionnaires.dataset import renderer
from questionnaires.services import Refused
from training.models import PersonaModel
from training.storage import Damaged, StoreAway, fetch, forget, key_of, listed, remove, share, text_read, text_write
from training.version_files import version_fetch
from training.versions import is_remote

KINDS = ("gguf", "gguf-merged", "safetensors", "peft")
OF_LLAMA_CPP = ("gguf", "gguf-merged")
KEPT_SECONDS = 24 * 3600.0
LOST_SECONDS = 900.0  # an older note was left by a worker that is gone
NICE = 10  # pages come before exports
SENTENCE = 500
SPOKEN_OF = (2, 5)  # exit codes of engine.export whose last line is for the person


@dataclass(frozen=True)
class Note:
    """`asked`: Unix seconds since when it is under way, 0 if it is not. `fault`: why the last try failed."""

    asked: float = 0.0
    fault: str = ""


@dataclass(frozen=True)
class Export:
    """One kind of file of a version, as the page shows it."""

    kind: str
    size: int  # bytes; 0: it is not made
    under_way: bool
    fault: str


def kinds_of(version: PersonaModel) -> tuple[str, ...]:
    """What can be made of it: nothing where the weights are at a provider, no GGUF where llama.cpp is not used."""
    if is_remote(version):
        return ()
    has_gguf = "adapter.gguf" in (version.files or ()) or (version.folder / "adapter.gguf").is_file()
    return tuple(kind for kind in KINDS if has_gguf or kind not in OF_LLAMA_CPP)


def exports_of(version: PersonaModel) -> list[Export]:
    shared: Mapping[str, int] = {}
    with suppress(StoreAway):  # the page is shown without what other machines made
        shared = listed(key_of(_folder(version)))
    return [_export(version, kind, shared) for kind in kinds_of(version)]


def _export(version: PersonaModel, kind: str, shared: Mapping[str, int]) -> Export:
    note, file = _read(version, kind), file_of(version, kind)
    size = file.stat().st_size if file.is_file() else shared.get(file.name, 0)
    return Export(kind, size, not size and time.time() - note.asked < LOST_SECONDS, note.fault)


def file_of(version: PersonaModel, kind: str) -> Path:
    return _folder(version) / f"{kind}.zip"


def file_bring(version: PersonaModel, kind: str) -> Path | None:
    """The file, from the machine that made it if need be; None where it is not made. Raises StoreAway."""
    file = file_of(version, kind)
    return file if kind in kinds_of(version) and fetch(file) else None


def file_name(version: PersonaModel, kind: str) -> str:
    """As in "nora-version-3-gguf.zip"."""
    person = slugify(version.spoken_name) or "persona"
    return f"{person}-version-{version.number}-{kind}.zip"


def export_ask(*, version: PersonaModel, kind: str) -> None:
    """Notes that a file is wanted; the caller rings the worker. Refused where it cannot be made."""
    if kind not in kinds_of(version):
        raise Refused(_("This version cannot be taken out in that format."), 404)
    _remove_old()
    _write(version, kind, Note(asked=time.time()))


def export_drop(*, version: PersonaModel, kind: str) -> None:
    """Forgets that a file was wanted."""
    remove(_note(version, kind))


def export_make(*, version: PersonaModel, kind: str) -> bool:
    """Makes the file, in the worker, unless it is there; False with a noted sentence where that failed."""
    if kind not in kinds_of(version) or not _has_files(version, kind):
        return False
    folder, out = _folder(version), file_of(version, kind)
    with exclusive(folder / f".{kind}.lock"):
        if out.is_file():
            return True
        for leftover in folder.glob(f".{out.name}.*"):  # of a worker that was killed
            shutil.rmtree(leftover, ignore_errors=True)
        card = folder / f".{kind}.card"
        card.write_text(json.dumps(card_of(version)), encoding="utf-8")
        cache = ["--cache", str(settings.BASE_DIR_CACHE), "--card", str(card)]
        command = [sys.executable, "-m", "engine.export", str(version.folder), "--to", kind, "--out", str(out), *cache]
        done = subprocess.run(command, cwd=settings.BASE_DIR, capture_output=True, text=True, preexec_fn=_be_nice)
    if done.returncode == 0:
        share(out)
        export_drop(version=version, kind=kind)
        return True
    _write(version, kind, Note(fault=_fault(done.returncode, done.stderr)))
    return False


def _has_files(version: PersonaModel, kind: str) -> bool:
    """Whether the version's files are here, fetched if need be; else it is noted why they are not."""
    try:
        if version_fetch(version):
            return True
        fault = _("The files of this version are gone. Train it again.")
    except StoreAway as error:
        fault = str(error)
    except Damaged:
        fault = _("The files of this version are damaged. Train it again.")
    _write(version, kind, Note(fault=fault))
    return False


def _be_nice() -> None:
    with suppress(OSError):
        os.nice(NICE)


def _fault(code: int, words: str) -> str:
    lines = words.strip().splitlines()
    if code in SPOKEN_OF and lines:
        return lines[-1][-SENTENCE:]
    return _("The file could not be made. Try again; if it fails again, the log of the server says more.")


def card_of(version: PersonaModel) -> Mapping[str, Any]:
    """How the version wants to be asked outside, in the engine's words."""
    ask = renderer(version.format)
    card: dict[str, Any] = {"title": f"{version.spoken_name}, {version.name}", "stop": list(ask.stop)}
    prompt = ask.prompt("{question}", name=version.spoken_name)
    if isinstance(prompt, str):
        return card | {"prompt": prompt + "{reply}" + ask.stop[0]}
    return card | {"system": prompt[0]["content"]}


def _folder(version: PersonaModel) -> Path:
    folder = _root() / str(version.pk)
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    return folder


def _root() -> Path:
    return Path(settings.DATA_DIR) / "exports"


def _note(version: PersonaModel, kind: str) -> Path:
    return _folder(version) / f"{kind}.json"


def _read(version: PersonaModel, kind: str) -> Note:
    try:
        return Note(**json.loads(text_read(_note(version, kind))))
    except (FileNotFoundError, ValueError, TypeError, StoreAway):
        return Note()


def _write(version: PersonaModel, kind: str, note: Note) -> None:
    text_write(_note(version, kind), json.dumps(asdict(note)))


def _remove_old() -> None:
    """They can be made again, and weigh as much as a base model each."""
    for file in _root().glob("*/*.zip"):
        with suppress(FileNotFoundError):
            if file.stat().st_mtime < time.time() - KEPT_SECONDS:
                remove(file)


@receiver(post_delete, sender=PersonaModel)
def exports_delete(instance: PersonaModel, **_: Any) -> None:
    """A version's files go with it."""
    transaction.on_commit(partial(shutil.rmtree, _root() / str(instance.pk), ignore_errors=True))
    transaction.on_commit(partial(forget, _root() / str(instance.pk)))
