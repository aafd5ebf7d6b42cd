"""From a person's ratings of films to what is asked: choices among several films, and pairs of films alike."""

from __future__ import annotations

import random
from collections.abc import Mapping
from dataclasses import dataclass

FILM_QUESTION = {
    "en": "Which of these films do you like best?",
    "ru": "Какой из этих фильмов вам нравится больше всех?",
}


@dataclass(frozen=True)
class FilmChoice:
    """Films (ids) offered together, and the index of the one that the person rated higher than each other."""

    films: tuple[str, ...]
    best: int


def film_choices(ratings: Mapping[str, float], size: int = 5, seed: int = 0) -> list[FilmChoice]:
    """The article's test: sets of `size` films of which the person rated one highest, alone.

    A film stands in one set at most, so that sets are independent and a bootstrap over them is honest; chance is then
    exactly 1 / size. `ratings` maps a film's id to the person's rating, on any scale. The same for the same arguments.
    """
    if size < 2:
        raise ValueError(f"A choice needs at least 2 films, not {size}.")
    shuffle = random.Random(seed)  # noqa: S311  (a draw of items, no secret)
    pool = sorted(ratings)
    shuffle.shuffle(pool)
    pool.sort(key=lambda film: -ratings[film])  # stable: films of one rating stay shuffled
    drawn = []
    while pool:
        best = pool.pop(0)
        lower = [film for film in pool if ratings[film] < ratings[best]]
        if len(lower) < size - 1:
            continue
        films = [best, *shuffle.sample(lower, size - 1)]
        pool = [film for film in pool if film not in films]
        shuffle.shuffle(films)
        drawn.append(FilmChoice(tuple(films), films.index(best)))
    return drawn


def film_pairs(
    ratings: Mapping[str, float], alike: Mapping[str, float], tolerance: float, seed: int = 0
) -> list[FilmChoice]:
    """Pairs of films that the person rated differently though `alike` says that they are nearly the same.

    With the mean rating of many people as `alike`, popularity cannot tell the films of a pair apart: only taste can.
    With the person's own ratings and a tolerance of one step, these are the hard pairs, of similarly liked films.
    `tolerance` is in the unit of `alike`. A film stands in one pair at most (see `film_choices`); films that `alike`
    lacks are left out.
    """
    shuffle = random.Random(seed)  # noqa: S311
    pool = sorted(film for film in ratings if film in alike)
    shuffle.shuffle(pool)
    pool.sort(key=lambda film: alike[film])
    pairs = []
    while pool:
        film = pool.pop(0)
        partner = next((other for other in pool if ratings[other] != ratings[film]), None)
        if partner is None or alike[partner] - alike[film] > tolerance + 1e-9:
            continue
        pool.remove(partner)
        films = [film, partner]
        shuffle.shuffle(films)
        pairs.append(FilmChoice(tuple(films), int(ratings[films[1]] > ratings[films[0]])))
    return pairs
