"""Which of a person's answers fits a chat message, and whether any does."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from engine.follow_up import needs_context
from engine.retrieval.bm25 import terms
from engine.retrieval.documents import Document
from engine.retrieval.encoder import Array, Encoder, pooled
from engine.retrieval.gate import Gate, case_of
from engine.retrieval.index import Index, IndexStore
from engine.retrieval.multilingual import is_english, is_latin
from engine.retrieval.space import Space, english, multilingual

CONTEXT = 0.7
"""Weight of the previous turn's scores when a message cannot stand alone: 8-9 of 10 follow-ups found."""
KNOWN = 0.5


@dataclass(frozen=True)
class Hit:
    """One document: its place in the given sequence and its score, higher is better."""

    index: int
    score: float


@dataclass(frozen=True)
class Ranking:
    """The best documents, best first; `probability` (0 to 1) that the person told this at all, `known` the verdict."""

    results: list[Hit]
    probability: float
    known: bool


class Retriever:
    """Ranks answers by meaning. Files it makes lie under `cache_dir`."""

    def __init__(self, cache_dir: Path) -> None:
        self._store = IndexStore(cache_dir / "retrieval")
        self._opened: dict[bool, tuple[Space, Gate]] = {}

    def embed(self, texts: Sequence[str]) -> Array:
        """Unit vectors of shape (n, 384), float32; English and other languages have different spaces."""
        return self._open(is_english(texts))[0].encoder.embed(texts)

    def prepare(self, documents: Sequence[Document]) -> None:
        """Encodes a set ahead of its first query: some 5 s for 200 answers, nothing when it was seen before."""
        if documents:
            self._store.get(documents, self._open(_language(documents))[0])

    def rank(self, query: str, documents: Sequence[Document], context: str | None = None, top_n: int = 3) -> Ranking:
        """The `top_n` documents for a message; `context` is the user's turn before it."""
        if not documents or not query.strip():
            return Ranking([], 0.0, False)
        space, gate = self._open(_language(documents) and is_latin(query))
        index = self._store.get(documents, space)
        turns = [query, context] if context and needs_context(query) else [query]
        vectors, tokens = _read(turns, space)
        answers = [document.answer for document in documents]
        views = [_seen(vectors, view, space) for view in (index, index.plain) if view]
        scores = np.tensordot(space.adapter.weights, views[0][1], axes=1)
        order = np.argsort(-scores, kind="stable")
        if terms(query) in [terms(wording) for wording in documents[order[0]].questions]:
            probability = 1.0
        else:  # the surer of two readings: all wordings find more, one wording is what the networks learned from
            cases = [case_of(query, tokens, fields, view, space.adapter.weights, answers)[0] for view, fields in views]
            probability = max(gate.probability(case) for case in cases)
        hits = [Hit(int(row), float(scores[row])) for row in order[:top_n]]
        return Ranking(hits, probability, probability >= KNOWN)

    def _open(self, in_english: bool) -> tuple[Space, Gate]:
        """A space and its gate, loaded when first needed."""
        if in_english not in self._opened:
            space = english() if in_english else multilingual()
            self._opened[in_english] = (space, Gate(space))
        return self._opened[in_english]


def _language(documents: Sequence[Document]) -> bool:
    """The space of a set, chosen here and nowhere else: True for English."""
    return is_english([document.answer for document in documents])


def _read(turns: Sequence[str], space: Space) -> tuple[Array, Array]:
    """The turns as vectors (n, 384), and the tokens of all of them."""
    if isinstance(space.encoder, Encoder) and space.projection is not None:
        states = space.encoder.states(turns)
        return pooled(states), np.concatenate([space.projection(state) for state in states])
    return space.encoder.embed(turns), np.zeros((0, 0), dtype=np.float32)


def _seen(vectors: Array, index: Index, space: Space) -> tuple[Index, Array]:
    """The fields (3, documents) of a message, with the turn before it mixed in if there is one."""
    fields = index.fields(space.adapter.queries(vectors))
    shares = np.array([1.0, CONTEXT], dtype=np.float32)[: len(vectors)]
    return index, np.tensordot(fields, shares / shares.sum(), axes=(1, 0))
