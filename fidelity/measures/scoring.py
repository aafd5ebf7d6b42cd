"""Which option a model prefers, and how often that is the person's own.

Pure: log-probabilities or replies in, points out.
A model that reads a list favours a place in it whatever stands there (Zheng et al., 2024, arXiv:2309.03882: "Large
Language Models Are Not Robust Multiple Choice Selectors"), so the options are shown in several orders, each option in
each place equally often, and the mean is taken: a favour for a place then falls on every option alike.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import permutations
from math import factorial

import numpy as np
from numpy.typing import ArrayLike, NDArray

from fidelity.measures.film_items import FilmChoice
from fidelity.measures.words import stem, words

ALL_ORDERS_UP_TO = 6  # two options: 2 orders, three: all 6; beyond, 24 and 120 would cost minutes a report
_TIE = 1e-9  # nats: sums of the same numbers in another order differ by less
_LABEL = re.compile(r"\A\W*(?:option|answer|вариант|ответ)?\W*([1-5]|[a-e]|[а-д])(?:\W|\Z)", re.I)
_LETTERS = ("12345", "abcde", "абвгд")


@dataclass(frozen=True)
class Preference:
    """`scores`, one an option, the higher the better liked; `best` are the indices of the highest, several in a tie."""

    scores: tuple[float, ...]
    best: tuple[int, ...]


def orders(options: int, most: int = ALL_ORDERS_UP_TO) -> list[tuple[int, ...]]:
    """Orders in which to show `options` options (indices): all of them if they are at most `most`.

    Else a Williams design: `options` orders for an even number, twice as many for an odd one, with each option in each
    place and after each other option equally often (Williams, 1949, Australian Journal of Scientific Research A2).
    """
    if options < 1:
        raise ValueError(f"A choice needs options, not {options}.")
    if factorial(options) <= most:
        return list(permutations(range(options)))
    first = [(place + 1) // 2 if place % 2 else (options - place // 2) % options for place in range(options)]
    rows = [tuple((index + shift) % options for index in first) for shift in range(options)]
    return rows if options % 2 == 0 else rows + [row[::-1] for row in rows]


def rotations(options: int) -> list[tuple[int, ...]]:
    """As many orders as options, with each option once in each place: the least that a favour for a place ties on."""
    return [tuple((place + shift) % options for place in range(options)) for shift in range(options)]


def choose(log_probabilities: ArrayLike, tokens: ArrayLike, baseline: ArrayLike | None = None) -> Preference:
    """The option whose text the model finds most probable, by the mean log-probability of a token, over all orders.

    `log_probabilities`: shape (orders, options), in nats, the sum over the tokens of the text; column j is option j
    wherever it stood. `tokens`: shape (options,), tokens of each text. Dividing by them keeps long options from losing
    by length alone (Brown et al., 2020, arXiv:2005.14165, section 2.4). `baseline`: shape (options,), nats, the same
    sums after a prompt that asks nothing; subtracted, it takes out how common a text is anyway (Holtzman et al., 2021,
    arXiv:2104.08315). ValueError if shapes do not fit or a number is not finite.
    """
    sums, counts = np.atleast_2d(np.asarray(log_probabilities, float)), np.asarray(tokens, float)
    before = np.zeros(sums.shape[1]) if baseline is None else np.asarray(baseline, float)
    if sums.ndim != 2 or sums.size == 0 or counts.shape != sums.shape[1:] or before.shape != counts.shape:
        raise ValueError(f"Shapes do not fit: {sums.shape} log-probabilities, {counts.shape} tokens, {before.shape}.")
    if not (np.isfinite(sums).all() and np.isfinite(before).all() and (counts >= 1).all()):
        raise ValueError("Log-probabilities have to be finite and each option needs a token at least.")
    return _preference((sums.mean(axis=0) - before) / counts)


def choose_by_votes(votes: Sequence[int | None], options: int) -> Preference:
    """The option that replies named most often: the way for an engine without log-probabilities.

    `votes`: for each order, the index of the option named (see `option_named`) or None; scores are shares of the
    orders. Without a readable reply all options tie.
    """
    counted = Counter(vote for vote in votes if vote is not None)
    return _preference(np.array([counted[index] / max(1, len(votes)) for index in range(options)]))


def option_named(reply: str, options: Sequence[str], order: Sequence[int]) -> int | None:
    """Which option (index into `options`) a reply names, or None if it names none or several.

    Read first as the label of a place in `order` (1-5, A-E, А-Д at its beginning), unless the options themselves begin
    so; then by text: an option is named if each of its words' stems stands in the reply. Of options that contain each
    other the longest counts.
    """
    named = _by_text(reply, options)
    if len(named) == 1:
        return named[0]
    label = _LABEL.match(reply)
    if named or label is None:
        return None
    place = next(letters.index(label[1].lower()) for letters in _LETTERS if label[1].lower() in letters)
    return order[place] if place < len(order) else None


def points(preference: Preference, answer: int) -> float:
    """1 if the model prefers the person's own option, else 0; in a tie of k with it 1 / k, so for two a half."""
    return 1 / len(preference.best) if answer in preference.best else 0.0


def pair_points(first: float, second: float, preferred: int) -> float:
    """Points of a pair: 1 if the score of the preferred (0 or 1) is higher, a half for a tie."""
    return points(_preference(np.array([first, second])), preferred)


def chance(options: Sequence[int]) -> NDArray[np.float64]:
    """What guessing gets on average for each item; shape (items,), from the number of options of each."""
    return 1 / np.asarray(options, float)


def most_common(answers: Sequence[int], answer: int) -> float:
    """Points of always giving the most common answer. `answers` are those of other people; ties share."""
    counted = Counter(answers)
    scores = np.array([counted[index] for index in range(max([*answers, answer]) + 1)], float)
    return points(_preference(scores), answer)


@dataclass(frozen=True)
class FilmTest:
    """The article's test on one set. `points` as above; `ratings` of the chosen and of the best, and the set's mean."""

    points: float
    chosen: float
    best: float
    mean: float

    @property
    def regret(self) -> float:
        """How much lower the chosen film is rated than the best: 0 is perfect; in the rating's unit."""
        return self.best - self.chosen


def film_test(choice: FilmChoice, preference: Preference, ratings: dict[str, float]) -> FilmTest:
    """Compares the film chosen with the person's real ratings (of each film of the set, any scale).

    In a tie the chosen rating is the mean of the tied films.
    """
    rated = np.array([ratings[film] for film in choice.films])
    chosen = float(rated[list(preference.best)].mean())
    return FilmTest(points(preference, choice.best), chosen, float(rated.max()), float(rated.mean()))


def _preference(scores: NDArray[np.float64]) -> Preference:
    best = np.flatnonzero(scores >= scores.max() - _TIE)
    return Preference(tuple(map(float, scores)), tuple(map(int, best)))


def _by_text(reply: str, options: Sequence[str]) -> list[int]:
    said = {stem(word.text) for word in words(reply)}
    wanted = [frozenset(stem(word.text) for word in words(option)) for option in options]
    named = [index for index, stems in enumerate(wanted) if stems and stems <= said]
    return [index for index in named if not any(wanted[index] < wanted[other] for other in named)]
