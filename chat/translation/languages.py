"""Which language a text is in: by its script and letters, by common words, and else by py3langid, offline."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from functools import cache
from typing import Any

from django.utils.translation import get_language_info

LANGUAGES = (
    *("en", "ru", "uk", "de", "fr", "es", "it", "pt", "pl", "nl", "sv", "da", "no", "fi", "cs", "sk", "hu", "ro"),
    *("bg", "sr", "el", "tr", "ka", "hy", "kk", "he", "ar", "fa", "hi", "zh", "ja", "ko", "vi", "id"),
)
SURE = 0.9  # py3langid's probability; below it a language that is likely anyway wins
FEW_LETTERS = 12  # a text so short says nothing by its letter statistics

_SCRIPTS = {
    "cyrillic": (r"[\u0400-\u04ff]", ("ru", "uk", "bg", "sr", "kk")),
    "greek": (r"[\u0370-\u03ff]", ("el",)),
    "hebrew": (r"[\u0590-\u05ff]", ("he",)),
    "arabic": (r"[\u0600-\u06ff]", ("ar", "fa")),
    "devanagari": (r"[\u0900-\u097f]", ("hi",)),
    "georgian": (r"[\u10a0-\u10ff]", ("ka",)),
    "armenian": (r"[\u0530-\u058f]", ("hy",)),
    "hangul": (r"[\uac00-\ud7af]", ("ko",)),
    "kana": (r"[\u3040-\u30ff]", ("ja",)),
    "han": (r"[\u4e00-\u9fff]", ("zh",)),
    "latin": (
        r"[a-z\u00c0-\u024f\u1e00-\u1eff]",
        ("en", "de", "fr", "es", "it", "pt", "pl", "nl", "sv", "da", "no", "fi", "cs", "sk", "hu", "ro", "tr", "vi",
         "id"),
    ),
}  # fmt: skip
_OWN_LETTERS = {"uk": "іїєґ", "kk": "әғқңөұүһ", "sr": "ђћљњџј", "ru": "ыэё"}  # within Cyrillic, the first that occurs
_OWN_WORDS = {"uk": {"що", "як", "чи"}, "bg": {"какво", "защо", "къде"}, "sr": {"што", "шта"}}
_ENGLISH = frozenset(
    [
        "a",
        "about",
        "and",
        "any",
        "are",
        "at",
        "can",
        "did",
        "do",
        "does",
        "for",
        "from",
        "had",
        "has",
        "have",
        "hello",
        "hey",
        "hi",
        "how",
        "i",
        "in",
        "is",
        "it",
        "me",
        "my",
        "not",
        "of",
        "ok",
        "on",
        "or",
        "tell",
        "thank",
        "thanks",
        "that",
        "the",
        "there",
        "they",
        "this",
        "to",
        "was",
        "were",
        "what",
        "when",
        "where",
        "which",
        "who",
        "why",
        "with",
        "yes",
        "you",
        "your",
    ]
)


def language_name(code: str) -> str:
    """In the reader's language; the code itself where Django knows none."""
    try:
        return str(get_language_info(_DJANGO.get(code, code))["name_translated"])
    except KeyError:
        return code


_DJANGO = {"zh": "zh-hans", "no": "nb"}


def detect(text: str, likely: Sequence[str] = ()) -> str:
    """A code of LANGUAGES, or empty for a text without letters. `likely` ones win where the text says too little."""
    script, letters = _script(text.lower())
    if not script:
        return ""
    candidates = _SCRIPTS[script][1]
    near = [code for code in likely if code in candidates]
    if len(candidates) == 1:
        return candidates[0]
    if script == "cyrillic":
        return _cyrillic(text.lower(), letters, near)
    if script == "latin" and _is_english(text):
        return "en"
    return _by_statistics(text, letters, candidates, near)


def _script(text: str) -> tuple[str, int]:
    counts = Counter({name: len(re.findall(pattern, text)) for name, (pattern, _) in _SCRIPTS.items()})
    if counts["kana"]:
        counts["kana"] += counts["han"]  # Japanese writes both
    name, letters = counts.most_common(1)[0]
    return (name, letters) if letters else ("", 0)


def _cyrillic(text: str, letters: int, near: Sequence[str]) -> str:
    for code, own in _OWN_LETTERS.items():
        if any(letter in own for letter in text):
            return code
    words = set(re.findall(r"\w+", text))
    for code, common in _OWN_WORDS.items():
        if words & common:
            return code
    if letters < 2 * FEW_LETTERS:
        return near[0] if near else "ru"
    return _by_statistics(text, letters, ("ru", "bg", "uk"), near)


def _is_english(text: str) -> bool:
    words = re.findall(r"[a-z']+", text.lower())
    return text.isascii() and 3 * sum(word in _ENGLISH for word in words) >= len(words) > 0


def _by_statistics(text: str, letters: int, candidates: Sequence[str], near: Sequence[str]) -> str:
    fallback = near[0] if near else candidates[0]
    if letters < FEW_LETTERS and text.isascii():
        return fallback
    code, probability = _identifier(tuple(candidates)).classify(text)
    is_foreign = fallback == "en" and not text.isascii()  # English needs no accents
    return str(code) if probability >= SURE or is_foreign or not near else fallback


@cache
def _identifier(candidates: tuple[str, ...]) -> Any:
    """Loaded when it is first needed: about two seconds, once."""
    from py3langid.langid import MODEL_FILE, LanguageIdentifier  # type: ignore[import-untyped]

    identifier = LanguageIdentifier.from_model_file(MODEL_FILE, norm_probs=True)
    identifier.set_languages(list(candidates))
    return identifier
