"""Leaves out the items that a training could have seen: a film that an answer names, a question that it quotes.

A title that is an everyday word ("Up", "It", "Она") counts only where it is written as a title: in quotation marks,
capitalised inside a sentence, as a whole line, or after the word "film". Where no rule can tell ("It is my favourite
film."), it is not counted.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache

from fidelity.measures.items import LANGUAGES, Choice, Film
from fidelity.measures.words import Word, sentence_at, words


def _set_of(text: str) -> frozenset[str]:
    return frozenset(word.key for word in words(text))


_QUOTES = "\"'«»“”„‘’*_"
_OPENINGS = _QUOTES + " \t(—–-•"
_ARTICLES = frozenset({"the", "a", "an"})
_SHORT = 3  # letters of a one-word title that is always taken for an everyday word, whatever its file says
_QUOTED_SHARE = 0.8  # of a question's runs of three words: one word changed in ten leaves 0.7 to 0.9 of them
# Words that stand in nearly every text, capitalised at the start of sentences: only clear signs count for them.
_FUNCTION_WORDS = _set_of("it up her us them him you we they he she оно она он мы они")
_FILM_WORDS = _set_of("film films movie movies cinema cartoon фильм фильмы кино мультфильм мультик кинокартина")
_WATCHED = _set_of("watched rewatched смотрел смотрела пересматриваю") | _FILM_WORDS


@dataclass(frozen=True)
class Mention:
    """Why an item is left out: the words that give it away and the sentence in which they stand."""

    phrase: str
    sentence: str


@dataclass(frozen=True)
class _Phrase:
    text: str
    keys: tuple[str, ...]
    capitals: tuple[bool, ...]  # which of its words a title writes with a capital
    ordinary: bool


def films_left_out(films: Iterable[Film], texts: Sequence[str]) -> dict[str, Mention]:
    """By the film's id: the films that one of the texts (training answers and questions, any language) names."""
    found = {film.id: film_mention(film, texts) for film in films}
    return {name: mention for name, mention in found.items() if mention}


def choices_left_out(choices: Iterable[Choice], texts: Sequence[str]) -> dict[str, Mention]:
    """By slug: the forced choices whose own text, in either language, stands in one of the texts."""
    found = {
        choice.slug: question_mention([choice.asked(language).text for language in LANGUAGES], texts)
        for choice in choices
    }
    return {name: mention for name, mention in found.items() if mention}


def film_mention(film: Film, texts: Iterable[str]) -> Mention | None:
    """The first place at which a text names the film by one of its titles, or None."""
    phrases = _phrases(film)
    return next((mention for text in texts for mention in _mentions(phrases, text)), None)


def question_mention(wordings: Iterable[str], texts: Iterable[str]) -> Mention | None:
    """The first place at which a text asks one of the wordings, word for word or nearly, or None.

    Nearly: at least 80 % of the wording's runs of three words (shingles: Broder, 1997) stand in the text, whatever
    their inflection; a wording of less than three words counts only if it is the whole text.
    """
    asked = [(wording, _shingles(wording)) for wording in wordings]
    for text in texts:
        have = _shingles(text)
        for wording, runs in asked:
            if runs and len(runs & have) / len(runs) >= _QUOTED_SHARE:
                return Mention(wording, text)
    return None


def _shingles(text: str) -> frozenset[tuple[str, ...]]:
    keys = [word.key for word in _words(text)]
    return frozenset(tuple(keys[start : start + 3]) for start in range(max(1, len(keys) - 2))) if keys else frozenset()


@lru_cache(maxsize=2_000)
def _words(text: str) -> tuple[Word, ...]:
    return tuple(words(text))


@lru_cache(maxsize=2_000)
def _phrases(film: Film) -> tuple[_Phrase, ...]:
    titles = {title: is_ordinary for title, is_ordinary in _titles(film) if title}
    return tuple(_phrase(title, is_ordinary) for title, is_ordinary in titles.items())


def _titles(film: Film) -> Iterator[tuple[str, bool]]:
    for language, title in zip(LANGUAGES, (film.en, film.ru), strict=True):
        is_ordinary = language in film.ordinary
        yield _without_article(title), is_ordinary
        main = title.partition(":")[0]  # "Kill Bill: Vol. 1" is spoken of as "Kill Bill"
        if main != title and not main.isdigit():
            yield _without_article(main), is_ordinary
    yield from ((title, False) for title in film.also)


