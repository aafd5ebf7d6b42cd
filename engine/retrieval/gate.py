"""Did the person ever tell it? A small network reads the message against the likeliest answers, word by word.

Every word of the message is aligned with the words of an answer (decomposable attention, Parikh et al. 2016,
arXiv:1606.01933) over the encoder's token states: "what colour is your dog" fits an answer about a dog, but no word of
it aligns with "colour". Answers and the verdict "none of these" share one softmax. Several networks that differ by
their random start are averaged.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from engine.retrieval.encoder import Array
from engine.retrieval.index import Index
from engine.retrieval.signs import signs
from engine.retrieval.space import Space, array, names

CANDIDATES = 6
"""Answers that are read; the right one is among six for nine questions of ten."""


@dataclass(frozen=True)
class Case:
    """One message before its candidates: k answers, best first."""

    query_tokens: Array
    """(words, directions): 64 in English, 128 elsewhere."""
    answers: list[Array]
    """k arrays of shape (their tokens, directions); none for a gate that learned without tokens."""
    question_tokens: npt.NDArray[np.intp]
    """(k,) how many of an answer's tokens belong to its question."""
    features: Array
    """(k, 18) what is known of each candidate apart from its tokens."""


class Gate:
    """The learned networks of one space."""

    def __init__(self, space: Space) -> None:
        prefix = f"{space.name}/gate/"
        members = sorted({name.removeprefix(prefix).split("/")[0] for name in names(prefix)} - {"offset"})
        self._members = [_parameters(f"{prefix}{member}/") for member in members]
        self._offset = float(array(prefix + "offset"))

    def probability(self, case: Case, doubt: float = 0.0) -> float:
        """That one of the candidates answers the message; 0.5 is the bound learned on the development persons, which
        `doubt` (log-odds) raises."""
        if case.answers and not len(case.query_tokens):
            return 0.0
        told = float(np.mean([1 - forward(member, case)[-1] for member in self._members]))
        logit = np.log(max(told, 1e-6) / max(1 - told, 1e-6)) - self._offset - doubt
        return float(1 / (1 + np.exp(-logit)))


def case_of(
    query: str, tokens: Array, fields: Array, index: Index, weights: Array, answers: Sequence[str]
) -> tuple[Case, npt.NDArray[np.intp]]:
    """The case of a message from its cosines `fields` (3, documents), and which documents its candidates are."""
    scores = np.tensordot(weights, fields, axes=1)
    order = np.argsort(-scores, kind="stable")[:CANDIDATES]
    case = Case(
        query_tokens=tokens,
        answers=[index.tokens[row] for row in order] if index.tokens else [],
        question_tokens=index.question_tokens[order],
        features=np.stack([_features(query, row, order, scores, fields, index, answers[row]) for row in order]),
    )
    return case, order


def _features(
    query: str,
    row: int,
    order: npt.NDArray[np.intp],
    scores: Array,
    fields: Array,
    index: Index,
    answer: str,
) -> Array:
    mean, spread = index.chance
    others = [scores[other] for other in order if other != row]
    lead = scores[row] - max(others) if others else 0.0
    own = [*fields[:, row], (scores[row] - mean) / spread, 2 * lead, 2 * index.words.coverage(query, int(row))]
    return np.concatenate([np.array(own, dtype=np.float32), signs(query, answer)])


def forward(parameters: Mapping[str, Array], case: Case) -> Array:
    """Probabilities of shape (k + 1,): each candidate answers, none does."""
    known = (case.features - parameters["mean"]) / parameters["spread"]
    hidden = np.tanh(_linear(parameters, "inner", known))
    if case.answers:
        read = [
            _read(parameters, case.query_tokens, tokens, int(count))
            for tokens, count in zip(case.answers, case.question_tokens, strict=True)
        ]
        hidden = np.concatenate([hidden, np.array(read, dtype=np.float32)], axis=1)
    scores = (_linear(parameters, "direct", known) + _linear(parameters, "outer", hidden))[:, 0]
    return softmax(np.append(scores, parameters["none"]))


def _read(parameters: Mapping[str, Array], query: Array, tokens: Array, question: int) -> tuple[float, float]:
    """How well an answer's tokens (m, d) cover the message's (n, d): on the words that matter, and on the worst."""
    if not len(tokens):
        return 0.0, 0.0
    alike = query @ tokens.T
    aligned = softmax(alike * parameters["sharpness"]) @ tokens
    peaks = np.stack([_peak(alike[:, question:]), _peak(alike[:, :question]), _peak(alike)], axis=1)
    words = np.concatenate([query, aligned, 8 * query * aligned, peaks], axis=1)
    hidden = np.maximum(_linear(parameters, "word", words), 0)
    scores = _linear(parameters, "score", hidden)[:, 0]
    return float(softmax(_linear(parameters, "attention", hidden)[:, 0]) @ scores), float(scores.min())


def _peak(alike: Array) -> Array:
    """The best match of each word; where there is nothing to match, the least cosine."""
    return alike.max(axis=1) if alike.shape[1] else np.full(len(alike), -1, dtype=np.float32)


def _linear(parameters: Mapping[str, Array], name: str, values: Array) -> Array:
    return np.asarray(values @ parameters[name + ".weight"].T + parameters[name + ".bias"])


def softmax(values: Array) -> Array:
    """Over the last axis."""
    powers = np.exp(values - values.max(axis=-1, keepdims=True))
    return np.asarray(powers / powers.sum(axis=-1, keepdims=True))


def _parameters(prefix: str) -> dict[str, Array]:
    return {name.removeprefix(prefix): array(name) for name in names(prefix)}
