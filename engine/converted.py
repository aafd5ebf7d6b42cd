"""GGUF files made of base models that came without one, kept in the cache so that each is made once."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from pathlib import Path

from engine.atomic import exclusive, new_folder, remove_leftovers

GGUF_NAME = "model-q8_0.gguf"
_WHY = "why-not.txt"

# One number up makes every cache convert anew.
_VERSION = 1


def gguf_of(folder: Path, cache_dir: Path) -> Path | None:
    """The GGUF of the model in `folder`: its own, or the one in the cache; None if there is none (yet)."""
    own, made = folder / GGUF_NAME, _target(folder, cache_dir) / GGUF_NAME
    return next((file for file in (own, made) if file.is_file()), None)


def convert_once(folder: Path, cache_dir: Path, progress: Callable[[str, float], None]) -> Path | None:
    """The GGUF of the model in `folder`, made if need be (seconds to minutes); None where llama.cpp cannot serve it.

    Several processes may call at once: one converts, the others wait. OSError if the disk is full.
    """
    target = _target(folder, cache_dir)
    if gguf_of(folder, cache_dir) is None and not target.is_dir():
        with exclusive(target.parent / f".{target.name}.lock"):
            if not target.is_dir():
                remove_leftovers(target)
                with new_folder(target) as temporary:
                    _convert(folder, temporary, progress)
    return gguf_of(folder, cache_dir)


def _convert(folder: Path, into: Path, progress: Callable[[str, float], None]) -> None:
    from engine.gguf_convert import convert
    from engine.gguf_families import NotConvertible

    try:
        convert(folder, into / GGUF_NAME, progress)
    except (NotConvertible, KeyError) as error:
        # Noted, so that nobody tries again; transformers serves it then.
        (into / GGUF_NAME).unlink(missing_ok=True)
        (into / _WHY).write_text(f"{error}\n", encoding="utf-8")


def _target(folder: Path, cache_dir: Path) -> Path:
    """Named after the files that matter, so that a folder with new weights is converted anew."""
    marks = [str(folder.resolve())]
    for file in sorted((*folder.glob("*.safetensors"), *folder.glob("*.json"))):
        state = file.stat()
        marks.append(f"{file.name} {state.st_size} {state.st_mtime_ns}")
    digest = hashlib.sha256("\n".join(marks).encode()).hexdigest()[:16]
    return cache_dir / "gguf" / f"{folder.name}-{digest}-v{_VERSION}"
