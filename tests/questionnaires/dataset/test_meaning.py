"""Which sentences are taken for a contradiction. The vectors are the encoder's business: here all are alike."""

import numpy as np
import pytest

from questionnaires.dataset.meaning import Likeness, compare, sentences


def found(*answers, cosine=1.0):
    """Pairs (kind, one, other) where each sentence has this cosine with each other."""
    counts = [len(sentences(answer)) for answer in answers]
    total = sum(counts)
    rows = np.full((total, total), cosine) + np.eye(total) * (1 - cosine)
    vectors = np.linalg.cholesky(rows + np.eye(total) * 1e-6).astype(np.float32)
    parts = np.split(vectors, np.cumsum(counts)[:-1])
    return [(pair.kind, pair.one, pair.other) for pair in compare(answers, parts, Likeness(0.95, 0.5))]


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("I have two brothers.", "I grew up with three brothers in a small house."),
        ("I don't eat meat.", "Nobody cooks like me, and I eat meat almost every day."),
        ("I love flying.", "I hate flying more than the dentist."),
        ("I always get up early.", "I never get up early if I can help it."),
        ("I was born in 1979.", "I was born in 1981, in a snowstorm."),
        ("I have never been married.", "I have been married for ten years."),
        ("У меня два брата.", "Я вырос с тремя братьями. У меня три брата."),
        ("Я не ем мясо.", "Я ем мясо почти каждый день."),
        ("Я люблю летать.", "Я ненавижу летать на самолётах."),
    ],
)
def test_a_contradiction_is_found_in_either_order(one, other):
    assert found(one, other, cosine=0.7) == [("contradiction", 0, 1)]
    assert found(other, one, cosine=0.7) == [("contradiction", 0, 1)]


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("I have two brothers.", "I have two brothers and three sisters."),
        ("I don't eat meat.", "I never eat meat."),
        ("I don't like flying.", "I dislike flying."),
        ("I lived there for six years.", "I lived there from 1990 on."),
        ("I like old films.", "My mother does not wear my old coat."),
        ("I work at night, and I can't sleep then.", "I work at night."),
        ("Я люблю зиму.", "Сестра не любит зиму и снег в городе."),
    ],
)
def test_what_agrees_is_left_alone(one, other):
    assert found(one, other, cosine=0.7) == []


def test_sentences_about_different_things_are_not_compared():
    assert found("I have two brothers.", "I have three brothers.", cosine=0.3) == []


def test_two_sentences_of_one_answer_are_its_own_business():
    assert found("I eat meat. I don't eat meat.", "So what?", cosine=0.7) == []


def test_long_answers_with_one_meaning_are_named_and_short_ones_are_not():
    long = "I went down to the harbour every morning"
    assert found(long, "Each day before breakfast I walked to the boats", "Yes I did") == [("same_meaning", 0, 1)]


def test_answers_without_a_sentence_are_no_trouble():
    assert found("Yes", "No", "") == []
