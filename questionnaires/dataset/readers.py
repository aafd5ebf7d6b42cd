"""Files of questions and answers that people bring: JSON, JSON Lines, tables, workbooks, written lists, chats."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterator, Mapping
from itertools import islice
from typing import Any

from questionnaires.dataset import chat_exports, workbook, written_lists
from questionnaires.dataset.decoding import decode_text
from questionnaires.dataset.exports import plain
from questionnaires.dataset.findings import gettext_noop
from questionnaires.dataset.jsonl import JsonlError, decode_numbered
from questionnaires.dataset.records import ImportedItem, ImportFailure, imported_item

MAX_BYTES = 5_000_000
MAX_ROWS = 10_000

_DELIMITERS = ",;\t"
_COLUMNS = ({"question", "answer"}, {"q", "a"}, {"prompt", "completion"}, {"вопрос", "ответ"})
_JSON_SPACE = " \t\n\r"

csv.field_size_limit(MAX_BYTES)  # that an answer is too long is said where answers are checked, in better words

# (line from 1, record)
_Numbered = Iterator[tuple[int, Mapping[str, Any]]]


def read(data: bytes, filename: str, person: str = "") -> list[ImportedItem]:
    """The questions and answers of a file of at most 5 MB and 10,000 rows.

    What it is follows from its content, since a .json is often JSON Lines and the other way round; the name only
    helps to explain what is wrong. Read are: a JSON list of records, or an object that holds one (as `{"qa": [...]}`);
    JSON Lines; a table with a header, separated by comma, semicolon or tab, or the first such sheet of a workbook; a
    text with headings, bold lines or "Q:" as questions; an export of WhatsApp or Telegram, in which `person` is the
    one who answers. A record has question and answer (or q, a and alts), or prompt and completion, or messages.
    Raises ImportFailure; chat_exports.PersonNeeded where `person` is none of a chat's people.
    """
    return _items(numbered_records(data, filename, person))


def numbered_records(data: bytes, filename: str, person: str = "") -> _Numbered:
    """The records of a file as they stand in it, with the line of each. Raises as `read` does, while it is read."""
    _refuse_large(data)
    if workbook.is_workbook(data):
        return _workbook(data, filename)
    text = decode_text(data)
    if not text.strip():
        raise ImportFailure("the file is empty. Choose a file with at least one question and answer.")
    return _records(text, filename.casefold(), person)


def _items(rows: _Numbered) -> list[ImportedItem]:
    items = [imported_item(record, line) for line, record in islice(rows, MAX_ROWS + 1)]
    if len(items) > MAX_ROWS:
        raise ImportFailure("the file has more than {limit} rows. Split it.", items[-1].line, limit=MAX_ROWS)
    if not items:
        raise ImportFailure("the file has no questions and answers. Choose a file with at least one.")
    return items


def _refuse_large(data: bytes) -> None:
    if len(data) > MAX_BYTES:
        raise ImportFailure(
            "the file has {size} MB; at most {limit} MB can be read. Split it.",
            size=round(len(data) / 1e6, 1),
            limit=MAX_BYTES // 1_000_000,
        )


def _records(text: str, filename: str, person: str) -> _Numbered:
    start = text.lstrip()[0]
    if start != "#" and chat_exports.is_whatsapp(text):  # before JSON: on iOS its lines begin with a bracket
        return _paired(chat_exports.pairs(chat_exports.whatsapp(text), person))
    if start in "[{":
        return _json_lines(text, person) if _is_json_lines(text, filename) else _json_list(text, person)
    if filename.endswith((".json", ".jsonl")):
        raise ImportFailure("this is not JSON: it begins with {start}, not with [ or {{.", 1, start=start)
    if _delimiter(text) is None and written_lists.is_written_list(text):
        return _paired(written_lists.pairs(text))
    return _table(text)


def _paired(pairs: Iterator[tuple[int, str, str]]) -> _Numbered:
    for line, question, answer in pairs:
        yield line, {"question": question, "answer": answer}


def _workbook(data: bytes, filename: str) -> _Numbered:
    """The first sheet whose first row names the columns."""
    for rows in workbook.sheets(data, filename):
        _, header = next(rows, (1, []))
        if _names_columns(header):
            return _under(header, rows)
    raise ImportFailure(
        "no sheet of {name} names the columns question and answer in its first row. Add such a row.", name=filename
    )


def _is_json_lines(text: str, filename: str) -> bool:
    if text.lstrip()[0] == "[":
        return False
    first_line = text.strip().split("\n", 1)[0].rstrip()
    return filename.endswith(".jsonl") or first_line.endswith(("}", "},"))


def _json_lines(text: str, person: str) -> _Numbered:
    """One object a line; a whole file that is one valid object (as a pretty-printed one) is read as JSON."""
    try:
        whole = json.loads(text)
    except (ValueError, RecursionError):
        whole = None
    if whole is not None:
        yield from _json_list(text, person)
        return
    try:
        yield from decode_numbered(text.encode("utf-8", "surrogatepass"))
    except JsonlError as error:
        raise ImportFailure(error.template, error.line, **error.params) from None


def _json_list(text: str, person: str) -> _Numbered:
    whole = _parsed(text)
    if chat_exports.is_telegram(whole):
        yield from _paired(chat_exports.pairs(chat_exports.telegram(whole), person))
        return
    start = _skip_space(text, 0)
    if isinstance(whole, dict):
        name = next((name for name, value in whole.items() if _is_list_of_records(value)), None)
        if name is None or _is_record(whole):
            yield 1, whole
            return
        start = _value_start(text, start, name)
    line, counted = 1, 0
    for position, record in _elements(text, start):
        line, counted = line + text.count("\n", counted, position), position
        if not isinstance(record, dict):
            raise ImportFailure(
                "an object in {{...}} was expected where {found} stands.", line, found=repr(record)[:40]
            )
        yield line, record


def _is_record(whole: Mapping[str, Any]) -> bool:
    names = {str(name).casefold() for name in whole}
    return "messages" in names or any(columns <= names for columns in _COLUMNS)


def _is_list_of_records(value: Any) -> bool:
    return isinstance(value, list) and any(isinstance(element, dict) for element in value)


def _parsed(text: str) -> Any:
    try:
        return json.loads(text)
    except json.JSONDecodeError as error:
        raise ImportFailure(_json_advice(text, error), error.lineno, problem=error.msg, column=error.colno) from None
    except (ValueError, RecursionError):  # a number of thousands of digits, brackets nested thousands deep
        raise ImportFailure("this JSON has a number that is too long or is nested too deeply.") from None


def _json_advice(text: str, error: json.JSONDecodeError) -> str:
    if text[error.pos : error.pos + 1] == "'":
        return gettext_noop('JSON needs double quotes ("), but a single one stands at character {column}.')
    if error.msg.startswith("Illegal trailing comma") or text[: error.pos].rstrip().endswith(","):
        return gettext_noop("there is a comma after the last element, before character {column}. Delete it.")
    return gettext_noop("this is not valid JSON: {problem}, at character {column}.")


def _skip_space(text: str, position: int) -> int:
    while text[position] in _JSON_SPACE:
        position += 1
    return position


def _value_start(text: str, position: int, wanted: str) -> int:
    """Where the value of a name begins in the object at `position` of valid JSON."""
    decoder = json.JSONDecoder()
    while True:
        name, position = decoder.raw_decode(text, _skip_space(text, position + 1))
        position = _skip_space(text, _skip_space(text, position) + 1)
        if name == wanted:
            return position
        _, position = decoder.raw_decode(text, position)
        position = _skip_space(text, position)


def _elements(text: str, position: int) -> Iterator[tuple[int, Any]]:
    """Yield (position, element) of the list that begins at `position` of valid JSON."""
    decoder = json.JSONDecoder()
    while text[position] != "]":
        begin = _skip_space(text, position + 1)
        if text[begin] == "]":
            return
        element, position = decoder.raw_decode(text, begin)
        position = _skip_space(text, position)
        yield begin, element


def _table(text: str) -> _Numbered:
    delimiter = _delimiter(text)
    if delimiter is None:
        line, found = next((n, row.strip()) for n, row in enumerate(text.split("\n"), 1) if row.strip())
        raise ImportFailure(
            "the first line of a table has to name the columns question and answer, and here it reads “{found}”.",
            line,
            found=found[:80],
        )
    rows = _cells(text, delimiter)
    _, header = next(rows)
    yield from _under(header, rows)


def _under(header: list[str], rows: Iterator[tuple[int, list[str]]]) -> _Numbered:
    _refuse_doubled(header)
    for line, cells in rows:
        if len(cells) > len(header):
            raise ImportFailure(
                "{found} cells under {wanted} columns. Put a text with the separator in it in double quotes.",
                line,
                found=len(cells),
                wanted=len(header),
            )
        padded = [plain(cell) for cell in cells] + [""] * (len(header) - len(cells))
        yield line, dict(zip(header, padded, strict=True))


def _refuse_doubled(header: list[str]) -> None:
    """Of two columns of a name that is read, one would be lost."""
    names = [name.strip().casefold() for name in header]
    for name in sorted(set().union(*_COLUMNS)):
        if names.count(name) > 1:
            raise ImportFailure("several columns are called “{name}”. Keep one of them.", 1, name=name)


def _delimiter(text: str) -> str | None:
    """What separates the columns that the first line names; None if it names none."""
    return next((each for each in _DELIMITERS if _names_columns(next(_cells(text, each), (1, []))[1])), None)


def _names_columns(header: list[str]) -> bool:
    names = {name.strip().casefold() for name in header}
    return any(columns <= names for columns in _COLUMNS)


def _cells(text: str, delimiter: str) -> Iterator[tuple[int, list[str]]]:
    """Yield (line at which the row begins, its cells), rows without any text left out."""
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True)
    line = 1
    try:
        for cells in reader:
            if any(cell.strip() for cell in cells):
                yield line, cells
            line = reader.line_num + 1
    except csv.Error as error:
        raise ImportFailure(
            "this row cannot be read ({problem}). A quote inside a text is written twice.", line, problem=str(error)
        ) from None
