"""Turns persons into what the models learn from."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path

import numpy as np
import torch

from engine.retrieval.documents import fingerprint, passages
from engine.retrieval.encoder import Array, Encoder, save_arrays
from engine.retrieval.gate import case_of
from engine.retrieval.index import Index, assemble, encode
from engine.retrieval.space import Space, TokenProjection
from engine.retrieval.tuning.adapter import Lesson
from engine.retrieval.tuning.data import Person
from engine.retrieval.tuning.network import Example

NEVER = 1.5
"""Weight of a message that no answer fits; written by hand, hence trusted."""
HIDDEN_ANSWER = 0.4
"""Weight of a message whose answer was taken away: another answer may still touch on it."""
FAR = np.float32(-3)
"""A cosine that takes an answer out of the ranking."""


@dataclass(frozen=True)
class Encoded:
    """A person's answers as `index.encode` makes them; messages (asked, then unknown) as vectors and as tokens."""

    person: Person
    arrays: dict[str, Array]
    messages: Array
    tokens: list[Array]


def projection_of(encoder: Encoder, texts: Sequence[str], count: int) -> TokenProjection:
    """The main directions of the token states of these texts."""
    states = np.concatenate([encoder.words(state) for state in encoder.states(texts)])
    mean = states.mean(axis=0)
    directions, _, _ = np.linalg.svd(((states - mean).T @ (states - mean)).astype(np.float64))
    return TokenProjection(mean, directions[:, :count].astype(np.float32))


def encode_person(person: Person, space: Space, cache: Path) -> Encoded:
    """Encodes a person, or takes the result of an earlier run from `cache`."""
    texts = [*(query for query, _ in person.asked), *person.unknown]
    key = sha256("\n".join([fingerprint(person.answers, space.version), *texts]).encode()).hexdigest()
    path = cache / f"{key}.npz"
    if not path.exists():
        cache.mkdir(parents=True, exist_ok=True)
        save_arrays(path, encode(person.answers, space) | _encode_messages(texts, space))
    with np.load(path) as stored:
        arrays = {name: stored[name] for name in stored.files}
    messages = arrays.pop("messages")
    ends = np.cumsum(arrays.pop("message_lengths")).astype(int)
    return Encoded(person, arrays, messages, np.split(arrays.pop("message_tokens"), ends[:-1]))


def lesson_of(encoded: Encoded) -> Lesson:
    """The person's plain vectors and which answer belongs to which message."""
    answers, asked = encoded.person.answers, encoded.person.asked
    parts = [len(passages(answer)) for answer in answers]
    wordings, texts, joint = np.split(encoded.arrays["vectors"], [len(answers), len(answers) + sum(parts)])
    right = torch.zeros(len(asked), len(answers), dtype=torch.bool)
    for row, (_, sources) in enumerate(asked):
        right[row, sources] = True
    return Lesson(
        messages=torch.tensor(encoded.messages[: len(asked)]),
        wordings=torch.tensor(wordings),
        passages=torch.tensor(texts),
        joint=torch.tensor(joint),
        owner=torch.tensor(np.repeat(np.arange(len(answers)), parts)),
        right=right,
    )


def examples_of(encoded: Encoded, space: Space) -> list[Example]:
    """Told and never told messages before the tuned index, and the told ones once more without their answer."""
    person = encoded.person
    index = assemble(person.answers, encoded.arrays, space)
    fields = index.fields(space.adapter.queries(encoded.messages))
    messages = [*person.asked, *((query, []) for query in person.unknown)]
    examples = []
    for row, (query, sources) in enumerate(messages):
        seen = (query, encoded.tokens[row], fields[:, row])
        weight = 1.0 if sources else NEVER
        examples.append(_example(encoded, index, space, seen, sources, weight))
        if sources:
            hidden = fields[:, row].copy()
            hidden[:, sources] = FAR
            examples.append(_example(encoded, index, space, (query, encoded.tokens[row], hidden), [], HIDDEN_ANSWER))
    return examples


def _example(
    encoded: Encoded, index: Index, space: Space, seen: tuple[str, Array, Array], sources: Sequence[int], weight: float
) -> Example:
    query, tokens, fields = seen
    answers = [answer.answer for answer in encoded.person.answers]
    case, order = case_of(query, tokens, fields, index, space.adapter.weights, answers)
    right = tuple(place for place, row in enumerate(order) if row in sources)
    return Example(case, right, bool(sources), weight)


def _encode_messages(texts: Sequence[str], space: Space) -> dict[str, Array]:
    vectors, tokens = space.read(texts)
    return {
        "messages": vectors,
        "message_tokens": np.concatenate(tokens),
        "message_lengths": np.array([len(part) for part in tokens], dtype=np.float32),
    }
