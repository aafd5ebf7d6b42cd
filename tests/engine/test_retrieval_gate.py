"""The gate's network in numpy against its trainable form, and the signs it looks at."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from engine.retrieval.gate import Case, forward
from engine.retrieval.signs import COUNT, asked, signs
from engine.retrieval.tuning.data import parse
from engine.retrieval.tuning.network import GateNetwork, arrays_of

FEATURES, WIDTH = 18, 8


def make_case(generator: np.random.Generator, words: int, lengths: list[int]) -> Case:
    def tokens(count: int) -> np.ndarray:
        values = generator.normal(size=(count, WIDTH)).astype(np.float32)
        return values / np.linalg.norm(values, axis=1, keepdims=True)

    return Case(
        query_tokens=tokens(words),
        answers=[tokens(length) for length in lengths],
        question_tokens=np.array([length // 2 for length in lengths]),
        features=generator.normal(size=(len(lengths), FEATURES)).astype(np.float32),
    )


@pytest.mark.parametrize("width", [0, WIDTH])
def test_numpy_computes_what_was_trained(width: int) -> None:
    generator = np.random.default_rng(0)
    torch.manual_seed(0)
    scale = generator.normal(size=(50, FEATURES)).astype(np.float32)
    network = GateNetwork(scale, width).eval()
    cases = [make_case(generator, words, lengths) for words, lengths in [(3, [4, 9, 6, 5, 8, 7]), (7, [5, 12])]]
    if not width:
        cases = [Case(case.query_tokens, [], case.question_tokens, case.features) for case in cases]
    with torch.no_grad():
        expected = network(cases).exp().numpy()
    parameters = arrays_of(network)
    np.testing.assert_allclose(forward(parameters, cases[0]), expected[0], atol=1e-5)
    np.testing.assert_allclose(forward(parameters, cases[1]), expected[1][[0, 1, 6]], atol=1e-5)


@pytest.mark.parametrize(
    ("query", "kinds"),
    [
        ("How many sugars do you take?", [True, False, False, False, False]),
        ("What colour is your dog?", [False, True, False, False, False]),
        ("Who is that?", [False, False, True, False, False]),
        ("Can you swim?", [False, False, False, True, False]),
        ("Why did you stop?", [False, False, False, False, True]),
        ("Сколько вам лет?", [True, False, False, False, False]),
    ],
)
def test_the_kind_of_a_question_is_read(query: str, kinds: list[bool]) -> None:
    assert asked(query) == kinds


def test_signs_say_whether_the_answer_has_what_is_asked() -> None:
    has = signs("What colour is your van?", "A mustard-yellow one.")
    lacks = signs("What colour is your van?", "It starts when it wants.")
    assert len(has) == len(lacks) == COUNT
    assert (has[7], has[8]) == (1, 0)
    assert (lacks[7], lacks[8]) == (0, 1)


def test_a_person_is_parsed_and_a_bad_line_is_named() -> None:
    person = parse("x", "# a note\n= Where? | Here.\n+ In what place?\n- Since when?\n? And the weather?\n")
    assert person.answers[0].questions == ("Where?",)
    assert person.asked == [("In what place?", [0])]
    assert person.unknown == ["Since when?", "And the weather?"]
    with pytest.raises(ValueError, match=r"x\.txt, line 2"):
        parse("x", "= Where? | Here.\n* what\n")
