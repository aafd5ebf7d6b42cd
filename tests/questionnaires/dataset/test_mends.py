"""What one click makes of an answer."""

import pytest

from questionnaires.dataset import Finding, Item, check
from questionnaires.dataset.findings import RULES
from questionnaires.dataset.mends import mend_of, mended, sentence_case

PADDING = [Item(f"What about {n}?", f"{n} is a thing that I like a lot", source=n) for n in "abcdefghijkl"]


def after(code, *items):
    """The texts that mending the finding of that code gives."""
    found = next(found for found in check([*PADDING, *items]) if found.code == code)
    return mended(found, [*PADDING, *items])


@pytest.mark.parametrize(
    ("code", "answer", "text"),
    [
        ("password", "My PIN is 4711, do not tell.", "My PIN is […] do not tell."),
        ("phone", "Ring +7 912 345-67-89 or +44 20 7946 0018 at home", "Ring […] or […] at home"),
        ("email", "Write to ada@example.org or not at all", "Write to […] or not at all"),
        ("full_name", "My best friend Anna Petrova taught me", "My best friend Anna P. taught me"),
        ("upper_case", "I AM ADA. AND I'M LOUD, I KNOW!", "I am ada. And I'm loud, I know!"),
    ],
)
def test_an_answer_is_mended_and_the_finding_is_gone(code, answer, text):
    item = Item("Who?", answer, source="x")
    assert after(code, item) == {"x": text}
    assert code not in {found.code for found in check([*PADDING, Item("Who?", text, source="x")])}


def test_the_repeated_answer_is_set_aside_and_not_the_first():
    copy = Item("Another?", PADDING[3].answer, source="x")
    assert after("duplicate_answer", copy) == {"x": ""}


def test_a_beginning_is_cut_from_all_answers_at_a_word():
    items = [Item(f"{n}?", f"Well, to be honest, {n} words it is", source=n) for n in ("two", "three", "ten")]
    found = Finding("answers_begin_alike", where="answer", params={"text": "Well, to be honest, t"})
    assert mended(found, items) == {n: f"{n.title()} words it is" for n in ("two", "three", "ten")}


def test_an_answer_that_is_nothing_but_the_beginning_stays():
    items = [Item("a?", "Well, ", source="a"), Item("b?", "Well, yes", source="b")]
    assert mended(Finding("answers_begin_alike", where="answer"), items) == {"b": "Yes"}


def test_what_is_gone_is_not_mended():
    assert mended(Finding("phone", "gone", "answer"), PADDING) == {}


def test_questions_are_not_changed_from_here():
    assert {code for code in RULES if mend_of(Finding(code, "x", "question"))} == {"duplicate_item"}


def test_small_letters_in_russian():
    assert sentence_case("Я ТУТ. А ТЫ?\n- ДА", "ru") == "Я тут. А ты?\n- Да"
