"""The models that a client may name: the base model and a folder per adapter, looked up anew at every request."""

from __future__ import annotations

import json
import os
from pathlib import Path

from engine.serving.backend import Adapter
from engine.serving.errors import broken_model, unknown_model

_CONFIG = "adapter_config.json"
_WEIGHTS = "adapter_model.safetensors"


class Catalog:
    """Adapters below `folder`. A folder that appears is served, one that vanishes is not; hidden ones are skipped."""

    def __init__(self, folder: Path, base_name: str, adapter_file: str) -> None:
        self._folder = folder
        self._adapter_file = adapter_file
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
        files = [folder / file for file in (_CONFIG, _WEIGHTS, self._adapter_file)]
        try:
            states = [file.stat() for file in files]
        except OSError as error:
            missing = Path(error.filename or "").name
            return f"its folder has no {missing}. Train it again or delete the folder."
        stamp = tuple(value for one in states for value in (one.st_mtime_ns, one.st_size, one.st_ino))
        adapter = Adapter(name, folder, stamp, int(states[0].st_mtime))
        return self._rejected.get(adapter) or _complaint(files[0], self.base_name) or adapter


def _complaint(config: Path, base_name: str) -> str | None:
    try:
        content = json.loads(config.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, json.JSONDecodeError, RecursionError):
        return f"its {_CONFIG} is not readable JSON. Train it again or delete the folder."
    if not isinstance(content, dict) or content.get("peft_type") != "LORA":
        return f"its {_CONFIG} describes no LoRA adapter. Train it again or delete the folder."
    base = content.get("base_model_name_or_path") or base_name
    if _last_part(str(base)) != _last_part(base_name):
        return f"it was trained on “{base}”, but this server runs “{base_name}”. Start it with --base-model {base}."
    return None


def _last_part(name: str) -> str:
    """A base model is named by a hub name, a folder or the name that the bundled one has."""
    return name.rstrip("/").rpartition("/")[2].lower()
