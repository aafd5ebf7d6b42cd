"""Reads a provider's result file: the metrics of each step as CSV, at times in base64 (OpenAI's guide says so)."""

from __future__ import annotations

import base64
import binascii
import csv
import io
import math
from collections.abc import Iterator
from typing import Any

MAX_ROWS = 20_000
# What the columns are called at one provider or another, by the name in a metrics event.
COLUMNS = {
    "step": ("step",),
    "train_loss": ("train_loss", "training_loss"),
    "train_mean_token_accuracy": ("train_mean_token_accuracy", "train_accuracy", "training_token_accuracy"),
    "valid_loss": ("valid_loss", "validation_loss"),
    "valid_mean_token_accuracy": ("valid_mean_token_accuracy", "validation_token_accuracy"),
    "full_valid_loss": ("full_valid_loss", "full_validation_loss"),
    "full_valid_mean_token_accuracy": ("full_valid_mean_token_accuracy", "full_validation_mean_token_accuracy"),
}


def read_metrics(content: bytes) -> list[dict[str, Any]]:
    """Rows as the data of a metrics event, in the order of their steps; empty for a file that is none of this kind."""
    text = _decoded(content)
    reader = csv.DictReader(io.StringIO(text, newline=""))
    if "step" not in (reader.fieldnames or ()):
        return []
    try:
        rows = [row for row, _number in zip(_metrics(reader), range(MAX_ROWS), strict=False)]
    except csv.Error:
        return []
    return sorted(rows, key=lambda row: row["step"])


def _decoded(content: bytes) -> str:
    if b"," not in content:
        try:
            content = base64.b64decode(b"".join(content.split()), validate=True)
        except (binascii.Error, ValueError):
            return ""
    return content.decode("utf-8-sig", errors="replace").replace("\0", "")


def _metrics(reader: csv.DictReader[str]) -> Iterator[dict[str, Any]]:
    for row in reader:
        found = {name: _number(row, columns) for name, columns in COLUMNS.items()}
        step = found.pop("step")
        if step is not None:
            yield {"step": int(step), **{name: value for name, value in found.items() if value is not None}}


def _number(row: dict[str, Any], columns: tuple[str, ...]) -> float | None:
    for column in columns:
        try:
            value = float(row.get(column) or "")
        except (TypeError, ValueError):
            continue
        if math.isfinite(value):
            return value
    return None
