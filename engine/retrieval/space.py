"""A vector space: an encoder, and what was learned on top of it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from hashlib import sha256
from pathlib import Path

import numpy as np

from engine.retrieval.askings import Askings
from engine.retrieval.encoder import Array, Encoder, pooled, unit
from engine.retrieval.multilingual import MultilingualEncoder

WEIGHTS = Path(__file__).with_name("weights.npz")
"""Learned by `python -m engine.retrieval.tuning`; half precision."""
DOUBT = 0.4
"""Of the English gate: with it the development persons are refused as often as before, told and never told."""


@dataclass(frozen=True)
class Adapter:
    """Two low-rank corrections of the encoder's vectors, one for messages and one for documents.

    A vector x becomes unit(x + x A B). `weights` are the shares of the three fields in a score.
    """

    query: tuple[Array, Array]
    document: tuple[Array, Array]
    weights: Array

    def queries(self, vectors: Array) -> Array:
        return unit(vectors + vectors @ self.query[0] @ self.query[1])

    def documents(self, vectors: Array) -> Array:
        return unit(vectors + vectors @ self.document[0] @ self.document[1])


@dataclass(frozen=True)
class TokenProjection:
    """The main directions of token states: all that the gate looks at, and what an index can afford to keep."""

    mean: Array
    directions: Array

    def __call__(self, states: Array) -> Array:
        """Unit vectors (tokens, directions) from the states (tokens, 384) of a text's own tokens."""
        return unit((states - self.mean) @ self.directions)


@dataclass(frozen=True)
class Space:
    """Everything that goes with one encoder."""

    name: str
    encoder: Encoder
    adapter: Adapter
    projection: TokenProjection
    version: str
    """Names the vectors: sets encoded under another version are not used."""
    askings: Askings | None = None
    doubt: float = 0.0
    """Log-odds that the gate's reading with askings loses, since it learned without them."""

    def read(self, texts: Sequence[str]) -> tuple[Array, list[Array]]:
        """Unit vectors (n, 384) of texts, and of each the unit vectors (tokens, directions) of its tokens."""
        states = self.encoder.states(texts)
        return pooled(states), [self.projection(self.encoder.words(state)) for state in states]


def english() -> Space:
    """all-MiniLM-L6-v2 with what was tuned on it."""
    version = f"english-{weights_version()}"
    return Space(
        "english", Encoder(), load_adapter("english"), load_projection("english"), version, Askings("english"), DOUBT
    )


def multilingual() -> Space:
    """multilingual-e5-small with what was tuned on it."""
    name = "multilingual"
    version = f"{name}-{weights_version()}"
    return Space(name, MultilingualEncoder(), load_adapter(name), load_projection(name), version, Askings(name))


def load_adapter(name: str) -> Adapter:
    """The adapter of the space `name`."""
    keys = ("query_a", "query_b", "document_a", "document_b", "fields")
    return adapter_of({key: array(f"{name}/{key}") for key in keys})


def adapter_of(arrays: Mapping[str, Array]) -> Adapter:
    """An adapter from its learned arrays; the fields' shares are learned as logarithms."""
    return Adapter(
        (arrays["query_a"], arrays["query_b"]),
        (arrays["document_a"], arrays["document_b"]),
        np.exp(arrays["fields"]),
    )


_NOTHING = (np.zeros((384, 1), dtype=np.float32), np.zeros((1, 384), dtype=np.float32))
UNTUNED = Adapter(_NOTHING, _NOTHING, np.ones(3, dtype=np.float32))
"""Leaves the encoder's vectors as they are."""


def load_projection(name: str) -> TokenProjection:
    """The directions that the gate of the space `name` looks at."""
    return TokenProjection(array(f"{name}/tokens/mean"), array(f"{name}/tokens/directions"))


def array(name: str) -> Array:
    """One learned array as float32."""
    return np.asarray(_weights()[name], dtype=np.float32)


def names(prefix: str) -> list[str]:
    """The names of the learned arrays under `prefix`."""
    return sorted(name for name in _weights() if name.startswith(prefix))


@cache
def weights_version() -> str:
    """Changes with the weights, so that vectors made by others are never used."""
    return sha256(WEIGHTS.read_bytes()).hexdigest()[:12]


@cache
def _weights() -> dict[str, Array]:
    with np.load(WEIGHTS, allow_pickle=False) as stored:
        return {name: stored[name] for name in stored.files}
