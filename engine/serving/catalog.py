"""The models that a client may name: the base model and a folder per adapter, looked up anew at every request."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from pathlib import Path

from engine.base_models import BaseModel
from engine.serving.backend import Adapter
from engine.serving.errors import broken_model, unknown_model

_CONFIG = "adapter_config.json"
_WEIGHTS = "adapter_model.safetensors"
_FOR_LLAMA = "adapter.gguf"


def _nowhere(name: str) -> BaseModel | None:
    return None


class Catalog:
    """Adapters below `folder`. A folder that appears is served, one that vanishes is not; hidden ones are skipped."""

    def __init__(
        self, folder: Path, base_name: str, adapter_file: str, locate: Callable[[str], BaseModel | None] = _nowhere
    ) -> None:
        """`locate` finds a base model beside the default one; `adapter_file` is the file that the default one needs."""
        self._folder = folder
        self._adapter_file = adapter_file
        self._locate = locate
        self._rejected: dict[Adapter, str] = {}
        self.base_name = base_name
        self.created = int(folder.stat().st_mtime) if folder.is_dir() else 0

    def names(self) -> list[str]:
        """The base model first, then every adapter folder by name, broken ones included."""
        try:
            with os.scandir(self._folder) as entries:
                found = sorted(one.name for one in entries if one.is_dir() and not one.name.startswith("."))
        except FileNotFoundError:
            found = []
        return [self.base_name, *(name for name in found if name != self.base_name)]

    def find(self, name: str) -> Adapter | None:
        """The adapter called `name`, None for the base model. Raises ApiError: 404 unknown, 422 broken."""
        if name == self.base_name:
            return None
        names = self.names()
        if name not in names:
            raise unknown_model(name, names)
        adapter = self._read(name)
        if isinstance(adapter, str):
            raise broken_model(name, adapter)
        return adapter

    def usable(self) -> list[Adapter]:
        """Every adapter that can be served as far as its files tell."""
        read = (self._read(name) for name in self.names()[1:])
        return [one for one in read if isinstance(one, Adapter)]

    def reject(self, adapter: Adapter, reason: str) -> None:
        """Remember that the runtime refused this adapter, until its files change."""
        self._rejected[adapter] = reason

    def _read(self, name: str) -> Adapter | str:
        """The adapter, or the sentence that says what is wrong with its folder."""
        folder = self._folder / name
        try:
            base = self._base(_base_name(folder / _CONFIG))
            states = [(folder / file).stat() for file in (_CONFIG, _WEIGHTS, self._file_for(base))]
        except Unusable as error:
            return str(error)
        except OSError as error:
            missing = Path(error.filename or "").name
            return f"its folder has no {missing}. Train it again or delete the folder."
        stamp = tuple(value for one in states for value in (one.st_mtime_ns, one.st_size, one.st_ino))
        adapter = Adapter(name, folder, stamp, int(states[0].st_mtime), base)
        return self._rejected.get(adapter) or adapter

    def _base(self, name: str) -> BaseModel | None:
        """The base model called `name`, None for the default one. Raises Unusable if it is not on this machine."""
        if not name or last_part(name) == last_part(self.base_name):
            return None
        if (found := self._locate(name)) is None:
            raise Unusable(
                f"it was trained on “{name}”, which is not on this computer. Fetch that base model again with "
                f"python -m engine.base_models --model {name}, or choose another version."
            )
        return found

    def _file_for(self, base: BaseModel | None) -> str:
        if base is None:
            return self._adapter_file
        return _WEIGHTS if base.gguf is None else _FOR_LLAMA


class Unusable(Exception):
    """An adapter that cannot be served; the message is a sentence."""


def _base_name(config: Path) -> str:
    """What an adapter's configuration calls its base model; empty if it does not say. Raises Unusable, OSError."""
    try:
        content = json.loads(config.read_text(encoding="utf-8"))
    except (UnicodeDecodeError, json.JSONDecodeError, RecursionError):
        raise Unusable(f"its {_CONFIG} is not readable JSON. Train it again or delete the folder.") from None
    if not isinstance(content, dict) or content.get("peft_type") != "LORA":
        raise Unusable(f"its {_CONFIG} describes no LoRA adapter. Train it again or delete the folder.")
    return str(content.get("base_model_name_or_path") or "")


def last_part(name: str) -> str:
    """A base model is named by a hub name, a folder or the name that the bundled one has."""
    return name.rstrip("/").rpartition("/")[2].lower()
