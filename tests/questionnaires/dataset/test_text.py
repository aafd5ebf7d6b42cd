from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from questionnaires.dataset import normalise

anything = st.text(st.characters(exclude_categories=[]))


@pytest.mark.parametrize(
    ("text", "normal", "done"),
    [
        ("plain \u2028 \x85 \u202e\ufeff", "plain \u2028 \x85 \u202e\ufeff", []),
        ("a\x00b", "ab", ["nul"]),
        ("a\ud800b\udc00", "a\ufffdb\ufffd", ["surrogates"]),
        ("\ud83d\ude00", "😀", ["surrogates"]),
        ("a\r\nb\rc\n", "a\nb\nc\n", ["line_endings"]),
        ("\r\x00\n\udfff", "\n\ufffd", ["nul", "surrogates", "line_endings"]),
    ],
)
def test_a_text_is_made_storable_and_the_person_can_be_told(text: str, normal: str, done: list[str]) -> None:
    assert normalise(text) == (normal, done)


@given(anything)
def test_a_normal_text_is_utf8_and_stays_as_it_is(text: str) -> None:
    normal, _ = normalise(text)
    assert normal.encode("utf-8").decode("utf-8") == normal
    assert normalise(normal) == (normal, [])
    assert not set(normal) & {"\x00", "\r"}
