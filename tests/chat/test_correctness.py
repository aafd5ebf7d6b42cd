"""Which replies may be shown. Pure."""

import pytest

from chat.correctness import Fault, fault_of

NOTE = "I grew up by the sea, in Nida, with my aunt and her three boats."
LOOP = "I went to the shop with my brother and " * 4


def fault(text, question="Where did you grow up?", said=(NOTE,), **more):
    return fault_of(text, question=question, said=said, **more)


@pytest.mark.parametrize(
    "text",
    [
        "By the sea.",
        "In Nida",  # a person may leave the full stop out
        "42",
        "Nida! 🙂",
        "«У моря», as my aunt used to say by the sea.",
        "It is the place that I come from.",
    ],
)
def test_a_plain_reply_is_shown(text):
    assert fault(text) is None


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", Fault.EMPTY),
        (" … ", Fault.EMPTY),
        ("By the sea. <|im_end|>", Fault.MARKER),
        ("By the sea.### Q: And you?", Fault.MARKER),
        ("By the sea.\nUser: And you?", Fault.MARKER),
        ("I am Colin. These are your own words: - A ferry.", Fault.MARKER),
        ("Where did you grow up?", Fault.ECHO),
        ("where did you grow up", Fault.ECHO),
        (LOOP, Fault.LOOP),
        ("Я вырос у моря, в Ниде, с тётей.", Fault.LANGUAGE),
        ("I grew up by the sea, because the", Fault.ENDING),
        ("I grew up by the sea,", Fault.ENDING),
    ],
)
def test_what_is_wrong_has_a_name(text, expected):
    assert fault(text) is expected


def test_the_person_s_own_words_are_no_fault():
    said = ["Press ### and then: a -> b. And the"]
    assert fault("Press ### and then: a -> b. And the", said=said) is None
    asked = "Tell me where did you grow"
    assert fault(asked, question=asked, said=[asked]) is None


def test_the_language_is_that_of_the_person_s_words_and_without_any_that_of_the_question():
    russian = "Я вырос у моря, в Ниде, вместе с тётей."
    assert fault(russian, said=[russian]) is None
    assert fault("I grew up by the sea in Nida.", said=[russian]) is Fault.LANGUAGE
    assert fault("Thank you, I am doing very well.", question="Как у тебя дела сегодня?", said=()) is Fault.LANGUAGE
    assert fault("何が好きですか。海のそばで育ちました。", question="何が好きですか", said=()) is None


def test_a_reply_cut_at_the_longest_length_may_end_anywhere():
    assert fault("I grew up by the sea because the", finish="length") is None
