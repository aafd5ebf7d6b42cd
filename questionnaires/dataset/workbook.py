"""Workbooks (.xlsx, .xls, .ods) to tables of texts."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Iterable, Iterator, Sequence

from python_calamine import CalamineError, CalamineWorkbook

from questionnaires.dataset.records import ImportFailure

MARKS = (b"PK\x03\x04", b"\xd0\xcf\x11\xe0")  # a zip archive (.xlsx, .ods, .docx too) and the older .xls
MAX_UNPACKED_BYTES = 60_000_000  # a small archive can unpack to anything


def is_workbook(data: bytes) -> bool:
    """Whether the file begins as a workbook does."""
    return data.startswith(MARKS)


def sheets(data: bytes, name: str) -> Iterator[Iterator[tuple[int, list[str]]]]:
    """Each sheet as (row number from 1, texts of its cells), rows without any text left out. ImportFailure."""
    _refuse_bombs(data, name)
    try:
        book = CalamineWorkbook.from_filelike(io.BytesIO(data))
        for title in book.sheet_names:
            yield _rows(book.get_sheet_by_name(title).to_python(skip_empty_area=False))
    except (CalamineError, ValueError) as error:
        raise ImportFailure("{name} is no workbook that can be read. Save it as CSV (UTF-8).", name=name) from error


def _rows(cells: Iterable[Sequence[object]]) -> Iterator[tuple[int, list[str]]]:
    for number, row in enumerate(cells, 1):
        texts = [_text(cell) for cell in row]
        while texts and not texts[-1].strip():
            texts.pop()
        if texts:
            yield number, texts


def _text(cell: object) -> str:
    """As the sheet shows it, as far as that is known: a whole number without its ".0"."""
    if isinstance(cell, float) and cell.is_integer():
        return str(int(cell))
    return "" if cell is None else str(cell)


def _refuse_bombs(data: bytes, name: str) -> None:
    if not data.startswith(MARKS[0]):
        return
    try:
        size = sum(entry.file_size for entry in zipfile.ZipFile(io.BytesIO(data)).infolist())
    except zipfile.BadZipFile:
        raise ImportFailure("{name} is damaged: its archive cannot be opened. Save it again.", name=name) from None
    if size > MAX_UNPACKED_BYTES:
        raise ImportFailure(
            "{name} unpacks to {size} MB; at most {limit} MB can be read. Split it.",
            name=name,
            size=size // 1_000_000,
            limit=MAX_UNPACKED_BYTES // 1_000_000,
        )
