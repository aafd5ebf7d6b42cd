"""Verdicts on replies, with the rule that decided."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fidelity.measures.facts import Outcome, judge, key_terms, names, opposites_read, shares
from fidelity.measures.items import Fact
from fidelity.measures.numbers import numbers

CASES = [
    # question, own answer, reply, outcome, a code among the reasons
    ("What's the cat called?", "Our cat is called Pedal and he is fat.", "Pedal.", "right", "same_name"),
    ("What's the cat called?", "Our cat is called Pedal.", "The cat is called Whiskers.", "wrong", "other_name"),
    ("How many metronomes?", "I own thirty-seven metronomes.", "I have 37 of them.", "right", "same_number"),
    ("How many metronomes?", "I own thirty-seven metronomes.", "I have 12 of them.", "wrong", "other_number"),
    ("How many metronomes?", "I own 37, since 2003.", "37, from 12 countries.", "unclear", "other_number"),
    ("Do I bring wine?", "No, I stopped drinking, I don't drink wine.", "Yes, I drink wine gladly.", "wrong", "denied"),
    ("Do I bring wine?", "No, I stopped drinking.", "Yes, please.", "wrong", "opposite"),
    ("When do you rise?", "I get up early, at dawn.", "I get up late, at noon.", "wrong", "opposite"),
    ("What do you do?", "I tune and repair pianos in schools.", "I repair pianos, tuning them.", "right", "same_words"),
    ("What do you do?", "I tune and repair pianos in schools.", "I sell insurance.", "wrong", "other_words"),
    ("Your fear?", "Moths. I can climb a ladder, but a moth makes me call Bas.", "Moths.", "right", "same_words"),
    ("What do you do?", "I tune pianos in schools.", "I teach music in schools and homes.", "unclear", "few_words"),
    ("What do you do?", "I repair pianos.", "I repair pianos, lamps, clocks, bicycles.", "unclear", "few_words"),
    ("What do you do?", "I tune pianos for Joost.", "I tune pianos, Heaven knows.", "unclear", "other_name"),
    ("Your van?", "A mustard van.", "I don't know.", "unknown", "says_unknown"),
    ("Your van?", "", "I never told it that.", "unknown", "says_unknown"),
    ("Your van?", "", "A red one.", "wrong", "made_up"),
    ("Your van?", "A mustard van.", " ", "unclear", "empty"),
    ("Кот?", "Нашего кота зовут Пушок, он рыжий.", "Кота зовут Пушок.", "right", "same_name"),
    ("Сколько вам лет?", "Мне сорок три года.", "Мне 43.", "right", "same_number"),
    ("Сколько вам лет?", "Мне сорок три года.", "Мне тридцать.", "wrong", "other_number"),
    ("Кем вы работаете?", "Я чиню рояли в школах.", "Чиню рояли в музыкальных школах.", "right", "same_words"),
    ("Вино?", "Вина я не пью совсем.", "Пью вино каждый вечер.", "wrong", "denied"),
    ("Когда встаёте?", "Встаю рано.", "Встаю поздно.", "wrong", "opposite"),
    ("Ваш фургон?", "Горчичный.", "Понятия не имею.", "unknown", "says_unknown"),
    ("Ваш фургон?", "", "Я об этом не рассказывала.", "unknown", "says_unknown"),
]


@pytest.mark.parametrize(("question", "answer", "reply", "outcome", "code"), CASES)
def test_a_reply_is_judged_by_a_named_rule(question, answer, reply, outcome, code):
    found = judge(reply, Fact("x", question, answer))
    assert found.outcome == Outcome(outcome), found
    assert code in [reason.code for reason in found.reasons]


def test_a_reason_shows_the_words_it_saw():
    (reason,) = judge("I have 12 of them.", Fact("x", "How many?", "I own 37.")).reasons
    assert (reason.code, reason.terms) == ("other_number", ("12",))


def test_to_say_that_one_does_not_know_may_be_the_persons_own_answer():
    found = judge("I don't know, dreams bore me.", Fact("x", "Your dream?", "I don't know, dreams bore me."))
    assert found.outcome == Outcome.RIGHT


def test_the_words_of_the_question_prove_nothing():
    assert "cat" not in key_terms("The cat is Pedal", "What is the cat called?")
    assert judge("The cat is a cat.", Fact("x", "Which cat?", "The cat is Pedal.")).outcome != Outcome.RIGHT


@pytest.mark.parametrize("answer", ["I was born in Den Helder in 1979, on a Wednesday.", "Я родом из Коврова, города."])
def test_the_own_answer_is_right(answer):
    assert judge(answer, Fact("x", "Where from?", answer)).outcome == Outcome.RIGHT


@given(st.text(), st.text(), st.text())
def test_any_text_gets_a_verdict_with_a_reason(question, answer, reply):
    found = judge(reply, Fact("x", question, answer))
    assert found.reasons
    assert found.outcome == Outcome.UNCLEAR or answer.strip() or found.outcome in (Outcome.UNKNOWN, Outcome.WRONG)


def test_shares_count_every_outcome():
    verdicts = [judge(reply, Fact("x", "Age?", "43")) for reply in ("43", "44", "No idea", "45")]
    found = shares(verdicts)
    assert (found[Outcome.RIGHT], found[Outcome.WRONG], found[Outcome.UNKNOWN]) == (0.25, 0.5, 0.25)
    assert set(shares([]).values()) == {0}


def test_names_are_capitals_inside_a_sentence():
    assert set(names("My brother Joost lives in Denmark. Pianos are loud. WE WON").values()) == {"Joost", "Denmark"}


def test_opposites_exclude_each_other_both_ways():
    table = opposites_read()
    assert all(one in table[other] for one, others in table.items() for other in others)
    assert not [one for one, others in table.items() if one in others]


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("forty-three", {43}),
        ("two hundred and five", {200, 5}),
        ("two hundred five, then 1,200 and 12 500", {205, 1200, 12500}),
        ("сорок три", {43}),
        ("сорока трёх лет", {43}),
        ("двести тысяч и две тысячи пять", {200000, 2005}),
        ("one of them, одна из них", set()),
        ("1 cat", set()),
        ("twenty-one", {21}),
        ("in 2003, three cats, 12 dogs", {2003, 3, 12}),
        ("nine ten", {9, 10}),
        ("a hundred", {100}),
        ("²", set()),
    ],
)
def test_numbers_are_read_in_digits_and_words(text, found):
    assert numbers(text) == found


@given(st.integers(2, 999_999))
def test_digits_are_read_as_they_stand(number):
    assert numbers(f"I have {number} of them") == {number}
    assert numbers(f"I have {number:,} of them") == {number}
