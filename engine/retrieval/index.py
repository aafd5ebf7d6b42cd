"""A set of documents made ready for queries, kept in memory and on disk by its content."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import chain
from pathlib import Path

import numpy as np
import numpy.typing as npt

from engine.retrieval.bm25 import BM25
from engine.retrieval.documents import Document, fingerprint, joint, passages
from engine.retrieval.encoder import Array
from engine.retrieval.space import Space
from engine.retrieval.stored import Known, StoredSets

SETS_IN_MEMORY = 4
FEW = 5
"""Below this many documents their own questions say nothing about chance similarity."""
ASKED = 0.9
"""What the cosine with a message that asks for an answer counts beside the cosine with a wording of its question."""
CHANCE = (1.2, 0.25)
"""Mean and spread of the best score of a foreign document, over the development persons."""


@dataclass(frozen=True)
class Group:
    """Vectors of several texts a document: rows `starts[i]` up to `starts[i + 1]` belong to document i."""

    vectors: Array
    starts: npt.NDArray[np.intp]

    def best(self, queries: Array) -> Array:
        """The highest cosine of each document's texts with each query (n, d): shape (n, documents)."""
        return np.maximum.reduceat(queries @ self.vectors.T, self.starts, axis=1)


@dataclass(frozen=True)
class Index:
    """The three fields of every document, its words, and the tokens that the gate reads."""

    wordings: Group
    passages: Group
    joint: Array
    words: BM25
    tokens: list[Array]
    question_tokens: npt.NDArray[np.intp]
    chance: tuple[float, float]
    """Mean and spread of the score that a question gets from the best of all the other documents."""
    plain: Index | None = None
    """The same with the first wording alone, as the gate learned to read it; None where that is all there is."""
    askings: Group | None = None
    """Messages that ask for the answers (engine.retrieval.askings); where there are none, the first wording."""

    def fields(self, queries: Array, is_whole: bool = True) -> Array:
        """Cosines of shape (3, n, documents): best wording, best sentence or whole answer, question with answer.

        Askings are whole messages: "and why?" is like too many of them, so what leans on another is read without.
        """
        wordings = self.wordings.best(queries)
        if self.askings and is_whole:
            wordings = np.maximum(wordings, ASKED * self.askings.best(queries))
        return np.stack([wordings, self.passages.best(queries), queries @ self.joint.T])


class IndexStore:
    """Builds indexes and remembers them: a set seen before costs no encoding, a set like it costs what is new in it."""

    def __init__(self, folder: Path) -> None:
        self._stored = StoredSets(folder)
        self._memory: OrderedDict[str, Index] = OrderedDict()

    def get(self, documents: Sequence[Document], space: Space) -> Index:
        """The index of these documents, in their order."""
        key = fingerprint(documents, space.version)
        if key not in self._memory:
            self._memory[key] = assemble(documents, self._arrays(key, documents, space), space)
            while len(self._memory) > SETS_IN_MEMORY:
                self._memory.popitem(last=False)
        self._memory.move_to_end(key)
        return self._memory[key]

    def _arrays(self, key: str, documents: Sequence[Document], space: Space) -> Mapping[str, Array]:
        """What `encode` made of these documents, now or before."""
        stored = self._stored.load(space.version, key)
        if stored is None:
            plain, joints = texts_of(documents)
            stored = encode(documents, space, self._stored.known(space.version, [*plain, *joints]))
            self._stored.save(space.version, key, stored, plain, joints)
        return stored


def texts_of(documents: Sequence[Document]) -> tuple[list[str], list[str]]:
    """The texts of a set in the order of their vectors: wordings and passages; question with answer."""
    plain = [*chain(*_wordings(documents)), *chain(*_passages(documents))]
    return plain, [joint(document) for document in documents]


