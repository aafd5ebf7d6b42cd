"""An item as the screen shows it: what is asked, and the buttons."""

from __future__ import annotations

from dataclasses import dataclass

from django.utils.translation import gettext as _
from django.utils.translation import pgettext

from fidelity.answering import CHOICE, STARS, Key, Sitting
from fidelity.measures.items import known_choices, known_films
from fidelity.models import ItemAnswer


@dataclass(frozen=True)
class Button:
    """An answer: the value that is kept, the key to press for it, and its words."""

    value: int
    key: str
    words: str
    is_chosen: bool


@dataclass(frozen=True)
class Card:
    """`text` and the words of a choice's `buttons` are in the persona's language, all else in the visitor's."""

    kind: str
    item: str
    text: str
    below: str
    asks: str
    buttons: tuple[Button, ...]

    @property
    def name(self) -> str:
        """As it stands in an address."""
        return f"{self.kind}:{self.item}"


def key_of(name: str) -> Key:
    """The key that `Card.name` gives; ("", "") for a text that is none."""
    kind, _colon, item = name.partition(":")
    return kind, item


def card_of(sitting: Sitting, key: Key, *, shows_answer: bool = True) -> Card:
    """The card of an item of the sitting."""
    chosen = sitting.values.get(key) if shows_answer else None
    return _choice(sitting, key, chosen) if key[0] == CHOICE else _film(sitting, key, chosen)


def _choice(sitting: Sitting, key: Key, chosen: int | None) -> Card:
    asked = known_choices()[key[1]].asked(sitting.persona.language)
    buttons = (Button(i, str(i + 1), words, chosen == i) for i, words in enumerate(asked.options))
    return Card(*key, asked.text, "", _("Which is nearer to you?"), tuple(buttons))


def _film(sitting: Sitting, key: Key, chosen: int | None) -> Card:
    film = known_films()[key[1]]
    names = genre_names()
    below = ", ".join([str(film.year), *(names.get(genre, genre) for genre in film.genres)])
    stars = [Button(star, str(star), words, chosen == star) for star, words in enumerate(liking(), start=1)]
    unknown = Button(ItemAnswer.UNKNOWN_FILM, "0", _("I don't know it"), chosen == ItemAnswer.UNKNOWN_FILM)
    asks = _("How much do you like this film?")
    return Card(*key, film.title(sitting.persona.language), below, asks, (*stars, unknown))


def liking() -> list[str]:
    """What one to five stars mean."""
    words = [_("not at all"), _("a little"), _("so-so"), _("much"), _("very much")]
    return words[:STARS]


def genre_names() -> dict[str, str]:
    """The genres of the films in words."""
    return {
        "action": pgettext("film genre", "action"),
        "adventure": pgettext("film genre", "adventure"),
        "animation": pgettext("film genre", "animation"),
        "comedy": pgettext("film genre", "comedy"),
        "crime": pgettext("film genre", "crime"),
        "drama": pgettext("film genre", "drama"),
        "family": pgettext("film genre", "family film"),
        "fantasy": pgettext("film genre", "fantasy"),
        "history": pgettext("film genre", "history"),
        "horror": pgettext("film genre", "horror"),
        "music": pgettext("film genre", "music"),
        "musical": pgettext("film genre", "musical"),
        "mystery": pgettext("film genre", "mystery"),
        "romance": pgettext("film genre", "romance"),
        "science-fiction": pgettext("film genre", "science fiction"),
        "sport": pgettext("film genre", "sport"),
        "thriller": pgettext("film genre", "thriller"),
        "war": pgettext("film genre", "war"),
        "western": pgettext("film genre", "western"),
    }
