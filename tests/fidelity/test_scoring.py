"""Preferences from log-probabilities and replies: each with an example computed by hand."""

from collections import Counter
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from fidelity.measures.film_items import FilmChoice
from fidelity.measures.scoring import (
    Preference,
    chance,
    choose,
    choose_by_votes,
    film_test,
    most_common,
    option_named,
    orders,
    pair_points,
    points,
)

OPTIONS = ("before ten", "around midnight", "after two")


def test_up_to_three_options_are_shown_in_every_order():
    assert sorted(orders(2)) == [(0, 1), (1, 0)]
    assert len(set(orders(3))) == 6
    assert len(set(orders(4, most=24))) == 24


@given(st.integers(4, 9))
def test_more_options_stand_in_each_place_and_after_each_other_equally_often(options):
    shown = orders(options)
    assert len(shown) == (options if options % 2 == 0 else 2 * options)
    assert all(sorted(order) == list(range(options)) for order in shown)
    places = Counter((place, option) for order in shown for place, option in enumerate(order))
    follows = Counter(pair for order in shown for pair in pairwise(order))
    assert len(set(places.values())) == 1 and len(places) == options**2
    assert len(set(follows.values())) == 1 and len(follows) == options * (options - 1)


def test_no_options_are_refused():
    with pytest.raises(ValueError, match="needs options"):
        orders(0)


def test_the_mean_log_probability_of_a_token_decides():
    # Means over the orders: -6, -5; over the tokens -6 / 3 = -2 and -5 / 1 = -5: the longer text wins.
    preference = choose([[-4.0, -6.0], [-8.0, -4.0]], [3, 1])
    assert preference == Preference((-2.0, -5.0), (0,))


def test_a_baseline_takes_out_how_common_a_text_is():
    # (-6 - -9) / 3 = 1 and (-5 - -8) / 1 = 3.
    assert choose([[-6.0, -5.0]], [3, 1], [-9.0, -8.0]) == Preference((1.0, 3.0), (1,))


@pytest.mark.parametrize(
    ("values", "tokens"),
    [([[-1.0, -2.0]], [1]), ([[-1.0, float("nan")]], [1, 1]), ([[-1.0, -2.0]], [1, 0]), ([[]], [])],
)
def test_what_cannot_be_compared_is_refused(values, tokens):
    with pytest.raises(ValueError, match=r"fit|finite"):
        choose(values, tokens)


@given(st.integers(2, 5), st.data())
def test_a_model_that_sees_only_the_place_gains_nothing(options, data):
    favour = data.draw(st.lists(st.floats(-20, 0), min_size=options, max_size=options))
    table = np.zeros((len(orders(options)), options))
    for row, order in enumerate(orders(options)):
        for place, option in enumerate(order):
            table[row, option] = favour[place]
    preference = choose(table, np.ones(options))
    assert preference.best == tuple(range(options))
    assert points(preference, 0) == pytest.approx(1 / options)


@given(st.integers(2, 5), st.data())
def test_relabelling_the_options_relabels_the_preference(options, data):
    sums = np.array(data.draw(st.lists(st.floats(-50, 0), min_size=options, max_size=options)))
    shuffled = data.draw(st.permutations(range(options)))
    best = choose(sums[None], np.ones(options)).best
    assert {shuffled[index] for index in choose(sums[None, shuffled], np.ones(options)).best} == set(best)


def test_a_tie_of_two_counts_half_and_a_wrong_choice_nothing():
    assert points(Preference((1.0, 1.0, 0.0), (0, 1)), 1) == 0.5
    assert points(Preference((1.0, 0.0), (0,)), 0) == 1
    assert points(Preference((1.0, 0.0), (0,)), 1) == 0
    assert pair_points(2.0, 1.0, 0) == 1
    assert pair_points(2.0, 1.0, 1) == 0
    assert pair_points(2.0, 2.0, 1) == 0.5


def test_the_option_that_replies_name_most_often_is_preferred():
    assert choose_by_votes([0, 0, 1, None], 3) == Preference((0.5, 0.25, 0.0), (0,))
    assert choose_by_votes([None, None], 2).best == (0, 1)


@pytest.mark.parametrize(
    ("reply", "named"),
    [
        ("2", 0),
        ("B) it depends", 0),
        ("Option 3.", 1),
        ("I'd fall asleep around midnight.", 1),
        ("Before ten, after two, who knows", None),
        ("Always tired.", None),
        ("5", None),
        ("", None),
    ],
)
def test_a_reply_is_read_by_text_and_by_the_label_of_its_place(reply, named):
    assert option_named(reply, OPTIONS, (2, 0, 1)) == named


def test_a_russian_reply_is_read_in_another_inflection():
    options = ("рецепт по книге", "вопрос знакомым")
    assert option_named("Начну с вопросов к знакомым", options, (0, 1)) == 1
    assert option_named("Б", options, (1, 0)) == 0


def test_of_options_within_each_other_the_longest_counts():
    assert option_named("a good one", ("good", "a good one"), (0, 1)) == 1


def test_chance_and_the_most_common_answer():
    assert chance([2, 5]).tolist() == [0.5, 0.2]
    assert most_common([0, 0, 1], 0) == 1
    assert most_common([0, 0, 1], 1) == 0
    assert most_common([0, 1], 1) == 0.5
    assert most_common([0], 3) == 0


def test_the_articles_test_compares_the_chosen_film_with_the_ratings():
    ratings = {"a": 5.0, "b": 3.0, "c": 1.0}
    found = film_test(FilmChoice(("c", "a", "b"), 1), Preference((0.0, -1.0, 0.0), (0, 2)), ratings)
    assert (found.points, found.chosen, found.best, found.mean, found.regret) == (0, 2.0, 5.0, 3.0, 3.0)
    assert film_test(FilmChoice(("c", "a", "b"), 1), Preference((0.0, 1.0, 0.0), (1,)), ratings).points == 1
