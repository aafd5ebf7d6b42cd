"""Which of a person's answers fits a chat message, and whether any does."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from engine.retrieval.documents import Document
from engine.retrieval.encoder import Array, Encoder
from engine.retrieval.gate import answerable, features
from engine.retrieval.index import Embedder, Index, IndexStore
from engine.retrieval.multilingual import MultilingualEncoder, is_english

WORD_MATCH = 0.15
"""Weight of BM25 (scaled to its best document) beside the sum of three cosines."""
CONTEXT = 0.7
"""Weight of the previous turn's scores when a message cannot stand alone: 8-9 of 10 follow-ups found."""
KNOWN = 0.5
FOLLOW_UP_WORDS = 3

_FOLLOW_UP = re.compile(
    r"\b(and|it|its|that|this|they|them|their|there|he|she|him|her|his|those|these|one)\b"
    r"|\b(а|и|это|этот|эта|он|она|они|его|её|ее|их|там|тогда)\b",
    re.IGNORECASE,
)
_WORD = re.compile(r"\w+")


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
    """Ranks answers by meaning and words. Files it makes lie under `cache_dir`."""

    def __init__(self, cache_dir: Path) -> None:
        self._store = IndexStore(cache_dir / "retrieval")
        self._english = Encoder()
        self._other = MultilingualEncoder()

    def embed(self, texts: Sequence[str]) -> Array:
        """Unit vectors of shape (n, 384), float32; English and other languages have different spaces."""
        encoder, _ = self._encoder(texts)
        return encoder.embed(texts)

    def prepare(self, documents: Sequence[Document]) -> None:
        """Encodes a set ahead of its first query: some 5 s for 200 answers, nothing when it was seen before."""
        if documents:
            self._index(documents)

    def rank(self, query: str, documents: Sequence[Document], context: str | None = None, top_n: int = 3) -> Ranking:
        """The `top_n` documents for a message; `context` is the user's turn before it."""
        if not documents or not query.strip():
            return Ranking([], 0.0, False)
        encoder, index = self._index(documents)
        fields = self._fields(encoder, index, query)
        total = combine(fields)
        if context and needs_context(query):
            earlier = self._fields(encoder, index, context)
            fields, total = fields + np.float32(CONTEXT) * earlier, total + np.float32(CONTEXT) * combine(earlier)
        order = np.argsort(-total, kind="stable")
        probability = answerable(features(fields, order, index.words.coverage(query, int(order[0]))))
        hits = [Hit(int(row), float(total[row])) for row in order[:top_n]]
        return Ranking(hits, probability, probability >= KNOWN)

    def _index(self, documents: Sequence[Document]) -> tuple[Embedder, Index]:
        encoder, version = self._encoder([document.answer for document in documents])
        return encoder, self._store.get(documents, encoder, version)

    def _encoder(self, texts: Sequence[str]) -> tuple[Embedder, str]:
        """The encoder for these texts, chosen here and nowhere else, and the name of its vectors."""
        return (self._english, "minilm-1") if is_english(texts) else (self._other, "e5-1")

    def _fields(self, encoder: Embedder, index: Index, text: str) -> Array:
        return index.fields(encoder.embed([text])[0], text)


def combine(fields: Array) -> Array:
    """One score a document from its fields of shape (4, n)."""
    words = fields[3] / max(float(fields[3].max()), 1e-6)
    return np.asarray(fields[:3].sum(axis=0) + np.float32(WORD_MATCH) * words)


def needs_context(query: str) -> bool:
    """Whether a message leans on the turn before: three words or fewer, or a pronoun without a name for it."""
    return len(_WORD.findall(query)) <= FOLLOW_UP_WORDS or bool(_FOLLOW_UP.match(query.strip()))
