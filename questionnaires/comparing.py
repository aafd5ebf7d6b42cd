"""Two texts word by word: what differs, and both edits of one text in a single text where they do not touch. Pure."""

import re
from collections.abc import Iterator
from difflib import SequenceMatcher

SAME, NEW, GONE = "same", "new", "gone"
MANY_PIECES = 3000  # comparing words takes time with their number squared; longer texts are compared line by line
_PIECES = re.compile(r"\s+|\w+|[^\w\s]")
_WORDS = re.compile(r"\s+|\S+")
_LINES = re.compile(r"[^\n]*\n|[^\n]+")

Change = tuple[int, int, list[str]]
"""The pieces `start:end` of the base became these."""


def differences(before: str, after: str) -> Iterator[tuple[str, str]]:
    """Yield (same, new or gone, text): without the gone ones it is `after`, without the new ones `before`."""
    old, new = _split(_PIECES, before, after)
    for action, i1, i2, j1, j2 in _opcodes(old, new):
        if action == "equal":
            yield SAME, "".join(new[j1:j2])
            continue
        if i1 < i2:
            yield GONE, "".join(old[i1:i2])
        if j1 < j2:
            yield NEW, "".join(new[j1:j2])


def merge(base: str, stored: str, yours: str) -> str | None:
    """Both edits of `base` in one text; None where they touch, so that a person has to say what is meant.

    They touch where neither a word nor a line break that both left alone stands between them.
    """
    old, *edited = _split(_WORDS, base, stored, yours)
    merged: list[str] = []
    place, before = 0, ""
    for (start, end, pieces), side in _ordered(_changes(old, edited[0]), _changes(old, edited[1])):
        between = old[place:start]
        if before not in {"", side} and not any(piece.strip() or "\n" in piece for piece in between):
            return None
        merged += [*between, *pieces]
        place, before = end, side
    return "".join([*merged, *old[place:]])


def _changes(old: list[str], new: list[str]) -> list[Change]:
    return [(i1, i2, new[j1:j2]) for action, i1, i2, j1, j2 in _opcodes(old, new) if action != "equal"]


def _ordered(stored: list[Change], yours: list[Change]) -> list[tuple[Change, str]]:
    """All changes by their place, with whose they are; what both sides wrote alike stands there once."""
    sided = [(change, "stored") for change in stored]
    sided += [(change, "yours") for change in yours if change not in stored]
    return sorted(sided, key=lambda entry: entry[0][:2])


def _split(pattern: re.Pattern[str], *texts: str) -> list[list[str]]:
    pieces = [pattern.findall(text) for text in texts]
    if max(map(len, pieces)) <= MANY_PIECES:
        return pieces
    return [_LINES.findall(text) for text in texts]


def _opcodes(old: list[str], new: list[str]) -> Iterator[tuple[str, int, int, int, int]]:
    """difflib's, after what both begin and end with was set aside: most edits are small and in one place."""
    shortest = min(len(old), len(new))
    head = next((n for n in range(shortest) if old[n] != new[n]), shortest)
    tail = next((n for n in range(shortest - head) if old[-1 - n] != new[-1 - n]), shortest - head)
    if head:
        yield "equal", 0, head, 0, head
    middle = SequenceMatcher(None, old[head : len(old) - tail], new[head : len(new) - tail], autojunk=False)
    for action, i1, i2, j1, j2 in middle.get_opcodes():
        yield action, i1 + head, i2 + head, j1 + head, j2 + head
    if tail:
        yield "equal", len(old) - tail, len(old), len(new) - tail, len(new)
