"""Whether a chat message can stand alone. Pure, and without numpy: the chat asks it, too."""

from __future__ import annotations

import re

FOLLOW_UP_WORDS = 3
PRONOUN_WORDS = 7
"""A pronoun in a longer message usually points at something inside it."""

_CONNECTIVE = re.compile(
    r"(and|but|so|then|that|those|these|а|и|но|тогда|это)\b|(why|how so|почему|зачем)\W*$", re.IGNORECASE
)
_PRONOUN = re.compile(
    r"\b(it|its|they|them|their|he|she|him|his|her|you two|он|она|они|оно|его|её|ее|их|ему|ей|им|это|этот|эта|эти"
    r"|него|неё|нее|них|нему|ней|ним|нём|нем|ними)\b|\b(then|there|that|тогда|там)\W*$|\b(did|was|is|does) that\b",
    re.IGNORECASE,
)
_WORD = re.compile(r"\w+")


def needs_context(query: str) -> bool:
    """Whether a message leans on the turn before: it is very short, starts with "and", or is short with a pronoun."""
    words = len(_WORD.findall(query))
    if words <= FOLLOW_UP_WORDS or _CONNECTIVE.match(query.strip()):
        return True
    return words <= PRONOUN_WORDS and bool(_PRONOUN.search(query))
