"""Training rows to the bytes of a .jsonl file and back.

Written with `ensure_ascii=True`: pure ASCII has no U+2028 or U+0085 at which another program could break a line
(one record would become three under `str.splitlines`), and no encoding to get wrong. Read by splitting on b"\\n" alone.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from json.encoder import encode_basestring_ascii as _quoted

from questionnaires.dataset.items import Row

_BYTE_ORDER_MARK = b"\xef\xbb\xbf"


class JsonlError(ValueError):
    """A line that is no row. `line` counts from 1, blank lines included.

    `template` and `params` are the message before its values were filled in, for translation.
    """

    def __init__(self, template: str, line: int, **params: object) -> None:
        self.template = template
        self.params = params
        self.message = template.format(**params)
        self.line = line
        super().__init__(f"Line {line}: {self.message}")


def encode(rows: Iterable[Row]) -> Iterator[bytes]:
    """Yield one line of bytes a row, each ended by b"\\n"."""
    for row in rows:
        yield f"{_json(row)}\n".encode("ascii")


def _json(value: object) -> str:
    """As `json.dumps(value)`, which sets up an encoder each time: for rows of plain texts most of the work."""
    if type(value) is str:
        return _quoted(value)
    if type(value) is list:
        return "[" + ", ".join([_json(held) for held in value]) + "]"
    if type(value) is dict:
        fields = [
            f"{_quoted(name)}: {_quoted(held) if type(held) is str else _json(held)}" for name, held in value.items()
        ]
        return "{" + ", ".join(fields) + "}"
    return json.dumps(value, ensure_ascii=True)


def decode(data: bytes) -> list[Row]:
    """The rows of a file. A byte order mark, CRLF and blank lines are tolerated; JsonlError names the line."""
    return [row for _, row in decode_numbered(data)]


def decode_numbered(data: bytes) -> Iterator[tuple[int, Row]]:
    """Yield (line number from 1, row)."""
    for number, line in enumerate(data.removeprefix(_BYTE_ORDER_MARK).split(b"\n"), start=1):
        if line.strip():
            yield number, _decode_line(line, number)


def _decode_line(line: bytes, number: int) -> Row:
    try:
        row = json.loads(line.decode("utf-8"))
    except UnicodeDecodeError:
        raise JsonlError("this is not UTF-8 text. Save the file as UTF-8.", number) from None
    except json.JSONDecodeError as error:
        raise JsonlError(
            "this is not JSON ({problem}, at character {column}). "
            'Each line is one object such as {{"question": "...", "answer": "..."}}, in double quotes, '
            "without a comma after it.",
            number,
            problem=error.msg,
            column=error.colno,
        ) from None
    except (ValueError, RecursionError):  # a number of thousands of digits, brackets nested thousands deep
        raise JsonlError("this JSON is too large or too deeply nested.", number) from None
    if not isinstance(row, dict):
        raise JsonlError('a line has to be one JSON object such as {{"question": "...", "answer": "..."}}.', number)
    return row
