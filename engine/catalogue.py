"""The base models on offer for training here, from catalogue.toml, and any folder with one.

Light on purpose: a page asks for it, so neither torch nor the network is touched.
"""

from __future__ import annotations

import functools
import tomllib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from engine.base_models import bundled_file_or_none, locate
from engine.memory import Shape, fitted, machine_memory, shape_in, training_bytes, why_impossible
from engine.recipes import Recipe

_FILE = Path(__file__).with_name("catalogue.toml")
_APACHE = "https://www.apache.org/licenses/LICENSE-2.0"


@dataclass(frozen=True)
class Entry:
    """A base model. `name` is what job.json's `base_model` takes: the bundled name, a hub name or a folder."""

    name: str
    title: str
    shape: Shape | None
    """None for a folder whose config.json does not tell."""
    parameters: int
    languages: tuple[str, ...] = ()
    """Codes (ISO 639-1) that its maker claims; empty if that is not known."""
    language_count: int = 0
    hub_name: str = ""
    licence: str = ""
    licence_url: str = ""
    gated: bool = False
    """Whether its licence has to be accepted on the hub, and HF_TOKEN set, before it can be fetched."""
    bundled: bool = False
    download_bytes: int = 0

    @property
    def multilingual(self) -> bool:
        return self.language_count > 1

    def speaks(self, language: str) -> bool:
        """Whether the maker claims `language` (such as “ru” or “ru-RU”); a folder of unknown languages does not."""
        return language.partition("-")[0].lower() in self.languages

    def training_bytes(self, recipe: Recipe | None = None, **options: Any) -> int | None:
        """Peak memory of a training (engine.memory), or None if the shape is not known."""
        return None if self.shape is None else training_bytes(self.shape, recipe, **options)


@dataclass(frozen=True)
class Offer:
    """A base model as it can be chosen on this machine."""

    entry: Entry
    present: bool
    """Whether it is here already, so that no network is needed."""
    memory_bytes: int | None
    impossible: str | None
    """Why it cannot be trained here, as a sentence."""


@functools.cache
def entries() -> tuple[Entry, ...]:
    """The catalogue, smallest first within a family."""
    return tuple(_entry(values) for values in tomllib.loads(_FILE.read_text(encoding="utf-8"))["model"])


def _entry(values: dict[str, Any]) -> Entry:
    shape = Shape(**values["shape"])
    languages = tuple(values["languages"])
    return Entry(
        name=values["name"],
        title=values["title"],
        shape=shape,
        parameters=shape.parameters,
        languages=languages,
        language_count=values.get("language_count", len(languages)),
        hub_name=values.get("hub_name", values["name"]),
        licence=values["licence"],
        licence_url=values.get("licence_url", _APACHE),
        gated=values.get("gated", False),
        bundled=values.get("bundled", False),
        download_bytes=values["download_megabytes"] * 10**6,
    )


def entry_named(base_model: str) -> Entry:
    """The catalogue's entry, else what can be told of a folder or of a name that is not in the catalogue."""
    for entry in entries():
        if base_model in (entry.name, entry.hub_name):
            return entry
    folder = Path(base_model).expanduser()
    shape = shape_in(folder) if folder.is_dir() else None
    title = folder.resolve().name if folder.is_dir() else base_model
    return Entry(base_model, title, shape, shape.parameters if shape else 0)


def is_present(base_model: str, cache_dir: Path) -> bool:
    """Whether a training of `base_model` could begin without a network."""
    entry = entry_named(base_model)
    return locate(entry.name, cache_dir) is not None or (entry.bundled and bundled_file_or_none() is not None)


def offer_of(base_model: str, cache_dir: Path, limit_bytes: int | None = None, recipe: Recipe | None = None) -> Offer:
    """One base model on this machine, when a training may use `limit_bytes` (without: all there is)."""
    entry, machine = entry_named(base_model), machine_memory()
    limit = min(limit_bytes or machine.limit, machine.limit)
    present = is_present(base_model, cache_dir)
    if entry.shape is None:
        return Offer(entry, present, None, None)
    memory = training_bytes(entry.shape, fitted(entry.shape, recipe or Recipe(), limit))
    return Offer(entry, present, memory, why_impossible(entry.shape, limit, machine.available, recipe))


def offers(cache_dir: Path, limit_bytes: int | None = None, recipe: Recipe | None = None) -> list[Offer]:
    """The whole catalogue on this machine."""
    return [offer_of(entry.name, cache_dir, limit_bytes, recipe) for entry in entries()]
