"""Ranking a person's answers for a chat message."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest

from engine.follow_up import needs_context
from engine.retrieval import Retriever
from engine.retrieval.bm25 import BM25, terms
from engine.retrieval.encoder import Encoder
from engine.retrieval.multilingual import MultilingualEncoder, is_english, is_latin


@dataclass(frozen=True)
class Answer:
    questions: tuple[str, ...]
    answer: str


ENGLISH = [
    Answer(("Where do you live?",), "In Porto, above a bakery. The stairs are steep."),
    Answer(("Do you have pets?",), "A one-eyed grey cat named Pedal."),
    Answer(("What food do you refuse?",), "I can't stand coconut in any form."),
    Answer(("What do you do for a living?",), "I tune pianos in schools and private homes."),
]
RUSSIAN = [
    Answer(("Где вы живёте?",), "В Казани, на тихой улице у реки."),
    Answer(("Есть ли у вас домашние животные?",), "Рыжий кот по имени Барсик."),
    Answer(("Кем вы работаете?",), "Я чиню велосипеды в небольшой мастерской."),
]


@pytest.fixture(scope="module")
def retriever(tmp_path_factory: pytest.TempPathFactory) -> Retriever:
    return Retriever(tmp_path_factory.mktemp("cache"))


@pytest.mark.parametrize(
    ("query", "expected"),
    [("What's the cat called?", 1), ("Which town is your home in?", 0), ("What is your profession?", 3)],
)
def test_a_reworded_question_finds_its_answer(retriever: Retriever, query: str, expected: int) -> None:
    ranking = retriever.rank(query, ENGLISH)
    assert ranking.results[0].index == expected
    assert len(ranking.results) == 3
    assert ranking.results[0].score >= ranking.results[1].score


@pytest.mark.parametrize(("query", "expected"), [("Как зовут вашего кота?", 1), ("В каком городе ваш дом?", 0)])
def test_russian_works_too(retriever: Retriever, query: str, expected: int) -> None:
    assert retriever.rank(query, RUSSIAN).results[0].index == expected


def test_the_own_question_is_known_and_a_strange_one_is_not(retriever: Retriever) -> None:
    own = retriever.rank("Do you have pets?", ENGLISH)
    strange = retriever.rank("How many fjords did Magellan chart?", ENGLISH)
    assert own.known
    assert not strange.known
    assert own.probability > strange.probability


def test_a_follow_up_leans_on_the_turn_before(retriever: Retriever) -> None:
    assert retriever.rank("And its colour?", ENGLISH, context="What's your cat's name?").results[0].index == 1
    assert needs_context("and why?")
    assert needs_context("What is she called these days?")
    assert not needs_context("Which town would I travel to if I wanted to visit you?")


@pytest.mark.parametrize(
    "query",
    ["How did you two meet?", "How long did that take?", "How old were you then?", "Как вы с ней познакомились?"],
)
def test_words_that_point_back_lean_on_the_turn_before(query: str) -> None:
    assert needs_context(query)


@pytest.mark.parametrize("query", ["Do you think that people often lie?", "Какая музыка вам нравится больше всего?"])
def test_a_whole_question_stands_alone(query: str) -> None:
    assert not needs_context(query)


def test_a_new_topic_ignores_the_turn_before(retriever: Retriever) -> None:
    alone = retriever.rank("Which job pays your rent each month?", ENGLISH)
    after = retriever.rank("Which job pays your rent each month?", ENGLISH, context="What's your cat's name?")
    assert alone == after


def test_a_follow_up_counts_as_told_if_what_it_follows_was(retriever: Retriever) -> None:
    """Read alone, "And how old is she?" was refused, although the question before it had been answered."""
    alone = retriever.rank("And how old is she?", ENGLISH)
    told = retriever.rank("And how old is she?", ENGLISH, context="Do you have pets?")
    never = retriever.rank("And how old is she?", ENGLISH, context="How many fjords did Magellan chart?")
    assert told.known
    assert told.results[0].index == 1
    assert told.probability > max(alone.probability, never.probability)


@pytest.mark.parametrize("query", ["Do you have any pets?", "so where do you live"])
def test_nearly_the_own_question_is_known(retriever: Retriever, query: str) -> None:
    assert retriever.rank(query, ENGLISH).probability == 1.0


def test_nothing_told_is_nothing_known(retriever: Retriever) -> None:
    ranking = retriever.rank("Where do you live?", [])
    assert (ranking.results, ranking.probability, ranking.known) == ([], 0.0, False)


@pytest.mark.parametrize("query", ["\u200b\u200b", "?", "🙂", "a" * 5000])
def test_odd_messages_are_ranked_without_failing(retriever: Retriever, query: str) -> None:
    assert len(retriever.rank(query, ENGLISH).results) == 3


def test_vectors_are_of_unit_length(retriever: Retriever) -> None:
    vectors = retriever.embed(["A cat.", "Two dogs and a horse."])
    assert vectors.shape == (2, 384)
    assert vectors.dtype == np.float32
    np.testing.assert_allclose(np.linalg.norm(vectors, axis=1), 1, atol=1e-5)


def test_a_set_is_encoded_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    first = Retriever(tmp_path)
    before = first.rank("What's the cat called?", ENGLISH)
    second = Retriever(tmp_path)
    encoded: list[str] = []
    original = Encoder.states
    monkeypatch.setattr(Encoder, "states", lambda self, texts: encoded.extend(texts) or original(self, texts))
    after = second.rank("What's the cat called?", ENGLISH)
    assert encoded == ["What's the cat called?"]
    assert [hit.index for hit in after.results] == [hit.index for hit in before.results]


def test_an_edited_answer_alone_is_encoded_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    Retriever(tmp_path).prepare(ENGLISH)
    edited = [Answer(("Where do you live?",), "In Faro, near the harbour."), *ENGLISH[1:]]
    expected = Retriever(tmp_path / "fresh").rank("What is your profession?", edited)
    encoded: list[str] = []
    original = Encoder.states
    monkeypatch.setattr(Encoder, "states", lambda self, texts: encoded.extend(texts) or original(self, texts))
    second = Retriever(tmp_path)
    second.prepare(edited)
    assert encoded == ["In Faro, near the harbour.", "Where do you live? In Faro, near the harbour."]
    ranking = second.rank("What is your profession?", edited)
    assert [hit.index for hit in ranking.results] == [hit.index for hit in expected.results]
    assert ranking.results[0].score == pytest.approx(expected.results[0].score, abs=0.01)


def test_russian_texts_known_before_are_not_encoded_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    Retriever(tmp_path).prepare(RUSSIAN)
    encoded: list[str] = []
    original = MultilingualEncoder.states
    monkeypatch.setattr(
        MultilingualEncoder, "states", lambda self, texts: encoded.extend(texts) or original(self, texts)
    )
    Retriever(tmp_path).prepare(RUSSIAN[::-1])
    assert encoded == []


def test_bm25_knows_inflected_forms() -> None:
    scores = BM25(["I tuned a piano.", "Кошки спят.", "Nothing."]).scores("tuning pianos")
    assert scores[0] > 0
    assert scores[1] == scores[2] == 0
    assert terms("кошками") == terms("кошка")


@pytest.mark.parametrize(
    ("text", "english"),
    [
        ("What would you do if you had a free day and no money at all?", True),
        ("Где вы живёте?", False),
        ("Ich wohne seit zwanzig Jahren in einem kleinen Haus am Rand der Stadt", False),
        ("Pedal?", True),
    ],
)
def test_language_of_answers_is_told_apart(text: str, english: bool) -> None:
    assert is_english([text]) is english


def test_a_message_stays_with_english_answers_unless_its_script_is_another() -> None:
    assert is_latin("Got somebody special waiting at home tonight, lad?")
    assert is_latin("Café Müller?")
    assert not is_latin("Где вы живёте, Nora?")
