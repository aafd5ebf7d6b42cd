"""What OpenAI's `prepare_data` would say of a training file, and more: with the line of each row."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from itertools import islice
from typing import Any

from questionnaires.dataset.findings import Finding
from questionnaires.dataset.readers import MAX_ROWS, numbered_records
from questionnaires.dataset.row_checks import check_rows

_TRAINING_COLUMNS = {"prompt", "completion", "messages"}


def check_file(data: bytes, filename: str, person: str = "") -> list[Finding]:
    """Findings on a file with prompt and completion, or messages, errors first; `source` is a line of the file.

    Nothing for a file of another kind: only its answers count. Raises as `read` does.
    """
    numbered = list(islice(numbered_records(data, filename, person), MAX_ROWS + 1))
    if not any(_is_training_row(record) for _line, record in numbered):
        return []
    lines = {str(row): str(line) for row, (line, _record) in enumerate(numbered, 1)}
    found = check_rows([dict(record) for _line, record in numbered])
    return [replace(each, source=lines.get(each.source, ""), params=_placed(each, lines)) for each in found]


def _is_training_row(record: Mapping[str, Any]) -> bool:
    return not _TRAINING_COLUMNS.isdisjoint(str(name).casefold() for name in record)


def _placed(found: Finding, lines: Mapping[str, str]) -> Mapping[str, object]:
    """Another row that a finding names is named by its line as well."""
    if found.code != "duplicate_row":
        return found.params
    return {**found.params, "other": lines[str(found.params["other"])]}
