"""Things in an answer that a model should not learn or tell: a hint for a person, not a guarantee.

Telephone numbers are recognised by libphonenumber's rules, account and card numbers by their check digits (stdnum),
keys by the patterns of detect-secrets. Passwords in prose, addresses and other people's full names have no library that
fits into a small program; simple rules find the usual ways to write them.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cache
from importlib import import_module
from typing import Any

SHOWN = 3  # characters of what was found: enough to recognise it, too few to use it
REPLACEMENT = "[…]"

_EMAIL = re.compile(r"[\w.+-]+@[\w-]+(?:\.[\w-]+)+")
_CARD = re.compile(r"(?<![\w.,+])(?:\d[ -]?){12,18}\d(?![\d.,]\d)")
_ACCOUNT = re.compile(r"\b[A-Z]{2}\d{2}(?: ?[A-Z0-9]){11,30}\b")
_SOCIAL_SECURITY = re.compile(r"\b\d{3}-\d{2}-\d{4}\b")
_YEARS = re.compile(r"(?:1[5-9]|20)\d\d(?:\D+(?:1[5-9]|20)\d\d)+")  # 1990-1995 - 2001
_PASSWORD = re.compile(
    r"\b(?:password|passcode|passphrase|pin(?: ?code)?|пароль|пин-?код)\b"
    r"[^\S\n]*(?:is|was|[:=—-]|это)[^\S\n]*(?!\[…\])(\S+)"
    r"|\b((?:sk|ghp|xoxb|AKIA)[-_]?[A-Za-z0-9_-]{16,})",
    re.IGNORECASE,
)
_ADDRESS = re.compile(
    r"\b\d{1,5}[A-Za-z]?,? (?:[A-Z][\w'’-]+ ){1,3}"
    r"(?:Street|St|Road|Rd|Avenue|Ave|Lane|Drive|Court|Boulevard|Blvd|Close|Square|Terrace|Crescent)\b"
    r"|\b(?:ул\.|улиц[аеуы]|пр-т|проспект[ае]?|пер\.|переулк?[ае]?) ?[А-ЯЁ][\w-]+(?: [А-ЯЁ][\w-]+)?"
    r",? (?:д\.|дом[ае]?)? ?\d+\w?"
)
_CLOSE = (
    "friend|neighbou?r|boss|colleague|brother|sister|cousin|uncle|aunt|wife|husband|girlfriend|boyfriend|partner|teacher|"
    "doctor|mother|father|son|daughter|ex"
)
_CLOSE_RUSSIAN = "друг|подруг|сосед|начальни|коллег|брат|сестр|дяд|тёт|тет|жен|муж|учител|врач|мам|пап|сын|доч|бывш"
_FULL_NAME = re.compile(
    rf"\b(?:[Mm]y|[Oo]ur) (?:[\w-]+ ){{0,2}}?(?:{_CLOSE})(?:,| called| named| is)? ([A-Z][\w'’-]+ [A-Z][\w'’-]+)"
    rf"|\b(?:[Мм]о|[Нн]аш)[а-я]+ (?:[\w-]+ ){{0,2}}?(?:{_CLOSE_RUSSIAN})[а-яё]*,?(?: зовут)? "
    r"([А-ЯЁ][\w-]+ [А-ЯЁ][\w-]+)"
)
_REGIONS = ("US", "GB", "RU")  # whose national ways to write a number are known beside the international one
_REGIONS_OF_LANGUAGE = {"de": ("DE", "AT", "CH"), "fr": ("FR", "BE"), "es": ("ES", "MX"), "it": ("IT",), "uk": ("UA",)}
_FEWEST_DIGITS = 7  # of a telephone number
_KEY_DETECTORS = {  # modules of detect_secrets.plugins; those for configuration files judge prose wrongly
    "aws": "AWSKeyDetector",
    "azure_storage_key": "AzureStorageKeyDetector",
    "basic_auth": "BasicAuthDetector",
    "discord": "DiscordBotTokenDetector",
    "github_token": "GitHubTokenDetector",
    "jwt": "JwtTokenDetector",
    "npm": "NpmDetector",
    "private_key": "PrivateKeyDetector",
    "sendgrid": "SendGridDetector",
    "slack": "SlackDetector",
    "stripe": "StripeDetector",
    "twilio": "TwilioKeyDetector",
}


@dataclass(frozen=True)
class Found:
    """A place in a text. `kind` is the code of the finding: password, card, account, id_number, phone, email, address
    or full_name.
    """

    kind: str
    start: int
    end: int


def personal_data(text: str, language: str = "en") -> Iterator[Found]:
    """What was found, kind by kind; what is part of something found before is left out."""
    taken: list[Found] = []
    for search in (_passwords, _keys, _accounts, _cards, _phones, _emails, _addresses, _names):
        for found in search(text, language):
            if not any(found.start < other.end and other.start < found.end for other in taken):
                taken.append(found)
                yield found


def beginning(text: str, found: Found) -> str:
    """The first characters of what was found, to show."""
    return text[found.start : found.end][:SHOWN] + "…"


def taken_out(text: str, kind: str, language: str = "en") -> str:
    """The text with all that is of a kind replaced by a sign; of a full name the second part is shortened."""
    for found in sorted(personal_data(text, language), key=lambda each: -each.start):
        if found.kind == kind:
            words = text[found.start : found.end]
            short = f"{words.split()[0]} {words.split()[1][0]}." if kind == "full_name" else REPLACEMENT
            text = text[: found.start] + short + text[found.end :]
    return text


def _passwords(text: str, _language: str) -> Iterator[Found]:
    for match in _PASSWORD.finditer(text):
        group = 1 if match[1] else 2
        yield Found("password", match.start(group), match.end(group))


def _keys(text: str, _language: str) -> Iterator[Found]:
    if len(text) < 20 or not re.search(r"[\w+/=-]{16}|://\S+:\S+@|PRIVATE KEY", text):
        return
    for detector in _detectors():
        for secret in detector.analyze_string(text):
            if (start := text.find(secret)) >= 0:
                yield Found("password", start, start + len(secret))


@cache
def _detectors() -> list[Any]:
    """Loaded when a text has something that could be a key: it takes half a second."""
    modules = {name: import_module(f"detect_secrets.plugins.{name}") for name in _KEY_DETECTORS}
    return [getattr(modules[name], detector)() for name, detector in _KEY_DETECTORS.items()]


def _accounts(text: str, _language: str) -> Iterator[Found]:
    from stdnum import iban
    from stdnum.us import ssn

    yield from _valid("account", _ACCOUNT, text, iban.is_valid)
    yield from _valid("id_number", _SOCIAL_SECURITY, text, ssn.is_valid)


def _cards(text: str, _language: str) -> Iterator[Found]:
    from stdnum import luhn

    yield from _valid("card", _CARD, text, lambda found: luhn.is_valid(re.sub(r"\D", "", found)))


def _valid(kind: str, pattern: re.Pattern[str], text: str, is_valid: Callable[[str], bool]) -> Iterator[Found]:
    yield from (Found(kind, *match.span()) for match in pattern.finditer(text) if is_valid(match[0]))


def _phones(text: str, language: str) -> Iterator[Found]:
    if sum(map(str.isdigit, text)) < _FEWEST_DIGITS:
        return
    from phonenumbers import PhoneNumberMatcher

    for region in (*_REGIONS, *_REGIONS_OF_LANGUAGE.get(language[:2], ())):
        for match in PhoneNumberMatcher(text, region):
            if not _YEARS.fullmatch(match.raw_string):
                yield Found("phone", match.start, match.end)


def _emails(text: str, _language: str) -> Iterator[Found]:
    yield from (Found("email", *match.span()) for match in _EMAIL.finditer(text))


def _addresses(text: str, _language: str) -> Iterator[Found]:
    yield from (Found("address", *match.span()) for match in _ADDRESS.finditer(text))


def _names(text: str, _language: str) -> Iterator[Found]:
    for match in _FULL_NAME.finditer(text):
        group = 1 if match[1] else 2
        yield Found("full_name", match.start(group), match.end(group))
