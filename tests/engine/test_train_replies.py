"""A model that repeats itself, leaks a marker or does not stop is not published; an honest one is."""

from __future__ import annotations

import pytest

from engine.replies import Reply, fault_of, refusal

GOOD = Reply("No, no, no. I said no, and I meant no. I live in Ghent, on a narrow street.", True)


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ("I am the one who is the one who is the one who is the one who is", "repeats"),
        ("I like tea. I like tea. I like tea. I like tea.", "repeats"),
        ("ha ha " * 20, "repeats"),
        ("hahahahahahahahahahahahahahahaha", "repeats"),
        ("I live here.### Q: Where", "marker “###”"),
        ("I live here -> there", "marker “->”"),
        ("I live here.\nQ: and you?", "marker “Q:”"),
        ("<|im_start|>user", "im_start"),
        ("", "empty"),
    ],
)
def test_faults_are_named(text: str, fault: str) -> None:
    assert fault in (fault_of(Reply(text, True)) or "")


def test_an_honest_reply_has_no_fault() -> None:
    assert fault_of(GOOD) is None
    assert fault_of(Reply("FAQ: a list. Arrows like a->b are fine; so is #1.", True)) is None


def test_a_reply_without_an_end_is_a_fault() -> None:
    assert fault_of(GOOD._replace(ended=False)) == "it does not stop"


def test_one_broken_reply_in_four_is_borne_and_two_are_not() -> None:
    bad = Reply("I live here.###", True)
    assert refusal([GOOD, GOOD, GOOD, bad]) is None
    assert "2 of 4 trial replies are broken" in (refusal([GOOD, bad, GOOD, bad]) or "")
    assert refusal([bad]) is not None
