"""Style and form, with examples computed by hand."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fidelity.measures.style import (
    form,
    leaked_marker,
    profile_distance,
    repeats_itself,
    style,
    switches_language,
    vocabulary_share,
)

TEXTS = st.lists(st.text(min_size=1), min_size=1, max_size=4)


def test_length_vocabulary_and_distance_of_a_small_example():
    # Medians 2 and 4 words; of "I sing" both words, of "You run" none stand in the answer: 2 / 4.
    found = style(["I sing", "You run"], ["I sing and dance"])
    assert (found.length_ratio, found.vocabulary) == (0.5, 0.5)
    assert 0 < found.distance < 1


def test_style_needs_words():
    with pytest.raises(ValueError, match="needs a reply"):
        style(["..."], ["I sing"])


def test_the_distance_of_two_short_profiles_is_known():
    # "abca" has abc and bca, a half each; "abcb" has abc and bcb: of three n-grams two are not shared, each 4 of 4.
    assert profile_distance(["abca"], ["abcb"]) == pytest.approx(2 / 3)
    assert profile_distance([], []) == 0


@given(TEXTS, TEXTS)
def test_distances_lie_between_0_and_1_and_have_no_direction(one, other):
    assert 0 <= profile_distance(one, other) <= 1
    assert profile_distance(one, other) == pytest.approx(profile_distance(other, one))
    assert profile_distance(one, one) == 0


@given(TEXTS)
def test_own_words_are_all_ones_own(texts):
    assert vocabulary_share(texts, texts) in (0, 1)


@pytest.mark.parametrize(
    ("reply", "ended", "is_clean"),
    [
        ("I tune pianos.", True, True),
        ("I tune pianos.###", True, True),
        ("I tune pianos.<|im_end|>", True, True),
        ("I tune pianos", False, False),
        ("I tune ### Q: What? -> pianos", True, False),
        ("It is so good and it is so good and it is so good and", True, False),
        ("I tune. Потом я иду домой.", True, False),
    ],
)
def test_form_names_what_is_broken(reply, ended, is_clean):
    assert form(reply, "en", ended).is_clean == is_clean


def test_each_fault_is_told_apart():
    found = form("Hello there. Q -> never.", "ru", False)
    assert (found.ended, found.repeats, found.marker, found.switches) == (False, False, "->", False)


def test_a_marker_is_named():
    assert leaked_marker("I said ### and") == "###"
    assert leaked_marker("Yes.\nQ: And you?") == "Q:"
    assert leaked_marker("see <|endoftext|>") == "<|"
    assert leaked_marker("FAQ: none") == ""


def test_repetition_is_seen_by_words_and_by_letters():
    assert repeats_itself("go to the shop and go to the shop and go to the shop")
    assert repeats_itself("well hahahahahahahahahahaha")
    assert not repeats_itself("I sing. I dance. I sing and dance, and then I sing.")


@pytest.mark.parametrize(
    ("text", "language", "is_switch"),
    [
        ("Люблю The Good, the Bad and the Ugly.", "ru", False),
        ("Да. I love this film.", "ru", True),
        ("Yes. Я люблю кино.", "en", True),
        ("Я живу в Гулле.", "ru", False),
        ("I am 47.", "en", False),
        ("", "ru", False),
    ],
)
def test_a_sentence_in_the_other_script_is_a_switch(text, language, is_switch):
    assert switches_language(text, language) == is_switch
