"""The Unigram tokenizer of XLM-RoBERTa (Kudo 2018, arXiv:1804.10959) over a vocabulary that is only mapped.

A vocabulary of 250,000 pieces as a Python dictionary takes 60 MB; here every piece is a 64-bit hash in a sorted array.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import numpy.typing as npt

SPACE = "\u2581"
"""What SentencePiece writes for a space."""
SPECIAL = 4
"""The first pieces are <s>, <pad>, </s> and <unk>: no text may spell them."""
UNKNOWN_PENALTY = 10.0
"""SentencePiece's kUnkPenalty: what an unknown character scores below the rarest piece."""
_FACTOR = np.uint64(0x9E3779B97F4A7C15)
_INVERSE = np.uint64(pow(int(_FACTOR), -1, 2**64))

Hashes = npt.NDArray[np.uint64]


class Unigram:
    """Texts as the piece numbers that together score best."""

    def __init__(
        self, pieces: bytes, ends: npt.NDArray[np.uint32], scores: npt.NDArray[np.float32], spelled: Mapping[int, str]
    ) -> None:
        """`pieces`: all of them in UTF-8, one behind the other; piece i ends at byte `ends[i + 1]`. `scores` (n,) are
        log-probabilities; `spelled` is the normalisation: code points and what is written for them."""
        starts = np.frombuffer(pieces, dtype=np.uint8) & 0xC0 != 0x80
        places = np.concatenate([[0], np.cumsum(starts)])[ends]
        hashes = _hashes(pieces.decode(), places[SPECIAL:-1], places[SPECIAL + 1 :])
        self._order = np.argsort(hashes)
        self._hashes = hashes[self._order]
        self._scores = scores
        self._unknown = float(scores.min()) - UNKNOWN_PENALTY
        self._longest = int(np.diff(places[SPECIAL:]).max())
        self._spelled = dict(spelled)

    def encode(self, text: str, unknown: int = 3) -> list[int]:
        """The numbers of a text's pieces, none of them special but `unknown`."""
        text = self._normal(text)
        marked = (text if text.startswith(" ") else f" {text}").replace(" ", SPACE)
        return self._best(len(marked), self._found(marked), unknown)

    def _normal(self, text: str) -> str:
        text = text.translate(self._spelled)
        while "  " in text:
            text = text.replace("  ", " ")
        return text

    def _found(self, text: str) -> list[list[tuple[int, int]]]:
        """For every place of a text the pieces that start there, each with the place where it ends."""
        starts, lengths = (grid.ravel() for grid in np.mgrid[: len(text), 1 : self._longest + 1])
        inside = starts + lengths <= len(text)
        starts, ends = starts[inside], (starts + lengths)[inside]
        hashes = _hashes(text, starts, ends)
        places = np.minimum(np.searchsorted(self._hashes, hashes), len(self._hashes) - 1)
        is_piece = self._hashes[places] == hashes
        numbers = self._order[places[is_piece]] + SPECIAL
        found: list[list[tuple[int, int]]] = [[] for _ in text]
        for start, end, number in zip(
            starts[is_piece].tolist(), ends[is_piece].tolist(), numbers.tolist(), strict=True
        ):
            found[start].append((end, number))
        return found

    def _best(self, length: int, found: Sequence[Sequence[tuple[int, int]]], unknown: int) -> list[int]:
        """The path of the best sum of scores (Viterbi)."""
        best, back = [0.0] + [-np.inf] * length, [(0, unknown)] * (length + 1)
        for start in range(length):
            steps = [(end, number, float(self._scores[number])) for end, number in found[start]]
            for end, number, score in [*steps, (start + 1, unknown, self._unknown)]:
                if best[start] + score > best[end]:
                    best[end], back[end] = best[start] + score, (start, number)
        numbers, place = [], length
        while place:
            place, number = back[place]
            numbers.append(number)
        return numbers[::-1]


def _hashes(text: str, starts: npt.NDArray[np.integer], ends: npt.NDArray[np.integer]) -> Hashes:
    """A hash of each `text[start:end]`: its code points times rising powers of an odd number, modulo 2^64, from one
    running sum over the text."""
    points = np.frombuffer(text.encode("utf-32-le"), dtype=np.uint32).astype(np.uint64)
    sums = np.concatenate([np.zeros(1, np.uint64), np.cumsum(points * _powers(_FACTOR, len(points)))])
    return np.asarray((sums[ends] - sums[starts]) * _powers(_INVERSE, len(points) + 1)[starts])


def _powers(base: np.uint64, count: int) -> Hashes:
    return np.cumprod(np.concatenate([np.ones(1, np.uint64), np.full(max(count - 1, 0), base)]))[:count]
