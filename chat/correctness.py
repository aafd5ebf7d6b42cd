"""Whether a reply may be shown at all. Pure: texts in, the name of what is wrong out."""

import re
from collections import Counter
from collections.abc import Iterable, Sequence
from enum import StrEnum

LOOP_WORDS, LOOP_TIMES = 8, 3  # so many words the same, so many times: the model is going in circles
ENOUGH_LETTERS = 12  # fewer do not tell a language
FOREIGN_SHARE = 0.5  # of the letters in another alphabet than the person's own words
LEAST_QUESTION = 3  # words: "Tea?" may be answered with "Tea"

_WORD = re.compile(r"\w+")
_MARKER = re.compile(
    r"<\|[^>\n]{0,40}\|?>?|###|(?:\A|\n)\s*(?:Q|A|User|Assistant|System):|\s->(?:\s|\Z)|\[/?INST\]"
    r"|These are your own words:"  # of the prompt's own frame (dataset.prompt): a model trained for too short says it
)
_LOOSE_END = re.compile(r"[,;:(\[«„“\-–—]\Z")
_DANGLING = frozenset(
    [
        "a",
        "an",
        "and",
        "are",
        "as",
        "at",
        "because",
        "but",
        "by",
        "for",
        "from",
        "if",
        "in",
        "is",
        "my",
        "of",
        "on",
        "or",
        "so",
        "than",
        "that",
        "the",
        "their",
        "to",
        "was",
        "were",
        "when",
        "which",
        "who",
        "with",
        "your",
        "и",
        "а",
        "в",
        "во",
        "да",
        "для",
        "за",
        "из",
        "или",
        "к",
        "как",
        "когда",
        "ко",
        "который",
        "на",
        "не",
        "но",
        "о",
        "об",
        "от",
        "по",
        "при",
        "с",
        "со",
        "так",
        "то",
        "у",
        "что",
        "чтобы",
    ]
)
_ALPHABETS = {"cyrillic": re.compile(r"[\u0400-\u04FF]"), "latin": re.compile(r"[A-Za-z\u00C0-\u024F]")}


class Fault(StrEnum):
    """What is wrong with a reply; the log gets this and never the text."""

    EMPTY = "empty"
    MARKER = "marker"
    ECHO = "echo"
    LOOP = "loop"
    LANGUAGE = "language"
    ENDING = "ending"


def fault_of(text: str, *, question: str, said: Iterable[str], finish: str = "stop") -> Fault | None:
    """What is wrong with the reply `text` to `question`, or None.

    `said` are the person's own words that it rests on: what stands in them is no fault. `finish` is OpenAI's reason;
    a reply that was cut at the longest length ("length") may end anywhere, as it can be gone on with.
    """
    own = "\n".join(said)
    if not _WORD.search(text):
        return Fault.EMPTY
    if any(found not in own for found in _MARKER.findall(text)):
        return Fault.MARKER
    if _is_echo(text, question, own):
        return Fault.ECHO
    if _loops(text):
        return Fault.LOOP
    if (expected := _alphabet(own or question)) and _alphabet(text) not in {None, expected}:
        return Fault.LANGUAGE
    return Fault.ENDING if finish != "length" and _is_loose(text, own.splitlines()) else None


def _words(text: str) -> list[str]:
    return _WORD.findall(text.casefold())


def _is_echo(text: str, question: str, own: str) -> bool:
    """The question again and nothing else; a person may have answered in the question's words."""
    asked, replied = _words(question), _words(text)
    return len(asked) >= LEAST_QUESTION and replied == asked and asked != _words(own)


def _loops(text: str) -> bool:
    words = text.casefold().split()
    runs = Counter(tuple(words[start : start + LOOP_WORDS]) for start in range(len(words) - LOOP_WORDS + 1))
    return max(runs.values(), default=0) >= LOOP_TIMES


def _alphabet(text: str) -> str | None:
    """The alphabet of most letters, None where there are too few letters to tell, or of another alphabet."""
    counts = {name: len(letters.findall(text)) for name, letters in _ALPHABETS.items()}
    total = sum(counts.values())
    best = max(counts, key=lambda name: counts[name])
    return best if total >= ENOUGH_LETTERS and counts[best] > FOREIGN_SHARE * total else None


def _is_loose(text: str, own: Sequence[str]) -> bool:
    """It breaks off in the middle of a sentence, and the person did not end a line there."""
    end = text.rstrip()
    if any(line.rstrip().endswith(end[-20:]) for line in own):
        return False
    last = _words(end)[-1:]
    return bool(_LOOSE_END.search(end)) or (end[-1:].isalnum() and last != [] and last[0] in _DANGLING)
