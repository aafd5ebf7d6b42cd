from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from questionnaires.dataset import normalise
from questionnaires.dataset.prompt import _CHAT_ESCAPING, _MARKER_ESCAPING

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


PIECES = st.lists(st.sampled_from(["#", "-", ">", " ", "Q", ":", "\n", "<", "|", "/s>", "\u2060", "x"])).map("".join)


@pytest.mark.parametrize("escaping", [_MARKER_ESCAPING, _CHAT_ESCAPING])
@given(text=PIECES)
def test_no_marker_is_overlooked_in_a_text_without_its_signs(escaping, text: str) -> None:
    searched = escaping._head.sub(lambda head: head[0] + "\u2060", text.replace("\u2060", "\u2060\u2060"))
    assert escaping.apply(text) == searched
    assert escaping.undo(searched) == text
