"""The persons of benchmarks/data/grounding, and how their replies are counted."""

from __future__ import annotations

from pathlib import Path

import pytest

from benchmarks.grounding import Heard, has_keys, report_of
from benchmarks.grounding_persons import FOLDER, persons_read
from engine.retrieval.tuning import data


def test_the_persons_are_whole_and_nothing_learns_from_them() -> None:
    persons = persons_read([])
    assert [person.language for person in persons] == ["en", "ru"]
    for person in persons:
        assert (len(person.told), len(person.facts)) == (80, 25)
        assert (len(person.never), len(person.dialogues)) == (20, 10)
        assert all(25 <= len(told.answer.split()) <= 60 for told in person.told)
    learned = {
        answer.answer
        for person in [*data.written_persons(), *data.written_persons(data.MORE), *data.written_persons(data.RUSSIAN)]
        for answer in person.answers
    } | {answer.answer for person in data.development_persons() for answer in person.answers}
    assert not learned & {told.answer for person in persons for told in person.told}


def test_the_keys_of_a_fact_stand_in_an_answer_that_tells_it() -> None:
    for person in persons_read([]):
        for fact in [*person.facts, *person.dialogues]:
            told = " ".join(person.told[place].answer for place in person.places(fact))
            assert has_keys(
                told, [max(key.split("|"), key=lambda form: form.casefold() in told.casefold()) for key in fact.keys]
            ), fact


def test_a_fact_is_right_if_the_reply_says_its_keys_and_nothing_else_is() -> None:
    person = persons_read([FOLDER / "colin.yaml"])[0]
    right = {fact.ask: (person.places(fact)[0], fact.keys) for fact in [*person.facts, *person.dialogues]}

    def knows(text: str, context: str | None) -> Heard:
        place, keys = right.get(text, (0, ()))
        return Heard(text in right, (place,), " ".join(key.split("|")[-1] for key in keys))

    best, worst = report_of(person, knows), report_of(person, lambda text, context: Heard(True, (79,), "Well."))
    cells = best.markdown().split(" | ")
    assert cells[1:4] == ["25 of 25", "25", "25"]
    assert cells[5:] == ["0 of 25", "20 of 20", "10 of 10 |"]
    cells = worst.markdown().split(" | ")
    assert cells[1:4] == ["0 of 25", "0", "0"]
    assert cells[5:] == ["0 of 25", "0 of 20", "0 of 10 |"]


def test_a_fact_that_rests_on_nothing_is_named(tmp_path: Path) -> None:
    bad = tmp_path / "x.yaml"
    text = (FOLDER / "colin.yaml").read_text("utf-8").replace("answer: family-father\n", "answer: family-fahter\n", 1)
    bad.write_text(text, "utf-8")
    with pytest.raises(ValueError, match="family-fahter"):
        persons_read([bad])
