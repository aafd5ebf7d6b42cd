"""Sizes and durations in words."""

import pytest

from questionnaires.services import dataset_build
from training.estimates import Plan, duration_range, plan, token_estimate
from training.execution import run_execute
from training.models import PersonaModel


@pytest.mark.parametrize(
    ("seconds", "words"),
    [(20, "18 to 23 s"), (0.2, "1 to 2 s"), (150, "2 to 3 min"), (60 * 60, "54 to 69 min"), (90, "1 to 2 min")],
)
def test_a_duration_is_a_range(seconds, words):
    assert duration_range(seconds) == words


def test_one_minute_is_not_a_range():
    assert duration_range(105, 1.0, 1.0) == "1 to 2 min"
    assert duration_range(120, 1.0, 1.0) == "about 2 min"


@pytest.mark.parametrize(("tokens", "words"), [(20_620, "21,000"), (185_586, "190,000"), (7, "7"), (96, "96")])
def test_tokens_are_told_with_two_figures(tokens, words, settings):
    settings.USE_THOUSAND_SEPARATOR = True
    assert Plan("quick", 1, tokens, "").tokens_in_words == words


def test_other_alphabets_need_more_tokens_for_the_same_letters():
    latin, cyrillic = ({"prompt": letter * 80, "completion": ""} for letter in "aж")
    assert token_estimate(latin) == 20
    assert token_estimate(cyrillic) == 50


@pytest.mark.django_db
def test_the_duration_follows_what_was_measured_on_this_computer(author, run, fake):
    items = dataset_build(persona=author)
    what = {"items": items, "recipe": "thorough", "persona_name": "Ada", "format": "chat", "base_model": run.base_model}
    before = plan(**what)
    run_execute(run_id=run.pk)
    PersonaModel.objects.update(figures={"tokens_per_second": before.tokens / 600})
    after = plan(**what)
    assert (after.duration, after.tokens) == ("5 to 14 min", before.tokens)
    assert before.duration.endswith(" s")
