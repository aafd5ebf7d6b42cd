"""Sizes, durations and prices, in words."""

from dataclasses import replace
from datetime import date
from types import SimpleNamespace

import pytest
from django.core.cache import cache

from engine.base_models import DEFAULT_MODEL
from questionnaires.services import dataset_build
from training.choices import Choice
from training.connections import Fields, connection_create
from training.estimates import Plan, duration_range, money_range, plan_of_files, range_in_words
from training.execution import run_execute
from training.local_models import gigabytes
from training.models import PersonaModel, SpeedTrial
from training.start_page import against, files_of
from training.token_counts import token_estimate

HERE = Choice(DEFAULT_MODEL)


@pytest.fixture(autouse=True)
def nothing_counted_before():
    cache.clear()


@pytest.fixture
def items(author):
    return dataset_build(persona=author)


@pytest.fixture
def openai(owner):
    fields = Fields("", "https://api.openai.com/v1", "sk-0123456789abcdef")
    connection = connection_create(owner=owner, preset="openai", fields=fields)
    return Choice("gpt-4.1-mini-2025-04-14", connection)


def planned(items, choice):
    ada = SimpleNamespace(name="Ada")
    return plan_of_files(files_of(ada, choice, items), choice)


@pytest.mark.parametrize(
    ("seconds", "words"),
    [(20, "18 to 23 s"), (0.2, "1 to 2 s"), (150, "2 to 3 min"), (60 * 60, "54 to 69 min"), (90, "1 to 2 min")],
)
def test_a_duration_is_a_range(seconds, words):
    assert duration_range(seconds) == words


def test_one_minute_is_not_a_range_and_days_are_told_in_hours():
    assert duration_range(105, 1.0, 1.0) == "1 to 2 min"
    assert duration_range(120, 1.0, 1.0) == "about 2 min"
    assert range_in_words(3000, 9000) == "1 to 3 h"


@pytest.mark.parametrize(("tokens", "words"), [(20_620, "21,000"), (185_586, "190,000"), (7, "7"), (96, "96")])
def test_estimated_tokens_are_told_with_two_figures_and_counted_ones_with_all(tokens, words, settings):
    settings.USE_THOUSAND_SEPARATOR = True
    told = Plan("quick", 1, 0, tokens, exact=False, epochs=1)
    assert told.tokens_in_words == words
    assert replace(told, exact=True).tokens_in_words == f"{tokens:,}"


@pytest.mark.parametrize(
    ("least", "most", "words"),
    [
        (0.333, 0.35, "0.33 to 0.35 USD"),
        (0.0001, 0.0002, "less than 0.01 USD"),
        (1.0, 1.051, "1.00 to 1.06 USD"),
        (0.57, 0.58, "0.57 to 0.58 USD"),
    ],
)
def test_a_price_lies_between_what_is_told(least, most, words):
    assert money_range(least, most) == words


def test_sizes_are_rounded_and_not_cut():
    assert [gigabytes(size) for size in (1_790_000_000, 999_500_000, 575_000_000)] == ["1.8 GB", "1000 MB", "575 MB"]


def test_other_alphabets_need_more_tokens_for_the_same_letters():
    latin, cyrillic = ({"prompt": letter * 80, "completion": ""} for letter in "aж")
    assert token_estimate(latin) == 20
    assert token_estimate(cyrillic) == 50


def test_the_duration_follows_what_was_measured_on_this_computer(author, items, run, fake):
    choice = replace(HERE, recipe="thorough")
    before = planned(items, choice)
    run_execute(run_id=run.pk)
    PersonaModel.objects.update(figures={"tokens_per_second": before.tokens / 600})
    after = planned(items, choice)
    assert (after.duration, after.tokens, after.measured) == ("5 to 14 min", before.tokens, True)
    assert (before.duration[-2:], before.measured) == (" s", False)


def test_a_trial_tells_time_and_memory_of_a_model_that_was_never_trained(items):
    nobody_knows = Choice("somebody/some-model")
    assert planned(items, nobody_knows).seconds is None
    SpeedTrial.objects.create(
        base_model="somebody/some-model", tokens_per_second=50.0, peak_memory_bytes=1_300_000_000, machine="x"
    )
    told = planned(items, nobody_knows)
    assert told.measured
    assert told.memory_in_words == "1.3 GB"
    assert told.seconds[0] < 15 + told.tokens / 50 < told.seconds[1]


def test_a_larger_model_takes_longer_until_it_is_measured(items):
    small = planned(items, HERE)
    large = planned(items, Choice("HuggingFaceTB/SmolLM2-1.7B-Instruct"))
    assert large.seconds[1] > 2 * small.seconds[1]
    assert large.memory_bytes > 2 * small.memory_bytes


def test_the_price_is_tokens_times_passes_times_the_price_of_that_day(items, openai):
    told = planned(items, openai)
    assert told.exact
    assert told.epochs == 3
    assert told.money[0] == pytest.approx(told.tokens * 5.0 / 1e6)
    assert told.money[0] < told.money[1] < 1.1 * told.money[0]
    assert told.prices_of == date(2026, 11, 1)
    assert told.as_json()["money"] == [round(amount, 6) for amount in told.money]
    twice = planned(items, replace(openai, overrides={"epochs": 6}))
    assert twice.tokens == 2 * told.tokens


def test_a_price_that_nobody_knows_is_not_told(items, openai):
    told = planned(items, replace(openai, base_model="gpt-of-tomorrow"))
    assert (told.money, told.exact, told.money_in_words) == (None, False, "")
    assert "money" not in told.as_json()


def test_the_bundled_model_counts_with_its_own_tokenizer_where_it_is_ready(items, tmp_path, monkeypatch):
    from training import token_counts

    class Ten:
        def count(self, rows):
            return [10] * len(rows)

    monkeypatch.setattr(token_counts, "folder_of", lambda _name: tmp_path)
    monkeypatch.setattr(token_counts, "local_counter", lambda _folder, _longest: Ten())
    told = planned(items, HERE)
    assert (told.exact, told.tokens) == (True, 10 * told.rows)


def test_a_folder_without_a_tokenizer_is_estimated(items, tmp_path, monkeypatch):
    from training import token_counts

    monkeypatch.setattr(token_counts, "folder_of", lambda _name: tmp_path)
    assert not planned(items, HERE).exact


def test_a_price_that_the_person_looked_up_is_reckoned_with(items, openai):
    mine = replace(openai, base_model="gpt-of-tomorrow", price=10.0)
    told = planned(items, mine)
    assert told.money[0] < told.tokens * 10 / 1e6 < told.money[1]
    assert told.prices_of is None
    cheaper = planned(items, replace(openai, price=0.0))
    assert cheaper.money_in_words == "less than 0.01 USD"


def test_a_row_that_the_model_would_cut_is_named(openai, items):
    told = planned(items, openai)
    assert 0 < told.longest < 65_536
    assert against(openai, told) == []
    assert "70000 tokens" in against(openai, replace(told, longest=70_000))[0]
