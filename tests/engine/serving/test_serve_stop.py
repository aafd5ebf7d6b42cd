"""Stop sequences never leak, not even in part."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from engine.serving.stop import StopMatcher

letters = st.text(alphabet="ab\n", max_size=30)
sequences = st.lists(st.text(alphabet="ab\n", min_size=1, max_size=4), max_size=3)


def cut(text: str, sequences: list[str]) -> str:
    """What a person would do: everything before the stop sequence that is complete first."""
    for end in range(len(text) + 1):
        found = [one for one in sequences if text[:end].endswith(one)]
        if found:
            return text[: end - max(map(len, found))]
    return text


@given(letters, sequences, st.lists(st.integers(1, 5), min_size=1, max_size=30))
def test_any_cut_into_pieces_gives_the_text_before_the_first_stop(
    text: str, sequences: list[str], sizes: list[int]
) -> None:
    matcher, shown, rest = StopMatcher(sequences), "", text
    while rest and not matcher.matched:
        size = sizes[len(shown) % len(sizes)]
        shown += matcher.feed(rest[:size])
        rest = rest[size:]
        assert not any(one in shown for one in sequences)
    shown += matcher.flush()
    assert text.startswith(shown)
    if matcher.matched:
        assert not any(one in shown for one in sequences)
        assert any(text.startswith(shown + one) for one in sequences)
    else:
        assert shown == text


@given(letters, sequences)
def test_letter_by_letter_equals_the_plain_definition(text: str, sequences: list[str]) -> None:
    matcher = StopMatcher(sequences)
    shown = "".join(matcher.feed(letter) for letter in text) + matcher.flush()
    assert shown == cut(text, sequences)


def test_text_that_only_began_like_a_stop_sequence_is_shown() -> None:
    matcher = StopMatcher(["\n\nEND"])
    assert matcher.feed("a\n\nE") == "a"
    assert matcher.feed("at") == "\n\nEat"
