"""Messages that ask what a question of the bank asks, and what ranking makes of them."""

from __future__ import annotations

import numpy as np
import pytest

from engine.retrieval import Retriever, index
from engine.retrieval.askings import Askings, askings_save
from engine.retrieval.encoder import Encoder
from engine.retrieval.tuning.askings import Asked, asked_read
from tests.engine.test_retrieval_ranker import Answer

LEAST = 7
LONGEST = 90  # characters


@pytest.fixture(scope="module")
def asked() -> list[Asked]:
    return list(asked_read())


def test_every_question_of_the_bank_has_messages_in_both_languages(asked: list[Asked]) -> None:
    for one in asked:
        for messages in (one.english, one.russian):
            assert LEAST <= len(set(messages)) == len(messages), one.slug
            assert max(map(len, messages)) <= LONGEST, one.slug
        assert not {text.casefold() for text in one.texts} & {text.casefold() for text in one.english + one.russian}


def test_the_vectors_are_those_of_the_messages(asked: list[Asked]) -> None:
    """After a change of a text: `python -m engine.retrieval.tuning.askings`."""
    english, multilingual = Askings("english"), Askings("multilingual")
    encoder = Encoder()
    for one in asked:
        for text in one.texts:
            assert len(english.of([text])) == len(one.english), one.slug
            assert len(multilingual.of([text])) == len(one.russian), one.slug
    for one in asked[::60]:
        alike = (encoder.embed(one.english) * english.of(one.texts[:1])).sum(axis=1)
        assert alike.min() > 0.999, one.slug


def test_an_own_question_has_none_and_a_wording_in_other_case_has() -> None:
    assert Askings("english").of(["What is written on the inside of your watch?"]) is None
    assert Askings("english").of(["Something of my own", "  who ARE you? "]) is not None


def test_a_message_that_shares_no_word_with_question_and_answer_finds_it(tmp_path, monkeypatch) -> None:
    answers = [
        Answer(("How do you earn a living, and how would you explain it to a child?",), "I tune pianos in schools."),
        Answer(("What is the bravest thing you have done, and what pushed you?",), "I paid my brother's bail."),
    ]
    message = "What keeps the wolf from the door?"
    encoder = Encoder()
    keys = [(answers[0].questions[0], 0)]
    askings_save(keys, {"english": [encoder.embed([message, "Who signs your cheques?"])]}, tmp_path / "askings.npz")
    monkeypatch.setattr("engine.retrieval.askings.FILE", tmp_path / "askings.npz")
    from engine.retrieval import askings

    askings._stored.cache_clear()
    try:
        found = Retriever(tmp_path / "with").rank(message, answers)
        monkeypatch.setattr(index, "ASKED", 0.0)
        without = Retriever(tmp_path / "without").rank(message, answers)
    finally:
        askings._stored.cache_clear()
    assert found.results[0].index == 0
    assert found.results[0].score > without.results[0].score + 0.1
    assert not np.isclose(found.results[0].score, found.results[1].score, atol=0.2)


def test_what_leans_on_another_message_is_read_without_them(tmp_path) -> None:
    texts = [one for one in asked_read() if one.slug in {"feelings-and-fears-fear", "money-and-things-worst-buy"}]
    answers = [
        Answer((one.texts[0],), f"{answer} I think of it every week.")
        for one, answer in zip(texts, ["A boat that I never sailed.", "Horses."], strict=True)
    ]
    ranking = Retriever(tmp_path).rank("And why?", answers, context="What's the scariest animal for you?")
    assert answers[ranking.results[0].index].answer.startswith("Horses")
