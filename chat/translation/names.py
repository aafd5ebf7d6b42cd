"""Names and titles that a translator must leave alone. Pure.

A translator makes "Inside Out" a phrase of its own language, and on the way back it is another film. So names leave the
text before it is sent: a sign stands in their place, and the name comes back afterwards. A translator that loses a
sign is found out: then the text between the names is translated piece by piece.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass

OPEN, CLOSE = "⟦", "⟧"
_SIGN = re.compile(r"[⟦〚\[]{1,2}\s*(\d{1,3})\s*[⟧〛\]]{1,2}")


@dataclass(frozen=True)
class Name:
    """A name in the persona's language, and how it is said in others; empty: the same."""

    term: str
    rendering: str = ""


@dataclass(frozen=True)
class Protected:
    """A text with signs in the place of names, and what each sign becomes."""

    text: str
    names: tuple[str, ...] = ()

    def restored(self, translated: str) -> str | None:
        """The translation with its names; None if the translator lost a sign, doubled one or made one up."""
        if not self.names:
            return translated
        found = [int(number) for number in _SIGN.findall(translated)]
        if sorted(found) != list(range(len(self.names))):
            return None
        return _SIGN.sub(lambda sign: self.names[int(sign[1])], translated)

    @property
    def between(self) -> list[str]:
        """What stands between the signs: one text more than there are names."""
        return re.split(f"{OPEN}\\d+{CLOSE}", self.text)


def protect(text: str, names: Sequence[Name], *, outward: bool) -> Protected:
    """`outward`: from the persona's language to another. The other way a rendering becomes the term again."""
    if OPEN in text or CLOSE in text:
        return Protected(text)  # the person's own brackets: nothing could tell them from ours
    becomes = _becomes(names, outward)
    if not becomes:
        return Protected(text)
    longest_first = sorted(becomes, key=len, reverse=True)
    pattern = re.compile(r"(?<!\w)(?:" + "|".join(map(re.escape, longest_first)) + r")(?!\w)")
    found: list[str] = []

    def sign(match: re.Match[str]) -> str:
        found.append(becomes[match[0]])
        return f"{OPEN}{len(found) - 1}{CLOSE}"

    return Protected(pattern.sub(sign, text), tuple(found))


def _becomes(names: Sequence[Name], outward: bool) -> dict[str, str]:
    if outward:
        return {name.term: name.rendering or name.term for name in names if name.term}
    inward = {name.term: name.term for name in names if name.term}
    return inward | {name.rendering: name.term for name in names if name.rendering}
