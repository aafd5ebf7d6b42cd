"""A person's text on its way into a prompt and out of a reply: made storable, and unable to forge a marker.

`normalise` changes a text, so it belongs at the border where the person can be told: the file readers and the saving
of an answer call it. `Escaping` changes nothing for good: the renderers apply it, and undo it.
"""

from __future__ import annotations

import re

WORD_JOINER = "\u2060"
LINE_BREAKS = "\n\r\v\f\x1c\x1d\x1e\x85\u2028\u2029"


def normalise(text: str) -> tuple[str, list[str]]:
    """Return the text as a database can store it, and what was done to it.

    The list holds, in this order and each at most once: "nul" (NUL characters dropped; PostgreSQL refuses them),
    "surrogates" (halves of UTF-16 pairs joined, lone ones replaced by U+FFFD; no UTF-8 can hold them), "line_endings"
    (CRLF and CR turned into LF). Normalising twice is the same as once.
    """
    done: list[str] = []
    for name, step in (("nul", _drop_nul), ("surrogates", _replace_surrogates), ("line_endings", _unify_line_endings)):
        changed = step(text)
        if changed != text:
            done.append(name)
        text = changed
    return text, done


def _drop_nul(text: str) -> str:
    return text.replace("\x00", "")


def _replace_surrogates(text: str) -> str:
    return text.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")


def _unify_line_endings(text: str) -> str:
    return text.replace("\r\n", "\n").replace("\r", "\n")


class Escaping:
    """A reversible escape: a word joiner (U+2060) put inside every marker, existing word joiners doubled.

    `pattern` matches the head of a marker, up to the place of the joiner, and looks ahead at the rest. It must match
    no word joiner at its ends: then an added joiner always stands alone between two other characters (or ends the
    text), while joiners of the text itself come in even runs, so `undo` can tell them apart. `signs` are texts of which
    each match, with what it looks ahead at, holds one: a text without any is not searched, which is ten times faster.
    """

    def __init__(self, pattern: str, signs: tuple[str, ...]) -> None:
        self._head = re.compile(pattern)
        self._joiner = re.compile(f"{WORD_JOINER}({WORD_JOINER}?)")
        self._signs = (*signs, WORD_JOINER)

    def apply(self, text: str) -> str:
        for sign in self._signs:
            if sign in text:
                doubled = text.replace(WORD_JOINER, WORD_JOINER * 2)
                return self._head.sub(lambda head: head[0] + WORD_JOINER, doubled)
        return text

    def undo(self, text: str) -> str:
        return self._joiner.sub(r"\1", text) if WORD_JOINER in text else text
