"""Whether replies sound like the person (style), and whether they are well-formed (form). Texts in, figures out."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from statistics import median

from fidelity.measures.words import is_cyrillic, sentences, words
from questionnaires.dataset import RENDERERS

NGRAM = 3  # characters; Keselj et al. found 3 to 5 best for English
PROFILE = 1000  # most frequent n-grams that are compared
_REPEATED_RUN = 4  # words
_REPEATED_TIMES = 3
_FOREIGN_WORDS = 3  # a title or a name in the other script is no switch, a sentence of three words is
_FILL = re.compile(r"(.{4,40}?)\1{3,}\S{0,40}\Z", re.S)
_QUESTION = re.compile(r"(?:\A|\n)\s*Q: ")
_FURTHER_MARKERS = ("###", " ->", "<|")


@dataclass(frozen=True)
class Style:
    """`length_ratio`: median words of a reply over those of an answer, 1 is alike. `vocabulary`: share of the replies'
    running words that the person's answers use as well, 0 to 1. `distance`: of the profiles of character n-grams, 0
    (the same) to 1 (nothing in common)."""

    length_ratio: float
    vocabulary: float
    distance: float


@dataclass(frozen=True)
class Form:
    """`ended` by the stop; `repeats` itself; the `marker` that leaks, or ""; `switches` to another language."""

    ended: bool
    repeats: bool
    marker: str
    switches: bool

    @property
    def is_clean(self) -> bool:
        return self.ended and not (self.repeats or self.marker or self.switches)


def style(replies: Sequence[str], answers: Sequence[str]) -> Style:
    """Replies against held-out answers of the person. ValueError if either has no words."""
    lengths = [[len(words(text)) for text in texts] for texts in (replies, answers)]
    if not any(lengths[0]) or not any(lengths[1]):
        raise ValueError("Style needs a reply and an answer with words in them.")
    ratio = median(lengths[0]) / max(1.0, median(lengths[1]))
    return Style(ratio, vocabulary_share(replies, answers), profile_distance(replies, answers))


def vocabulary_share(replies: Iterable[str], answers: Iterable[str]) -> float:
    """The share of the replies' running words (any inflection counts as another word) that stand in the answers."""
    own = {word.text.casefold() for text in answers for word in words(text)}
    said = [word.text.casefold() for text in replies for word in words(text)]
    return sum(word in own for word in said) / max(1, len(said))


def profile_distance(replies: Iterable[str], answers: Iterable[str], size: int = NGRAM, top: int = PROFILE) -> float:
    """The common n-grams distance of Keselj, Peng, Cercone and Thomas (PACLING 2003), scaled to 0-1.

    The sum over the `top` most frequent character n-grams of either side of (2 (f - g) / (f + g))^2, with f and g their
    relative frequencies, over its greatest value, 4 for each n-gram. 0 for two empty sides.
    """
    one, other = _profile(replies, size, top), _profile(answers, size, top)
    grams = one.keys() | other.keys()
    pairs = [(one.get(gram, 0.0), other.get(gram, 0.0)) for gram in grams]
    return sum((2 * (f - g) / (f + g)) ** 2 for f, g in pairs) / (4 * max(1, len(grams)))


def form(reply: str, language: str, ended: bool) -> Form:
    """The form of a raw reply, its markers not cut off. `ended`: the engine met the stop, not the limit of length."""
    text = reply.rstrip()
    for renderer in RENDERERS.values():  # at the very end the stop is how a reply says that it is done
        for stop in renderer.stop:
            text = text.removesuffix(stop).rstrip()
    return Form(ended, repeats_itself(text), leaked_marker(text), switches_language(text, language))


def repeats_itself(text: str) -> bool:
    """Whether four words in a row come three times, or one piece of text fills the end four times over."""
    row = text.casefold().split()
    runs = Counter(tuple(row[start : start + _REPEATED_RUN]) for start in range(len(row) - _REPEATED_RUN + 1))
    return any(count >= _REPEATED_TIMES for count in runs.values()) or _FILL.search(text) is not None


def leaked_marker(text: str) -> str:
    """The first marker of a prompt format that stands in a reply, or ""."""
    stops = (stop for renderer in RENDERERS.values() for stop in renderer.stop)
    found = next((marker for marker in (*stops, *_FURTHER_MARKERS) if marker in text), "")
    return found.strip() or ("Q:" if _QUESTION.search(text) else "")


def switches_language(text: str, language: str) -> bool:
    """Whether a sentence of at least three words is all in the other script; Russian and all others are told apart."""
    for sentence in sentences(text):
        spoken = [word.text for word in words(sentence) if not word.text.isdigit()]
        foreign = [word for word in spoken if is_cyrillic(word) != (language == "ru")]
        if len(spoken) >= _FOREIGN_WORDS and len(foreign) == len(spoken):
            return True
    return False


def _profile(texts: Iterable[str], size: int, top: int) -> dict[str, float]:
    grams: Counter[str] = Counter()
    for text in texts:
        plain = " ".join(text.casefold().split())
        grams.update(plain[start : start + size] for start in range(len(plain) - size + 1))
    total = max(1, grams.total())
    return {gram: count / total for gram, count in grams.most_common(top)}
