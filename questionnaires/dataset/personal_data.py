"""Things in an answer that a model should not learn, found by simple rules: a hint for a person, not a guarantee."""

from __future__ import annotations

import re
from collections.abc import Iterator

_EMAIL = re.compile(r"[\w.+-]+@[\w-]+(?:\.[\w-]+)+")
_CARD = re.compile(r"(?<![\d.,+])(?:\d[ -]?){12,18}\d(?![\d.,]\d)")
_PHONE = re.compile(r"(?<![\w.,])(?:\+|\(?\d)[\d ().-]{7,20}\d(?!\w)")
_GROUPED_NUMBER = re.compile(r"\d{1,3}(?: \d{3})+")  # 7 800 000 000 people
_YEARS = re.compile(r"(?:1[5-9]|20)\d\d(?:\D+(?:1[5-9]|20)\d\d)+")  # 1990-1995 - 2001
_PASSWORD = re.compile(
    r"\b(?:password|passcode|passphrase|pin(?: ?code)?|пароль|пин-?код)\b[^\S\n]*(?:is|was|[:=—-]|это)[^\S\n]*(\S+)"
    r"|\b(?P<key>(?:sk|ghp|xoxb|AKIA)[-_]?[A-Za-z0-9_-]{16,})",
    re.IGNORECASE,
)
_SHOWN = 3  # characters of what was found: enough to recognise it, too few to use it


def personal_data(text: str) -> Iterator[tuple[str, str]]:
    """Yield (kind, beginning of what was found), kinds being "password", "card", "phone" and "email"."""
    for match in _PASSWORD.finditer(text):
        yield "password", _beginning(match[1] or match["key"])
    for kind, pattern, is_one in (("card", _CARD, _is_card), ("phone", _PHONE, _is_phone)):
        yield from ((kind, _beginning(match[0])) for match in pattern.finditer(text) if is_one(match[0]))
    for match in _EMAIL.finditer(text):
        yield "email", _beginning(match[0])


def _beginning(found: str) -> str:
    return found[:_SHOWN] + "…"


def _digits(text: str) -> str:
    return "".join(filter(str.isdecimal, text))


def _is_card(text: str) -> bool:
    """The check digit of card numbers (Luhn, US patent 2,950,048, 1960)."""
    odd, even = _digits(text)[::-1][::2], _digits(text)[::-1][1::2]
    return len(odd + even) >= 13 and (sum(map(int, odd)) + sum(sum(divmod(2 * int(d), 10)) for d in even)) % 10 == 0


def _is_phone(text: str) -> bool:
    count = len(_digits(text))
    if _GROUPED_NUMBER.fullmatch(text) or _YEARS.fullmatch(text):
        return False
    return 8 <= count <= 15 if text.startswith("+") else 10 <= count <= 11
