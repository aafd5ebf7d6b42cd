"""The data set in the formats that other programs read, as a stream of bytes. Adding one is a function and a line."""

from __future__ import annotations

import csv
import io
import json
import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass

from questionnaires.dataset.book import Context, chapters
from questionnaires.dataset.epub import epub
from questionnaires.dataset.items import Item, Row
from questionnaires.dataset.jsonl import encode
from questionnaires.dataset.prompt import renderer

# A spreadsheet takes a cell that begins so for a formula; an apostrophe before it makes it text (OWASP, CSV injection).
_FORMULA = re.compile(r"[=+\-@\t\r']")
_MARKDOWN = re.compile(r"([\\`*_\[\]<>#|~&])")
# A list, a line that makes a heading of the one before it, and what written_lists.py takes for a label.
_LINE_MARK = re.compile(
    r"^([^\S\n]*)(\d+(?=[.)]\s)|(?=[-+]\s|[-=]+[^\S\n]*$)"
    r"|(?:Q|Question|A|Answer|В|Вопрос|О|Ответ)[^\S\n]*\d*[^\S\n]*(?=[:.)]))",
    re.M | re.I,
)


@dataclass(frozen=True)
class ExportFormat:
    """`write` turns items, in their order, into pieces of the file."""

    extension: str
    content_type: str
    write: Callable[[Iterable[Item], Context], Iterator[bytes]]
    is_binary: bool = False  # no text to show or print


def _rendered(format_name: str) -> Callable[[Iterable[Item], Context], Iterator[bytes]]:
    def write(items: Iterable[Item], context: Context) -> Iterator[bytes]:
        chosen = renderer(format_name)
        return encode(chosen.row(item, name=context.name) for item in items)

    return write


def _sharegpt(items: Iterable[Item], context: Context) -> Iterator[bytes]:
    """One conversation a line, as FastChat and Axolotl read it."""
    roles = {"system": "system", "user": "human", "assistant": "gpt"}

    def row(item: Item) -> Row:
        messages = renderer("chat").row(item, name=context.name)["messages"]
        return {"conversations": [{"from": roles[m["role"]], "value": m["content"]} for m in messages]}

    return encode(map(row, items))


def _alpaca(items: Iterable[Item], _context: Context) -> Iterator[bytes]:
    """One JSON list of instruction, input and output (Stanford Alpaca)."""
    separator = b"[\n"
    for item in items:
        row = {"instruction": item.question, "input": "", "output": item.answer}
        yield separator + json.dumps(row).encode("ascii")
        separator = b",\n"
    yield b"[]\n" if separator == b"[\n" else b"\n]\n"


def _csv(items: Iterable[Item], context: Context) -> Iterator[bytes]:
    """A table with a header, for spreadsheets and pandas; UTF-8 with a mark, without which Excel guesses wrong."""
    yield b"\xef\xbb\xbf"
    yield _csv_row(["question", "answer", "topic", "language", "wordings"])
    for item in items:
        topic = context.titles.get(item.topic, item.topic)
        yield _csv_row([item.question, item.answer, topic, item.language, "\n".join(item.wordings)])


def _csv_row(cells: list[str]) -> bytes:
    line = io.StringIO(newline="")
    csv.writer(line, lineterminator="\n", quoting=csv.QUOTE_ALL).writerow(map(neutralised, cells))
    return line.getvalue().encode()


def neutralised(cell: str) -> str:
    """The cell with an apostrophe before what a spreadsheet would run; an apostrophe of its own is doubled."""
    return f"'{cell}" if _FORMULA.match(cell) else cell


def plain(cell: str) -> str:
    """The inverse of `neutralised`."""
    return cell[1:] if cell.startswith("'") and _FORMULA.match(cell, 1) else cell


def _markdown(items: Iterable[Item], context: Context) -> Iterator[bytes]:
    """A book: a chapter a topic, a heading a question."""
    yield f"# {_escaped(context.name)}\n".encode()
    for title, chapter in chapters(items, context):
        yield f"\n## {_escaped(title)}\n".encode()
        for item in chapter:
            yield f"\n### {_escaped(item.question)}\n\n{_escaped(item.answer)}\n".encode()


def _escaped(text: str) -> str:
    """`text` as Markdown that shows it as it is."""
    return _LINE_MARK.sub(r"\1\2\\", _MARKDOWN.sub(r"\\\1", text))


def _parquet(items: Iterable[Item], context: Context) -> Iterator[bytes]:
    from questionnaires.dataset.parquet import parquet  # loaded when somebody asks: 30 ms that no other page pays

    return parquet(items, context)


def _pdf(items: Iterable[Item], context: Context) -> Iterator[bytes]:
    from questionnaires.dataset.pdf_book import pdf  # as above

    return pdf(items, context)


JSONL, JSON_TYPE = "jsonl", "application/jsonl"
FORMATS: dict[str, ExportFormat] = {
    "marker": ExportFormat(JSONL, JSON_TYPE, _rendered("marker")),
    "chat": ExportFormat(JSONL, JSON_TYPE, _rendered("chat")),
    "sharegpt": ExportFormat(JSONL, JSON_TYPE, _sharegpt),
    "alpaca": ExportFormat("json", "application/json", _alpaca),
    "csv": ExportFormat("csv", "text/csv; charset=utf-8", _csv),
    "parquet": ExportFormat("parquet", "application/vnd.apache.parquet", _parquet, is_binary=True),
    "markdown": ExportFormat("md", "text/markdown; charset=utf-8", _markdown),
    "epub": ExportFormat("epub", "application/epub+zip", epub, is_binary=True),
    "pdf": ExportFormat("pdf", "application/pdf", _pdf, is_binary=True),
}
