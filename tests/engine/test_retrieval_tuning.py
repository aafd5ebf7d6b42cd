"""What is learned is what is used: the trainable ranking against the one in numpy."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from engine.retrieval.documents import joint
from engine.retrieval.encoder import Encoder
from engine.retrieval.index import IndexStore
from engine.retrieval.space import WEIGHTS, TokenProjection, english_of
from engine.retrieval.tuning import ranking
from engine.retrieval.tuning.data import Person, parse
from engine.retrieval.tuning.ranking import RankingModel, arrays_of, mean_of

PERSON = """
= Where do you live? | In Porto, above a bakery. The stairs are steep.
+ Which town is your home in?
= Do you have pets? | A one-eyed grey cat named Pedal.
+ What's the cat called?
= What do you do for a living? | I tune pianos in schools and private homes.
+ Which job pays your rent?
"""
BF16 = 0.04
"""A score is a sum of cosines up to 4; the trainable encoder computes in bfloat16, with 8 bits of precision."""


@pytest.fixture(scope="module")
def person() -> Person:
    return parse("x", PERSON)


@pytest.fixture(scope="module")
def model() -> RankingModel:
    """A model moved away from its start, as training would."""
    torch.manual_seed(0)
    states = np.concatenate(Encoder().states(["Where do you live, and with whom?", "Tell me about your work."]))
    directions = np.linalg.qr(np.random.default_rng(0).normal(size=(384, 64)))[0].astype(np.float32)
    model = RankingModel(TokenProjection(states.mean(axis=0), directions))
    model.eval()
    with torch.no_grad():
        for values in [*model.encoder.up.parameters(), model.adapter.query_b, model.adapter.document_b]:
            values.normal_(0, 0.01)
    return model


def test_the_score_that_is_learned_is_the_score_that_ranks(model: RankingModel, person: Person, tmp_path: Path) -> None:
    with torch.no_grad():
        learned = model.adapter(model.lesson(model.texts(person), range(len(person.answers)))).numpy()
    space = english_of(arrays_of(model), "test")
    assert isinstance(space.encoder, Encoder)
    assert space.projection is not None
    index = IndexStore(tmp_path).get(person.answers, space)
    states = space.encoder.states([message for message, _ in person.asked])
    vectors = space.encoder.embed([message for message, _ in person.asked])
    fields = index.fields(space.adapter.queries(vectors), [space.projection(state) for state in states])
    used = np.tensordot(space.adapter.weights, fields, axes=1)
    np.testing.assert_allclose(used, learned, atol=BF16)
    untouched = {name: values * 0 if name.endswith("/up") else values for name, values in arrays_of(model).items()}
    other = english_of(untouched, "untouched").encoder.embed([message for message, _ in person.asked])
    assert np.abs(vectors - other).max() > 0.01


def test_learning_draws_right_answers_away_from_wrong_ones(person: Person, monkeypatch: pytest.MonkeyPatch) -> None:
    projection = TokenProjection(np.zeros(384, dtype=np.float32), np.eye(384, 64, dtype=np.float32))
    monkeypatch.setattr(ranking, "EPOCHS", 6)
    monkeypatch.setattr(ranking, "WARM_UP", 1)
    learned = ranking.learn_ranking([person], projection, [("In what town is your home?", "Where do you live?")])
    untouched = {name: values * 0 if name.endswith(("/up", "_b")) else values for name, values in learned.items()}
    assert margin(person, learned) > margin(person, untouched) + 0.05


def margin(person: Person, arrays: dict[str, np.ndarray]) -> float:
    """How far the right answer's vector is nearer to the message than the wrong ones are, on average."""
    encoder = english_of(arrays, "test").encoder
    messages = encoder.embed([message for message, _ in person.asked])
    alike = messages @ encoder.embed([joint(answer) for answer in person.answers]).T
    return float(np.trace(alike) / 3 - (alike.sum() - np.trace(alike)) / 6)


def test_a_lesson_has_only_the_messages_that_its_documents_answer(model: RankingModel, person: Person) -> None:
    lesson = model.lesson(model.texts(person), [2, 0])
    assert lesson.messages.shape == (2, 384)
    assert lesson.right.tolist() == [[False, True], [True, False]]
    assert lesson.owner.tolist() == [0, 1, 1]


def test_the_mean_of_two_models_adds_the_mean_of_their_corrections() -> None:
    generator = np.random.default_rng(0)
    shapes = {"deltas/x/down": (5, 2), "deltas/x/up": (2, 7), "fields": (4,)}
    first, second = (
        {name: generator.normal(size=shape).astype(np.float32) for name, shape in shapes.items()} for _ in range(2)
    )
    mean = mean_of(first, second)
    products = [one["deltas/x/down"] @ one["deltas/x/up"] for one in (first, second, mean)]
    np.testing.assert_allclose(products[2], (products[0] + products[1]) / 2, atol=1e-5)
    np.testing.assert_allclose(mean["fields"], (first["fields"] + second["fields"]) / 2)


def test_the_shipped_weights_are_small() -> None:
    assert WEIGHTS.stat().st_size < 3_000_000