def _without_article(title: str) -> str:
    first, _, rest = title.partition(" ")
    return rest if first.casefold() in _ARTICLES and rest else title


def _phrase(title: str, is_ordinary: bool) -> _Phrase:
    found = words(title)
    is_short = len(found) == 1 and len(found[0].key) <= _SHORT
    capitals = tuple(word.text[:1].isupper() for word in found)
    return _Phrase(title, tuple(word.key for word in found), capitals, is_ordinary or is_short)


def _mentions(phrases: Sequence[_Phrase], text: str) -> Iterator[Mention]:
    have = _words(text)
    keys = tuple(word.key for word in have)
    present = frozenset(keys)
    for phrase in phrases:
        if not phrase.keys or not present.issuperset(phrase.keys):
            continue
        for start in _places(phrase.keys, keys):
            found = have[start : start + len(phrase.keys)]
            before = next((word for word in reversed(have[:start]) if word.key not in _ARTICLES), None)
            if not phrase.ordinary or _is_title(phrase, found, before, text):
                yield Mention(phrase.text, sentence_at(text, found[0].start).strip())


def _places(wanted: tuple[str, ...], keys: tuple[str, ...]) -> Iterator[int]:
    size = len(wanted)
    return (start for start in range(len(keys) - size + 1) if keys[start : start + size] == wanted)


def _is_title(phrase: _Phrase, found: Sequence[Word], before: Word | None, text: str) -> bool:
    """Whether an everyday word or phrase is meant as a title here."""
    if not _is_exact(phrase, found):
        return False
    if _is_quoted(found, text) or _is_alone(found, text):
        return True
    is_function_word = all(word.key in _FUNCTION_WORDS for word in found)
    if _is_capitalised(phrase, found, text, is_function_word):
        return True
    return not is_function_word and _is_near_film_word(found, before, text)


def _is_exact(phrase: _Phrase, found: Sequence[Word]) -> bool:
    """Whether no word has an apostrophe that the title lacks: “It's” is not “It”."""
    return "'" in phrase.text or "’" in phrase.text or not any({"'", "’"} & set(word.text) for word in found)


def _is_quoted(found: Sequence[Word], text: str) -> bool:
    before = text[: found[0].start].rstrip()
    after = text[found[-1].end :].lstrip(" .,!?…:;")
    first, last = before[-1:], after[:1]
    is_article = before.casefold().endswith(("“the", '"the', "«the"))
    return (is_article or (bool(first) and first in _QUOTES)) and bool(last) and last in _QUOTES


def _is_alone(found: Sequence[Word], text: str) -> bool:
    """Whether the sentence or line holds nothing else, as in a list of favourites."""
    count = len(_words(sentence_at(text, found[0].start)))
    return count == len(found) and len(_words(text)) > 0


def _is_capitalised(phrase: _Phrase, found: Sequence[Word], text: str, is_function_word: bool) -> bool:
    sentence = sentence_at(text, found[0].start)
    if sentence.isupper() or not any(phrase.capitals):
        return False
    wanted = [word for word, is_capital in zip(found, phrase.capitals, strict=True) if is_capital]
    if not all(word.text[:1].isupper() for word in wanted):
        return False
    return any(not _begins_sentence(word, text, is_function_word) for word in wanted)


def _begins_sentence(word: Word, text: str, is_strict: bool) -> bool:
    near = text[: word.start].rstrip()
    before = near.rstrip(_OPENINGS)
    if not before or near[-1] in _QUOTES:  # a quotation begins as a sentence does: He said, "It was me."
        return True
    return before[-1] in (".!?…\n:" if is_strict else ".!?…\n")


def _is_near_film_word(found: Sequence[Word], before: Word | None, text: str) -> bool:
    """Whether it follows “the film”, or begins, with a capital, a sentence that speaks of a film."""
    if before is not None and before.key in _WATCHED and _is_joined(before, found[0], text):
        return True
    if not found[0].text[:1].isupper():
        return False
    return any(word.key in _FILM_WORDS for word in _words(sentence_at(text, found[0].start)))


def _is_joined(one: Word, other: Word, text: str) -> bool:
    return not re.search(r"[.!?…\n]", text[one.end : other.start])
