"""Okapi BM25 over stemmed words: what the encoder blurs (names, numbers, rare words), it keeps."""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Sequence
from functools import lru_cache

import numpy as np
import snowballstemmer

from engine.retrieval.encoder import Array

K1 = 1.2
B = 0.75
"""Robertson and Zaragoza 2009, "The Probabilistic Relevance Framework", the usual constants."""

_WORD = re.compile(r"[^\W_]+")
_stemmers = {name: snowballstemmer.stemmer(name) for name in ("english", "russian")}


class BM25:
    """An index of n texts in memory."""

    def __init__(self, texts: Sequence[str]) -> None:
        self._counts = [Counter(terms(text)) for text in texts]
        lengths = np.array([sum(counts.values()) for counts in self._counts], dtype=np.float32)
        self._penalty = K1 * (1 - B + B * lengths / max(float(lengths.mean()), 1.0))
        self._frequency = Counter(term for counts in self._counts for term in counts)

    def scores(self, query: str) -> Array:
        """The score of every text, shape (n,)."""
        total = np.zeros(len(self._counts), dtype=np.float32)
        for term in set(terms(query)):
            if term in self._frequency:
                counts = np.array([counter[term] for counter in self._counts], dtype=np.float32)
                total += self.weight(term) * counts * (K1 + 1) / (counts + self._penalty)
        return total

    def weight(self, term: str) -> float:
        """The inverse document frequency of a stemmed word; a word that no text has weighs most."""
        frequency = self._frequency[term]
        return math.log(1 + (len(self._counts) - frequency + 0.5) / (frequency + 0.5))

    def coverage(self, query: str, index: int) -> float:
        """The share of the query's words, by weight, that text `index` holds: 0 to 1."""
        weights = {term: self.weight(term) for term in set(terms(query))}
        total = sum(weights.values())
        return sum(weight for term, weight in weights.items() if term in self._counts[index]) / total if total else 0.0


def terms(text: str) -> list[str]:
    """Lower-cased stems in order, Russian words by the Russian stemmer and all others by the English one."""
    return [_stem(word) for word in _WORD.findall(text.lower().replace("ё", "е"))]


@lru_cache(maxsize=50_000)
def _stem(word: str) -> str:
    language = "russian" if "а" <= word[0] <= "я" else "english"
    return str(_stemmers[language].stemWord(word))
