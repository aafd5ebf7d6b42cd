"""Intervals, tests and powers: examples computed by hand, and coverage by simulation."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from fidelity.measures.bootstrap import accuracy, compare, more_items, normalised
from fidelity.measures.items import choices_read
from fidelity.measures.scoring import chance, choose, orders, points

POINTS = st.lists(st.sampled_from([0.0, 0.5, 1.0]), min_size=1, max_size=30)


@given(POINTS)
def test_the_interval_holds_the_value_and_stays_between_0_and_1(points):
    found = accuracy(points, resamples=200)
    assert 0 <= found.low <= found.value <= found.high <= 1
    assert found.value == pytest.approx(np.mean(points))
    assert found == accuracy(points, resamples=200)


def test_the_interval_of_two_items_is_known():
    # Of (0, 1) a resample has mean 0, 1/2 or 1, with 1/4, 1/2 and 1/4 of the draws.
    assert accuracy([0, 1]).low == 0 and accuracy([0, 1]).high == 1
    middle = accuracy([0, 1], level=0.4)
    assert (middle.low, middle.high) == (0.5, 0.5)


def test_all_right_is_not_certain():
    # Clopper and Pearson for 10 of 10: 0.025 ^ (1 / 10) = 0.6915.
    found = accuracy([1.0] * 10)
    assert (found.low, found.high) == (pytest.approx(0.6915, abs=1e-4), 1)
    assert accuracy([0.0] * 10).high == pytest.approx(1 - 0.6915, abs=1e-4)


@pytest.mark.parametrize(("chance_right", "items"), [(0.5, 60), (0.75, 80)])
def test_the_interval_covers_the_truth_as_often_as_stated(chance_right, items):
    generator = np.random.default_rng(7)
    samples = generator.random((400, items)) < chance_right
    found = [accuracy(sample, resamples=400, seed=seed) for seed, sample in enumerate(samples)]
    covered = np.mean([each.low <= chance_right <= each.high for each in found])
    assert 0.91 <= covered <= 0.98  # 0.95, of which a bootstrap of so few items lacks a little; 0.011 is the error


def test_items_that_share_a_person_are_drawn_together():
    points, people = [1, 1, 1, 1, 0, 0, 0, 0], list("aaaabbbb")
    assert accuracy(points, groups=people).items == 2
    assert accuracy(points, groups=people).low == 0
    assert accuracy(points).low > 0


def test_groups_of_unlike_size_count_by_their_items():
    assert accuracy([1, 0, 0, 0], groups=["a", "b", "b", "b"]).value == 0.25


@pytest.mark.parametrize("points", [[], [float("nan")], [[1.0], [0.0]]])
def test_points_that_are_none_are_refused(points):
    with pytest.raises(ValueError):
        accuracy(points)


def test_groups_of_another_length_are_refused():
    with pytest.raises(ValueError, match="as many groups"):
        accuracy([1, 0], groups=["a"])


def test_a_difference_of_four_items_is_known():
    # All four differ by 1: of the 16 flips only two give a sum of 4 or -4, so p = 2 / 16.
    found = compare([1, 1, 1, 1, 1], [0, 0, 0, 0, 1])
    assert found.difference.value == 0.8
    assert found.p_value == 2 / 16
    assert not found.tells()


def test_eight_of_eight_differences_tell():
    assert compare([1] * 8, [0] * 8).p_value == 2 / 2**8
    assert compare([1] * 8, [0] * 8).tells()


def test_drawn_flips_come_near_the_exact_value():
    # 13 of 20 differences one way: 2 * P(X >= 13) of a binomial of 20 halves is 0.2632.
    assert compare([1] * 13 + [0] * 7, [0] * 13 + [1] * 7).p_value == pytest.approx(0.2632, abs=0.015)
    assert compare([1] * 40, [0] * 40).p_value == pytest.approx(1 / 16385)


def test_equal_sides_do_not_differ_and_the_interval_admits_doubt():
    found = compare([1, 0, 1], [1, 0, 1])
    assert found.p_value == 1
    assert found.difference.low < 0 == found.difference.value < found.difference.high


@given(POINTS, st.data())
def test_the_sides_change_the_sign_only(points, data):
    control = data.draw(st.lists(st.sampled_from([0.0, 0.5, 1.0]), min_size=len(points), max_size=len(points)))
    one, other = compare(points, control, resamples=100), compare(control, points, resamples=100)
    assert one.difference.value == pytest.approx(-other.difference.value)
    assert 0 < one.p_value <= 1
    if len(points) <= 14:
        assert one.p_value == other.p_value


def test_the_test_is_wrong_as_rarely_as_stated():
    generator = np.random.default_rng(3)
    pairs = generator.integers(2, size=(200, 2, 40)).astype(float)
    false_alarms = np.mean([compare(one, other, resamples=10).tells() for one, other in pairs])
    assert false_alarms <= 0.09  # 0.05 and two and a half standard errors


def test_other_items_on_the_other_side_are_refused():
    with pytest.raises(ValueError, match="same items"):
        compare([1, 0], [1])


def test_a_copy_of_the_person_reaches_the_ceiling_exactly():
    generator = np.random.default_rng(1)
    again = {str(item): float(generator.random() < 0.8) for item in range(40)}
    found = normalised(again, again)
    assert found.ratio.value == 1
    assert (found.ratio.low, found.ratio.high) == (1, 1)


def test_the_normalised_score_has_both_parts():
    # 2 of 4 over 4 of 5 is 0.625; less a chance of 0.25 on both sides 0.25 / 0.55.
    agreement = {"a": 1.0, "b": 1.0, "c": 0.0, "d": 0.0}
    retest = {"a": 1.0, "b": 1.0, "c": 1.0, "d": 0.0, "e": 1.0}
    found = normalised(agreement, retest)
    assert found.ratio.value == pytest.approx(0.625)
    assert (found.agreement.value, found.self_agreement.value) == (0.5, 0.8)
    assert found.ratio.low <= 0.625 <= found.ratio.high
    assert normalised(agreement, retest, chance=0.25).ratio.value == pytest.approx(0.25 / 0.55)


def test_chance_is_taken_from_both_sides_in_the_interval_too():
    agreement, retest = ({str(item): float(item < right) for item in range(200)} for right in (120, 160))
    ratio = normalised(agreement, retest, chance=0.25).ratio
    assert ratio.value == pytest.approx(0.35 / 0.55)
    assert ratio.low < ratio.value < ratio.high
    assert ratio.high - ratio.low < 0.3


def test_without_a_ceiling_there_is_no_normalised_score():
    assert normalised({"a": 1.0}, {"a": 0.0}) is None
    assert normalised({"a": 1.0}, {"a": 0.5, "b": 0.5}, chance=0.5) is None


def test_a_perfect_retest_of_few_items_leaves_doubt():
    found = normalised({"a": 1.0, "b": 0.0, "c": 1.0}, {"a": 1.0, "b": 1.0, "c": 1.0})
    assert found.ratio.low <= found.agreement.value <= found.ratio.high
    assert found.ratio.high > 1


def test_the_interval_of_the_normalised_score_covers_the_truth():
    generator = np.random.default_rng(5)
    covered = 0
    for seed in range(150):
        agreement = {str(item): float(right) for item, right in enumerate(generator.random(150) < 0.6)}
        retest = {str(item): float(right) for item, right in enumerate(generator.random(40) < 0.8)}
        found = normalised(agreement, retest, resamples=300, seed=seed).ratio
        covered += found.low <= 0.75 <= found.high
    assert 0.88 <= covered / 150 <= 0.99


def test_how_many_more_items_would_tell_is_known():
    # Differences 1, 0, 0, 0: mean 0.25, deviation 0.5; (1.95996 + 0.84162)^2 * 4 = 31.4, so 32 in all, 28 more.
    assert more_items([1, 0, 0, 0], [0, 0, 0, 0]) == 28
    assert more_items([1] * 10, [0] * 10) == 0
    assert more_items([1, 1], [0, 0]) == 4  # six signs at least
    assert more_items([1, 0], [0, 1]) is None
    assert more_items([1], [0]) is None


def test_that_many_items_tell_as_often_as_stated():
    # A right in 0.75, the control in 0.5, independently: the items that more_items wants give a power of about 0.8.
    generator = np.random.default_rng(11)
    pilot = generator.random((2, 20_000)) < np.array([[0.75], [0.5]])
    mean, deviation = np.ptp(pilot.mean(axis=1)), np.std(pilot[0].astype(float) - pilot[1])
    # Two items with the same mean and deviation stand for the pilot.
    spread = deviation / np.sqrt(2)
    wanted = 2 + more_items([mean + spread, mean - spread], [0, 0])
    assert wanted == pytest.approx(55, abs=4)  # by hand: 7.849 * 0.4375 / 0.0625 = 54.9
    told = [
        compare(*(generator.random((2, wanted)) < np.array([[0.75], [0.5]])), resamples=10).tells() for _ in range(100)
    ]
    assert 0.7 <= np.mean(told) <= 0.9


def scored(likings, answers):
    """Points of a model that gives option j of item i the log-probability likings[i][j], wherever it stands."""
    tables = [np.tile(liking, (len(orders(len(liking))), 1)) for liking in likings]
    preferred = [choose(table, np.ones(table.shape[1])) for table in tables]
    return [points(each, answer) for each, answer in zip(preferred, answers, strict=True)]


def test_a_random_persona_scores_chance_and_a_copy_of_the_person_all():
    generator = np.random.default_rng(2)
    sizes = [len(choice.en.options) for choice in choices_read()] * 5
    answers = [int(generator.integers(size)) for size in sizes]
    guessed = accuracy(scored([generator.normal(size=size) for size in sizes], answers))
    assert guessed.low <= chance(sizes).mean() <= guessed.high
    assert guessed.high - guessed.low < 0.1
    copied = scored([np.eye(size)[answer] for size, answer in zip(sizes, answers, strict=True)], answers)
    assert set(copied) == {1.0}
