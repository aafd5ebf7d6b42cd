"""What a fidelity report asks: films, forced choices, and facts in a wording that training did not see."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any, TypeVar

import yaml

from questionnaires.dataset import Item

_T = TypeVar("_T")

DATA = Path(__file__).parent.parent / "data"
LANGUAGES = ("en", "ru")
FEWEST_OPTIONS, MOST_OPTIONS = 2, 5


class ItemsError(ValueError):
    """A file of items that cannot be used. The message says what is wrong, in which entry, and what to do."""


@dataclass(frozen=True)
class Film:
    """A film. `en` and `ru` are its titles ("" if it has none), `also` further names that give it away.

    `ordinary` are the languages in which the title is an everyday word or phrase, too.
    """

    id: str
    en: str
    ru: str
    year: int
    genres: tuple[str, ...] = ()
    ordinary: tuple[str, ...] = ()
    also: tuple[str, ...] = ()

    def title(self, language: str) -> str:
        """The title in a language, or the one that there is."""
        return (self.ru if language == "ru" else self.en) or self.en or self.ru


@dataclass(frozen=True)
class Asked:
    """A forced choice in one language: what is asked and the two to five options."""

    text: str
    options: tuple[str, ...]


@dataclass(frozen=True)
class Choice:
    """A forced choice. The options stand in the same order in each language; `topic` is one of the question bank."""

    slug: str
    topic: str
    en: Asked
    ru: Asked

    def asked(self, language: str) -> Asked:
        return self.ru if language == "ru" else self.en


@dataclass(frozen=True)
class Fact:
    """A question in the wording that training did not see, and the person's own answer ("" if never answered)."""

    slug: str
    question: str
    answer: str = ""
    language: str = "en"

    @property
    def was_told(self) -> bool:
        return bool(self.answer.strip())


def films_read(path: Path = DATA / "films.yaml") -> tuple[Film, ...]:
    """The films of a file, in its order. ItemsError if an entry is incomplete or an id stands twice."""
    return _unique([_film(entry, place) for place, entry in _entries(path)], path, lambda film: film.id)


def choices_read(path: Path = DATA / "choices.yaml") -> tuple[Choice, ...]:
    """The forced choices of a file, in its order. ItemsError as for `films_read`."""
    return _unique([_choice(entry, place) for place, entry in _entries(path)], path, lambda choice: choice.slug)


@cache
def known_choices() -> Mapping[str, Choice]:
    """The choices that come with the program, by slug."""
    return {choice.slug: choice for choice in choices_read()}


@cache
def known_films() -> Mapping[str, Film]:
    """The films that come with the program, by id."""
    return {film.id: film for film in films_read()}


def fact_of(item: Item) -> Fact | None:
    """The fact that an item gives, or None if no wording of it is held out."""
    return Fact(item.source, item.held_out, item.answer, item.language) if item.held_out else None


def listed(text: str, options: Sequence[str], order: Sequence[int]) -> str:
    """A question with its options in the given order (indices), as it is put to a model."""
    return f"{text} {' / '.join(options[index] for index in order)}"


def _entries(path: Path) -> list[tuple[str, dict[str, Any]]]:
    """(where, entry) of a YAML list; `where` names the file and the entry's number from 1."""
    try:
        read = yaml.safe_load(path.read_text("utf-8"))
    except yaml.YAMLError as error:
        raise ItemsError(f"{path.name} is not valid YAML: {error}. Mend it there.") from error
    if not isinstance(read, list):
        raise ItemsError(f"{path.name} has to be a list of entries, each beginning with “- ”.")
    found = [(f"{path.name}, entry {number}", entry) for number, entry in enumerate(read, start=1)]
    for where, entry in found:
        if not isinstance(entry, dict):
            raise ItemsError(f"{where} has no fields. Write it as “name: value” lines.")
    return found


def _film(entry: dict[str, Any], where: str) -> Film:
    titles = [str(entry.get(language) or "") for language in LANGUAGES]
    if not entry.get("id") or not any(titles) or not isinstance(entry.get("year"), int):
        raise ItemsError(f"{where} needs an id, a title (en or ru) and a year in digits.")
    genres, ordinary, also = (tuple(map(str, entry.get(name) or ())) for name in ("genres", "ordinary", "also"))
    return Film(str(entry["id"]), titles[0], titles[1], entry["year"], genres, ordinary, also)


def _choice(entry: dict[str, Any], where: str) -> Choice:
    if not entry.get("slug") or not entry.get("topic"):
        raise ItemsError(f"{where} needs a slug and a topic.")
    english, russian = (_asked(entry.get(language), f"{where} ({language})") for language in LANGUAGES)
    if len(english.options) != len(russian.options):
        raise ItemsError(
            f"{where} has {len(english.options)} options in English and {len(russian.options)} in Russian."
        )
    return Choice(str(entry["slug"]), str(entry["topic"]), english, russian)


def _asked(entry: Any, where: str) -> Asked:
    if not isinstance(entry, dict) or not entry.get("text"):
        raise ItemsError(f"{where} needs a text and options.")
    options = tuple(map(str, entry.get("options") or ()))
    if not FEWEST_OPTIONS <= len(options) <= MOST_OPTIONS or len(set(options)) != len(options):
        raise ItemsError(f"{where} needs {FEWEST_OPTIONS} to {MOST_OPTIONS} different options.")
    return Asked(str(entry["text"]), options)


def _unique(found: list[_T], path: Path, name_of: Callable[[_T], str]) -> tuple[_T, ...]:
    seen: set[str] = set()
    for each in found:
        name = name_of(each)
        if name in seen:
            raise ItemsError(f"“{name}” stands twice in {path.name}. Give one of them another name.")
        seen.add(name)
    return tuple(found)
