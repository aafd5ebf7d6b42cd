from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from questionnaires.dataset import JsonlError, decode, encode

ANYTHING = st.text(st.characters(exclude_categories=[]))


@given(st.dictionaries(ANYTHING, ANYTHING | st.integers() | st.lists(st.dictionaries(ANYTHING, ANYTHING))))
def test_a_row_is_written_as_json_writes_it(row: dict[str, object]) -> None:
    assert b"".join(encode([row])) == json.dumps(row).encode() + b"\n"


def test_one_row_a_line_in_pure_ascii() -> None:
    lines = list(encode([{"prompt": "Кто ты?\u2028\x85\n", "completion": " Я###"}, {"a": 1}]))
    assert len(lines) == 2
    assert all(line.isascii() and line.endswith(b"\n") and line.count(b"\n") == 1 for line in lines)


@pytest.mark.parametrize(
    "data",
    [
        b'\xef\xbb\xbf{"a": 1}\n{"a": 2}\n',
        b'{"a": 1}\r\n{"a": 2}\r\n',
        b'\n{"a": 1}\n  \n\n{"a": 2}',
    ],
    ids=["byte order mark", "CRLF", "blank lines"],
)
def test_reading_is_tolerant(data: bytes) -> None:
    assert decode(data) == [{"a": 1}, {"a": 2}]


def test_line_separators_inside_a_text_break_no_line() -> None:
    assert decode('{"a": "x\u2028y\x85z"}\n'.encode()) == [{"a": "x\u2028y\x85z"}]


@pytest.mark.parametrize(
    ("line", "what"),
    [
        (b"{'a': 1}", "not JSON"),
        (b'{"a": 1,}', "not JSON"),
        (b"[1]", "one JSON object"),
        (b'{"a": "\xff"}', "not UTF-8"),
        (b"[" * 100_000, "too large or too deeply nested"),
        (b'{"a": ' + b"1" * 5000 + b"}", "too large or too deeply nested"),
    ],
)
def test_an_error_names_the_line(line: bytes, what: str) -> None:
    with pytest.raises(JsonlError, match=f"Line 3: .*{what}") as caught:
        decode(b'{"a": 1}\n\n' + line + b"\n")
    assert caught.value.line == 3