def encode(documents: Sequence[Document], space: Space, known: Known | None = None) -> dict[str, Array]:
    """The encoder's work on a set: `vectors` of wordings, passages and joint texts in this order, and `tokens`.

    What is `known` is taken from there.
    """
    plain, joints = texts_of(documents)
    vectors, tokens = dict(known.vectors if known else {}), dict(known.tokens if known else {})
    new = [text for text in dict.fromkeys(plain) if text not in vectors]
    vectors |= zip(new, space.encoder.embed(new), strict=True)
    read = [text for text in dict.fromkeys(joints) if text not in tokens]
    read_vectors, read_tokens = space.read(read)
    vectors |= zip(read, read_vectors, strict=True)
    tokens |= zip(read, read_tokens, strict=True)
    parts = [tokens[text] for text in joints]
    lengths = np.array([len(part) for part in parts], dtype=np.float32)
    everything = np.stack([vectors[text] for text in [*plain, *joints]])
    return {"vectors": everything, "tokens": np.concatenate(parts), "lengths": lengths}


def assemble(documents: Sequence[Document], arrays: Mapping[str, Array], space: Space) -> Index:
    """An index from what `encode` made."""
    wordings, parts = _wordings(documents), _passages(documents)
    first, second = sum(map(len, wordings)), sum(map(len, parts))
    vectors = space.adapter.documents(arrays["vectors"])
    tokens, question_tokens = _tokens(documents, arrays, space)
    starts = _starts(wordings)
    index = Index(
        wordings=Group(vectors[:first], starts),
        passages=Group(vectors[first : first + second], _starts(parts)),
        joint=vectors[first + second :],
        words=BM25([" ".join([*document.questions, document.answer]) for document in documents]),
        tokens=tokens,
        question_tokens=question_tokens,
        chance=CHANCE,
    )
    own = space.adapter.queries(arrays["vectors"][starts])
    words = BM25([joint(document) for document in documents])
    plain = replace(index, wordings=Group(vectors[starts], np.arange(len(starts))), words=words)
    weights = space.adapter.weights
    whole = replace(index, chance=_chance(index, own, weights), askings=_askings(documents, vectors[starts], space))
    if first == len(starts) and not whole.askings:
        return whole
    return replace(whole, plain=replace(plain, chance=_chance(plain, own, weights)))


def _askings(documents: Sequence[Document], wordings: Array, space: Space) -> Group | None:
    """`wordings`: the vector of each document's first, which stands where nothing is known."""
    if space.askings is None:
        return None
    found = [space.askings.of(document.questions) for document in documents]
    if all(vectors is None for vectors in found):
        return None
    parts = [
        wording[None] if vectors is None else space.adapter.documents(vectors)
        for vectors, wording in zip(found, wordings, strict=True)
    ]
    return Group(np.concatenate(parts), _starts(parts))


def _chance(index: Index, questions: Array, weights: Array) -> tuple[float, float]:
    """How well a question fits the wrong documents: the person's own yardstick for "never told"."""
    if len(questions) < FEW:
        return CHANCE
    scores = np.tensordot(weights, index.fields(questions), axes=1)
    np.fill_diagonal(scores, -np.inf)
    best = scores.max(axis=1)
    return float(best.mean()), float(best.std()) + 1e-3


def _tokens(
    documents: Sequence[Document], arrays: Mapping[str, Array], space: Space
) -> tuple[list[Array], npt.NDArray[np.intp]]:
    """Each document's tokens, and how many of them belong to its question."""
    ends = np.cumsum(arrays["lengths"]).astype(np.intp)
    counts = space.encoder.word_counts([document.questions[0] for document in documents])
    return np.split(arrays["tokens"], ends[:-1]), np.array(counts, dtype=np.intp)


def _wordings(documents: Sequence[Document]) -> list[list[str]]:
    return [list(document.questions) for document in documents]


def _passages(documents: Sequence[Document]) -> list[list[str]]:
    return [passages(document) for document in documents]


def _starts(groups: Sequence[Sequence[str] | Array]) -> npt.NDArray[np.intp]:
    return np.cumsum([0, *map(len, groups[:-1])]).astype(np.intp)
