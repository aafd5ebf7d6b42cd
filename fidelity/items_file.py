"""A file of items with a person's own answers, for research data: see docs/fidelity.md for its format."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import yaml

from fidelity.measures.items import FEWEST_OPTIONS, MOST_OPTIONS, ItemsError
from fidelity.models import ReportItem
from fidelity.planning import Asked

Kind = ReportItem.Kind
_NEEDS = {"choices": "id, text, options and answer", "facts": "id, question and answer"}


def items_read(path: Path) -> list[Asked]:
    """The items of a JSON or YAML file. ItemsError with the entry that is wrong and what to do."""
    try:
        read = _parsed(path)
    except (OSError, ValueError, yaml.YAMLError) as error:
        raise ItemsError(f"The file {path} cannot be read: {error}") from error
    if not isinstance(read, dict) or not set(read) <= set(_NEEDS) or not read:
        raise ItemsError(f"{path.name} has to hold “choices”, “facts” or both, each with a list of entries.")
    found = [
        (_choice if part == "choices" else _fact)(entry, f"{path.name}, {part}, entry {number}")
        for part, entries in read.items()
        for number, entry in enumerate(_listed(entries, path, part), start=1)
    ]
    return _unique(found, path)


def _parsed(path: Path) -> Any:
    text = path.read_text(encoding="utf-8-sig")
    return json.loads(text) if path.suffix == ".json" else yaml.safe_load(text)


def _listed(entries: Any, path: Path, part: str) -> list[Any]:
    if not isinstance(entries, list):
        raise ItemsError(f"“{part}” in {path.name} has to be a list.")
    return entries


def _choice(entry: Any, where: str) -> Asked:
    named = _fields(entry, where, "choices")
    options = tuple(map(str, named.get("options") or ()))
    if not FEWEST_OPTIONS <= len(options) <= MOST_OPTIONS or len(set(options)) != len(options):
        raise ItemsError(f"{where} needs {FEWEST_OPTIONS} to {MOST_OPTIONS} different options.")
    answer = named.get("answer")
    place = options.index(answer) if answer in options else answer
    if isinstance(place, bool) or not isinstance(place, int) or not 0 <= place < len(options):
        raise ItemsError(f"{where} needs as its answer one of the options, or its number from 0.")
    return Asked(Kind.CHOICE, str(named["id"]), str(named["text"]), options, place)


def _fact(entry: Any, where: str) -> Asked:
    """An empty answer: the person never told it."""
    named = _fields(entry, where, "facts")
    return Asked(Kind.FACT, str(named["id"]), str(named["question"]), own=str(named.get("answer") or ""))


def _fields(entry: Any, where: str, part: str) -> dict[str, Any]:
    asked = "text" if part == "choices" else "question"
    if not isinstance(entry, dict) or not entry.get("id") or not entry.get(asked):
        raise ItemsError(f"{where} needs {_NEEDS[part]}.")
    return entry


def _unique(items: list[Asked], path: Path) -> list[Asked]:
    seen: set[tuple[str, str]] = set()
    for each in items:
        if (key := (str(each.kind), each.item)) in seen:
            raise ItemsError(f"“{each.item}” stands twice in {path.name}. Give one of them another id.")
        seen.add(key)
    return items
