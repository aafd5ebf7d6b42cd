"""The job folder: what the caller wrote, read and checked."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from engine.errors import BadInput
from engine.recipes import Recipe, recipe_named

Row = dict[str, Any]
RowFormat = Literal["marker", "chat"]


@dataclass(frozen=True)
class Sample:
    """A prompt to answer during training; `expected` is what the person said."""

    row: Row
    question: str
    expected: str


@dataclass(frozen=True)
class Job:
    """A checked job folder."""

    folder: Path
    base_model: str
    cache_dir: Path
    recipe_name: str
    recipe: Recipe
    seed: int
    samples: tuple[Sample, ...]
    train: tuple[Row, ...]
    validation: tuple[Row, ...]
    format: RowFormat
    memory_limit: int | None
    """Bytes that the training may use, if the caller sets a limit of its own."""
    data_hash: str
    """Of all that decides the result: base model, recipe, seed, rows. A checkpoint of another hash is not used."""


def read_job(folder: Path) -> Job:
    """Read and check the job in `folder`; BadInput names the file, the line and the remedy."""
    settings = _read_settings(folder / "job.json")
    train, validation = read_rows(folder / "train.jsonl"), read_rows(folder / "validation.jsonl", required=False)
    if not train:
        raise BadInput("train.jsonl holds no rows. Write at least one example.")
    formats = {row_format(row) for row in (*train, *validation)}
    if len(formats) > 1:
        raise BadInput("The rows mix {prompt, completion} and {messages}. Write all of them in one format.")
    recipe_name, seed = str(settings.get("recipe", "quick")), settings.get("seed", 0)
    if not isinstance(seed, int):
        raise BadInput(f"The seed in job.json must be a whole number, not {seed!r}.")
    recipe = recipe_named(recipe_name, settings.get("overrides") or {})
    return Job(
        folder=folder,
        base_model=str(settings["base_model"]),
        cache_dir=Path(settings["cache_dir"]),
        recipe_name=recipe_name,
        recipe=recipe,
        seed=seed,
        samples=tuple(_read_sample(sample) for sample in settings.get("samples") or ()),
        train=tuple(train),
        validation=tuple(validation),
        format=formats.pop(),
        memory_limit=_memory_limit(settings.get("memory_limit_bytes")),
        data_hash=_hash([settings["base_model"], repr(recipe), seed, train, validation]),
    )


def _memory_limit(value: Any) -> int | None:
    if value is None or (isinstance(value, int) and value > 0):
        return value
    raise BadInput(f"memory_limit_bytes in job.json must be a whole number above 0, not {value!r}.")


def _hash(value: object) -> str:
    return hashlib.sha256(json.dumps(value, sort_keys=True).encode()).hexdigest()


def _read_settings(file: Path) -> dict[str, Any]:
    try:
        settings = json.loads(file.read_bytes())
    except FileNotFoundError:
        raise BadInput(f"There is no {file}. Give a job folder that holds a job.json.") from None
    except ValueError as error:
        raise BadInput(f"{file} is not JSON: {error}.") from None
    missing = [key for key in ("base_model", "cache_dir") if not isinstance(settings, dict) or key not in settings]
    if missing:
        raise BadInput(f"{file} lacks {' and '.join(missing)}.")
    return dict(settings)


def _read_sample(sample: Any) -> Sample:
    try:
        row = dict(sample["row"])
        if not isinstance(row.get("prompt"), str) and not isinstance(row.get("messages"), list):
            raise KeyError("row")
        return Sample(row, str(sample["question"]), str(sample["expected"]))
    except (KeyError, TypeError, ValueError):
        raise BadInput(f"A sample in job.json lacks row, question or expected: {sample!r}.") from None


def read_rows(file: Path, *, required: bool = True) -> list[Row]:
    """The rows of a JSON Lines file; BadInput names the first line that is not an example."""
    try:
        lines = file.read_bytes().split(b"\n")
    except FileNotFoundError:
        if not required:
            return []
        raise BadInput(f"There is no {file.name} in {file.parent}. Write the training rows there.") from None
    return [_read_row(line, f"{file.name}, line {number}") for number, line in enumerate(lines, 1) if line.strip()]


def _read_row(line: bytes, place: str) -> Row:
    try:
        row = json.loads(line)
    except ValueError as error:
        raise BadInput(f"{place}: not JSON ({error}).") from None
    if isinstance(row, dict) and "messages" in row:
        _check_messages(row["messages"], place)
    elif not (isinstance(row, dict) and all(isinstance(row.get(key), str) for key in ("prompt", "completion"))):
        raise BadInput(f"{place}: expected the texts “prompt” and “completion”, or “messages”.")
    elif not row["completion"].strip():
        raise BadInput(f"{place}: the completion is empty. Remove the row or write an answer.")
    return dict(row)


def _check_messages(messages: Any, place: str) -> None:
    well_formed = isinstance(messages, list) and all(
        isinstance(message, dict) and isinstance(message.get("role"), str) and isinstance(message.get("content"), str)
        for message in messages
    )
    if not well_formed or len(messages) < 2 or messages[-1]["role"] != "assistant":
        raise BadInput(f"{place}: “messages” must be texts with roles, the last one from the assistant.")
    if not messages[-1]["content"].strip():
        raise BadInput(f"{place}: the assistant's message is empty. Remove the row or write an answer.")


def row_format(row: Row) -> RowFormat:
    """Which of the two formats `row` is in."""
    return "chat" if "messages" in row else "marker"
