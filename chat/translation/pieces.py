"""Long texts in pieces that a translator takes. Pure: joined again, the pieces are the text."""

import re
from collections.abc import Callable, Iterator

Measure = Callable[[str], int]

# Where a text may be parted, best first: after a paragraph, a sentence, a word.
_ENDS = [r"\n\s*", r"[.!?…。！？]+[\"'»”’)\]]*\s+", r"\s+"]


def pieces_of(text: str, longest: int, measure: Measure) -> list[str]:
    """Parts of `text`, each at most `longest` by `measure`, as few as the best ends allow."""
    if measure(text) <= longest:
        return [text]
    return list(_joined(_parted(text, longest, measure, 0), longest, measure))


def _parted(text: str, longest: int, measure: Measure, level: int) -> Iterator[str]:
    if measure(text) <= longest:
        yield text
    elif level == len(_ENDS):
        yield from _cut(text, longest, measure)
    else:
        for part in _split_after(text, _ENDS[level]):
            yield from _parted(part, longest, measure, level + 1)


def _split_after(text: str, pattern: str) -> Iterator[str]:
    start = 0
    for match in re.finditer(pattern, text):
        yield text[start : match.end()]
        start = match.end()
    if start < len(text):
        yield text[start:]


def _cut(text: str, longest: int, measure: Measure) -> Iterator[str]:
    """A word longer than a piece, by its characters."""
    step = max(1, len(text) * longest // max(1, measure(text)))
    while text:
        size = step
        while size > 1 and measure(text[:size]) > longest:
            size -= 1
        yield text[:size]
        text = text[size:]


def _joined(parts: Iterator[str], longest: int, measure: Measure) -> Iterator[str]:
    held = ""
    for part in parts:
        if held and measure(held + part) > longest:
            yield held
            held = ""
        held += part
    if held:
        yield held
