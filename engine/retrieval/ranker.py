"""Which of a person's answers fits a chat message, and whether any does."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from engine.follow_up import needs_context
from engine.retrieval.bm25 import terms
from engine.retrieval.documents import Document
from engine.retrieval.encoder import Array
from engine.retrieval.gate import Gate, case_of
from engine.retrieval.index import Index, IndexStore
from engine.retrieval.multilingual import is_english, is_latin
from engine.retrieval.space import Space, english, multilingual

CONTEXT = 0.7
"""Weight of the previous turn's scores when a message cannot stand alone: 8-9 of 10 follow-ups found."""
KNOWN = 0.5
SAME_QUESTION = 0.65
"""Cosine of a message with a question's wording from which both ask the same: 6 of 10 plain messages reach it, and one
in a hundred of those that persons left out of the learning were never told."""


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
        reader = _Reader(space, gate, self._store.get(documents, space), documents)
        if context and needs_context(query):
            messages = [reader.read(query, is_whole=False), reader.read(context), reader.read(f"{context} {query}")]
        else:
            messages = [reader.read(query)]
        scores = reader.scores(messages[:2])
        order = np.argsort(-scores, kind="stable")
        hits = [Hit(int(row), float(scores[row])) for row in order[:top_n]]
        probability = _probability(reader, messages)
        return Ranking(hits, probability, probability >= KNOWN)

    def _open(self, in_english: bool) -> tuple[Space, Gate]:
        """A space and its gate, loaded when first needed."""
        if in_english not in self._opened:
            space = english() if in_english else multilingual()
            self._opened[in_english] = (space, Gate(space))
        return self._opened[in_english]


@dataclass(frozen=True)
class _Message:
    """A text as the index sees it: its tokens (n, d), and its cosines (3, documents) in each view of the index."""

    text: str
    tokens: Array
    fields: list[Array]
    closest: float
    """The best cosine with a wording of a question."""


@dataclass(frozen=True)
class _Reader:
    """Reads messages against one set of answers; `index` and, where there are further wordings, its plain view."""

    space: Space
    gate: Gate
    index: Index
    documents: Sequence[Document]

    @property
    def views(self) -> list[Index]:
        return [view for view in (self.index, self.index.plain) if view]

    def read(self, text: str, is_whole: bool = True) -> _Message:
        vector, (tokens,) = self.space.read([text])
        queries = self.space.adapter.queries(vector)
        closest = float(self.index.wordings.best(queries).max())
        return _Message(text, tokens, [view.fields(queries, is_whole)[:, 0] for view in self.views], closest)

    def scores(self, turns: Sequence[_Message]) -> Array:
        """What ranks (documents,): a message, and with the weight CONTEXT the one before it, if one is given."""
        shares = np.array([1.0, CONTEXT], dtype=np.float32)[: len(turns)]
        fields = np.stack([turn.fields[0] for turn in turns], axis=-1) @ (shares / shares.sum())
        return np.asarray(np.tensordot(self.space.adapter.weights, fields, axes=1))

    def is_asked(self, message: _Message) -> bool:
        """Whether a message asks what a question asks, in its words or nearly so."""
        best = self.documents[int(np.argmax(self.scores([message])))]
        same = terms(message.text) in [terms(wording) for wording in best.questions]
        return same or message.closest >= SAME_QUESTION

    def probability(self, message: _Message) -> float:
        """That a message was told. The surer of two readings: all wordings and askings find more, one wording is what
        the gate learned."""
        if self.is_asked(message):
            return 1.0
        answers, weights = [document.answer for document in self.documents], self.space.adapter.weights
        readings = [
            self.gate.probability(
                case_of(message.text, message.tokens, fields, view, weights, answers)[0],
                doubt=self.space.doubt if view.askings else 0.0,
            )
            for view, fields in zip(self.views, message.fields, strict=True)
        ]
        return max(readings)


def _probability(reader: _Reader, messages: Sequence[_Message]) -> float:
    """That the person told it. A message that leans on another comes with that one, and with both as one text.

    Read alone, "and where was that?" tells the gate nothing: it counts as told if what it follows was told.
    """
    if len(messages) == 1:
        return reader.probability(messages[0])
    alone, before, both = messages
    return 1.0 if reader.is_asked(alone) else max(reader.probability(before), reader.probability(both))


def _language(documents: Sequence[Document]) -> bool:
    """The space of a set, chosen here and nowhere else: True for English."""
    return is_english([document.answer for document in documents])
