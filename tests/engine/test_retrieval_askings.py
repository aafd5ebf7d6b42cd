"""Messages that ask what a question of the bank asks, and what ranking makes of them."""

from __future__ import annotations

import pytest

from engine.retrieval import Retriever, index
from engine.retrieval import askings as shipped
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


@pytest.fixture
def askings_are(tmp_path, monkeypatch):
    """Puts other askings in the place of the shipped ones: {question: messages}."""

    def put(askings: dict[str, list[str]]) -> None:
        keys = [(question, group) for group, question in enumerate(askings)]
        vectors = [Encoder().embed(messages) for messages in askings.values()]
        askings_save(keys, {"english": vectors}, tmp_path / "askings.npz")
        monkeypatch.setattr(shipped, "FILE", tmp_path / "askings.npz")
        shipped._stored.cache_clear()

    yield put
    shipped._stored.cache_clear()


LIVING = Answer(("How do you earn a living, and how would you explain it to a child?",), "I tune pianos in schools.")
BRAVEST = Answer(("What is the bravest thing you have done, and what pushed you?",), "I paid my brother's bail.")


def test_a_message_that_shares_no_word_with_question_and_answer_finds_it(tmp_path, monkeypatch, askings_are) -> None:
    message = "What keeps the wolf from the door?"
    askings_are({LIVING.questions[0]: [message, "Who signs your cheques?"]})
    found = Retriever(tmp_path / "with").rank(message, [BRAVEST, LIVING])
    monkeypatch.setattr(index, "ASKED", 0.0)
    without = Retriever(tmp_path / "without").rank(message, [BRAVEST, LIVING])
    assert found.results[0].index == 1
    assert found.results[0].score > without.results[0].score + 0.1


def test_what_leans_on_another_message_is_read_without_them(tmp_path, askings_are) -> None:
    askings_are({LIVING.questions[0]: ["And why?"]})
    ranking = Retriever(tmp_path).rank("And why?", [LIVING, BRAVEST], context="What are you proud of?")
    assert ranking.results[0].index == 1


def test_a_reading_with_askings_must_be_surer(tmp_path, monkeypatch, askings_are) -> None:
    message = "Who signs your cheques?"
    askings_are({LIVING.questions[0]: [message]})
    usual = Retriever(tmp_path / "usual").rank(message, [LIVING, BRAVEST]).probability
    monkeypatch.setattr("engine.retrieval.space.DOUBT", 20.0)
    doubted = Retriever(tmp_path / "doubted").rank(message, [LIVING, BRAVEST]).probability
    assert usual > doubted > 0.0
