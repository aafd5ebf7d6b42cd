"""Advice on passes, from curves of each kind."""

import math

import pytest

from training.advice import MEANINGFUL, MEMORISED, Point, Verdict, advise
from training.advice_words import WORDS, sentence

STEPS = 10  # a pass


def curve(*losses, training=None, every=5):
    """Checks every half pass; training losses just below the validation ones unless given."""
    training = training or [loss - 0.1 for loss in losses]
    return [
        Point(every * number, before, loss)
        for number, (before, loss) in enumerate(zip(training, losses, strict=True), start=1)
    ]


def verdicts(points, **more):
    return [advice.verdict for advice in advise(points, steps_per_epoch=STEPS, **more)]


@pytest.mark.parametrize(
    ("losses", "verdict"),
    [
        ((3.0, 2.6, 2.3, 2.1), Verdict.STILL_LEARNING),
        ((3.0, 2.4, 2.39, 2.389), Verdict.SETTLED),
        ((3.0, 2.4, 2.395, 2.40), Verdict.SETTLED),  # a wobble is no turn
        ((3.0, 2.4, 2.2, 2.1, 2.3, 2.5), Verdict.STOPPED_LEARNING),
        ((2.0, 2.1, 2.3), Verdict.STOPPED_LEARNING),  # worse from the first pass on
        ((3.0, 2.0), Verdict.TOO_FEW),
        ((3.0,), Verdict.TOO_FEW),
    ],
)
def test_each_kind_of_curve_has_its_verdict(losses, verdict):
    assert verdicts(curve(*losses)) == [verdict]


def test_without_checks_nothing_is_said():
    assert advise([], steps_per_epoch=STEPS) == []


def test_it_names_the_pass_after_which_it_stopped_learning():
    advice = advise(curve(3.0, 2.5, 2.2, 2.0, 2.1, 2.3), steps_per_epoch=STEPS)[0]
    assert advice.figures == {"epoch": 2.0}
    assert sentence(advice) == "It stopped learning from you after pass (epoch) 2; more would only memorise."


def test_the_gain_is_that_of_the_last_whole_pass():
    advice = advise(curve(3.0, 2.6, 2.3, 2.1), steps_per_epoch=STEPS)[0]
    assert advice.figures["gained"] == pytest.approx(100 * (1 - math.exp(2.1 - 2.6)))
    assert "fell by 39 %" in sentence(advice)


@pytest.mark.parametrize(("rise", "verdict"), [(0.99, Verdict.SETTLED), (1.01, Verdict.STOPPED_LEARNING)])
def test_the_least_rise_that_counts(rise, verdict):
    assert verdicts(curve(3.0, 2.5, 2.5 + rise * MEANINGFUL)) == [verdict]


@pytest.mark.parametrize(("gap", "says"), [(0.99, False), (1.01, True)])
def test_memorising_is_being_twice_as_surprised_by_what_was_kept_aside(gap, says):
    points = curve(3.0, 2.5, 2.2, training=[2.9, 2.2, 2.2 - gap * MEMORISED])
    assert (Verdict.MEMORISES in verdicts(points)) is says


def test_answers_that_were_harder_from_the_start_are_not_memorising():
    assert Verdict.MEMORISES not in verdicts(curve(4.0, 3.5, 3.2, training=[2.9, 2.5, 2.3]))


def test_a_curve_without_training_losses_says_nothing_of_memorising():
    assert verdicts(curve(3.0, 2.6, 2.3, training=[None, None, None])) == [Verdict.STILL_LEARNING]


def test_an_early_end_and_the_checkpoint_that_was_kept_are_named():
    found = advise(curve(3.0, 2.2, 2.4, 2.6), steps_per_epoch=STEPS, best_step=10, last_step=20, total_steps=30)
    assert [advice.verdict for advice in found] == [
        Verdict.STOPPED_LEARNING,
        Verdict.STOPPED_EARLY,
        Verdict.BEST_KEPT,
    ]
    assert sentence(found[1]) == "It ended early, after step 20 of 30: no more was to be gained."
    assert sentence(found[2]) == "Kept was the best checkpoint: step 10, in pass (epoch) 1."


def test_a_training_that_went_its_whole_way_names_neither():
    points = curve(3.0, 2.6, 2.3)
    assert verdicts(points, best_step=15, last_step=15, total_steps=15) == [Verdict.STILL_LEARNING]


def test_the_curve_of_a_real_training_of_28_answers():
    """Three passes of SmolLM2-135M, measured: the best was check 4, and from then on only the learned came closer."""
    validation = [1.990, 1.866, 1.821, 1.791, 1.826, 1.877]
    training = [1.953, 0.609, 0.646, 1.076, 0.844, 0.472]
    points = [
        Point(step, before, loss)
        for step, before, loss in zip([9, 18, 27, 36, 45, 57], training, validation, strict=True)
    ]
    found = [
        advice.verdict for advice in advise(points, steps_per_epoch=19, best_step=36, last_step=57, total_steps=57)
    ]
    assert found == [Verdict.STOPPED_LEARNING, Verdict.MEMORISES, Verdict.BEST_KEPT]


def test_each_verdict_has_its_words():
    assert set(WORDS) == set(Verdict)
