"""A set of documents made ready for queries, kept in memory and on disk by its content."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import chain
from pathlib import Path
from typing import Protocol

import numpy as np

from engine.retrieval.bm25 import BM25
from engine.retrieval.documents import Document, fingerprint, joint, passages
from engine.retrieval.encoder import Array

SETS_IN_MEMORY = 4
SETS_ON_DISK = 32


class Embedder(Protocol):
    """Turns n texts into unit vectors of shape (n, d)."""

    def embed(self, texts: Sequence[str]) -> Array: ...


@dataclass(frozen=True)
class Group:
    """Vectors of several texts a document: rows `starts[i]` up to `starts[i + 1]` belong to document i."""

    vectors: Array
    starts: Array

    def best(self, query: Array) -> Array:
        """The highest cosine of each document's texts with the query (d,): shape (documents,)."""
        return np.maximum.reduceat(self.vectors @ query, self.starts.astype(np.intp))


@dataclass(frozen=True)
class Index:
    """The three fields of every document, and its words."""

    wordings: Group
    passages: Group
    joint: Array
    words: BM25

    def fields(self, vector: Array, query: str) -> Array:
        """Scores of shape (4, n): best wording, best sentence or whole answer, question with answer, BM25."""
        return np.stack(
            [self.wordings.best(vector), self.passages.best(vector), self.joint @ vector, self.words.scores(query)]
        )


class IndexStore:
    """Builds indexes and remembers them: a set seen before costs no encoding.

    The vectors of a set lie in `folder/<fingerprint>.npy`; the oldest go when there are more than 32.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._memory: OrderedDict[str, Index] = OrderedDict()

    def get(self, documents: Sequence[Document], embedder: Embedder, version: str) -> Index:
        """The index of these documents, in their order."""
        key = fingerprint(documents, version)
        if key not in self._memory:
            self._memory[key] = self._assemble(documents, self._vectors(key, documents, embedder))
            while len(self._memory) > SETS_IN_MEMORY:
                self._memory.popitem(last=False)
        self._memory.move_to_end(key)
        return self._memory[key]

    def _vectors(self, key: str, documents: Sequence[Document], embedder: Embedder) -> Array:
        path = self._folder / f"{key}.npy"
        if path.exists():
            return np.asarray(np.load(path), dtype=np.float32)
        texts = [*chain(*_wordings(documents)), *chain(*_passages(documents)), *map(joint, documents)]
        distinct = list(dict.fromkeys(texts))
        rows = dict(zip(distinct, embedder.embed(distinct), strict=True))
        vectors = np.stack([rows[text] for text in texts])
        self._save(path, vectors)
        return vectors

    def _save(self, path: Path, vectors: Array) -> None:
        self._folder.mkdir(parents=True, exist_ok=True)
        partial = path.with_suffix(".partial")
        with partial.open("wb") as file:
            np.save(file, vectors.astype(np.float16))
        partial.replace(path)
        stored = sorted(self._folder.glob("*.npy"), key=lambda item: item.stat().st_mtime)
        for old in stored[:-SETS_ON_DISK]:
            old.unlink(missing_ok=True)

    def _assemble(self, documents: Sequence[Document], vectors: Array) -> Index:
        wordings, parts = _wordings(documents), _passages(documents)
        first, second = sum(map(len, wordings)), sum(map(len, parts))
        return Index(
            wordings=Group(vectors[:first], _starts(wordings)),
            passages=Group(vectors[first : first + second], _starts(parts)),
            joint=vectors[first + second :],
            words=BM25([" ".join([*document.questions, document.answer]) for document in documents]),
        )


def _wordings(documents: Iterable[Document]) -> list[list[str]]:
    return [list(document.questions) for document in documents]


def _passages(documents: Iterable[Document]) -> list[list[str]]:
    return [passages(document) for document in documents]


def _starts(groups: Sequence[Sequence[str]]) -> Array:
    return np.cumsum([0, *map(len, groups[:-1])])
