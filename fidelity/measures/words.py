"""Words of English and Russian texts, made comparable across inflection."""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass
from functools import lru_cache

import snowballstemmer

_WORD = re.compile(r"[^\W_]+(?:['’][^\W_]+)*")
_CYRILLIC = re.compile(r"[а-яё]", re.I)
_SENTENCE = re.compile(r"[^.!?…\n]+")
_POSSESSIVE = re.compile(r"'s?\Z")
_FLEETING = re.compile(r"(?<=..)[ео](?=[^аеиоуыэюя]\Z)")  # крёстный отец, крёстного отца
_UNSTEMMED = 3  # letters: cut further, "она", "оно" and "он" would be one
_STEMMERS = {"en": snowballstemmer.stemmer("english"), "ru": snowballstemmer.stemmer("russian")}


@dataclass(frozen=True)
class Word:
    """A word of a text. `start` and `end` are its place there, in characters; `key` is equal in other inflections."""

    text: str
    key: str
    start: int
    end: int


def words(text: str) -> list[Word]:
    """The words of a text in order. English is compared letter by letter, Russian by stems."""
    return [Word(found[0], key(found[0]), *found.span()) for found in _WORD.finditer(text)]


def sentence_at(text: str, place: int) -> str:
    """The sentence (or line) that holds the character at `place`."""
    return next((each[0] for each in _SENTENCE.finditer(text) if each.start() <= place < each.end()), text)


def sentences(text: str) -> list[str]:
    """The sentences (or lines) of a text that are not blank."""
    return [each[0].strip() for each in _SENTENCE.finditer(text) if each[0].strip()]


def is_cyrillic(text: str) -> bool:
    return _CYRILLIC.search(text) is not None


@lru_cache(maxsize=50_000)
def key(word: str) -> str:
    """What stays of a word in other inflections: of Russian the stem (Porter's Snowball) without a fleeting vowel; of
    English the letters without accents and possessive ending."""
    lower = word.casefold().replace("ё", "е").replace("’", "'")
    if is_cyrillic(lower):
        if len(lower) <= _UNSTEMMED:
            return lower
        return _FLEETING.sub("", str(_STEMMERS["ru"].stemWord(lower))).replace("ь", "")
    plain = "".join(letter for letter in unicodedata.normalize("NFKD", lower) if not unicodedata.combining(letter))
    return _POSSESSIVE.sub("", plain)


@lru_cache(maxsize=50_000)
def stem(word: str) -> str:
    """The stem of an English or a Russian word (Porter's Snowball), for comparing what two texts speak of."""
    lower = key(word)
    return lower if is_cyrillic(lower) else str(_STEMMERS["en"].stemWord(lower))
