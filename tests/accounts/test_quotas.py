"""Limits: whose counts, what is used, what is promised, and when it is free again."""

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest
from django.core.cache import cache
from django.db import connection
from django.utils import timezone

from accounts import rates
from accounts.quota_tables import Quota, Usage
from accounts.quotas import (
    Kind,
    QuotaExceeded,
    limit_of,
    quota_check,
    quota_take,
    references_open,
    usage_add,
    usage_of,
    usage_settle,
)
from persona_site.cache import ForgivingCache

pytestmark = pytest.mark.django_db


@pytest.fixture
def limited(settings):
    def make(**limits):
        settings.QUOTAS = limits

    return make


def test_one_owner_has_no_limits_and_people_who_share_have(owner, settings):
    assert all(limit_of(user=owner, kind=kind) is None for kind in Kind)
    settings.SIGN_UP = "invitation"
    assert all(limit_of(user=owner, kind=kind) for kind in Kind)


def test_the_persons_own_limit_outdoes_the_installations_and_0_is_none(owner, limited):
    limited(trainings=3)
    assert limit_of(user=owner, kind=Kind.TRAININGS) == 3
    quota = Quota.objects.create(user=owner, trainings=7)
    assert limit_of(user=owner, kind=Kind.TRAININGS) == 7
    quota.trainings = 0
    quota.save()
    assert limit_of(user=owner, kind=Kind.TRAININGS) is None


def test_what_is_used_up_is_said_with_the_limit_and_when_it_is_free(owner, limited):
    limited(trainings=2)
    quota_take(user=owner, amounts={Kind.TRAININGS: 1})
    quota_take(user=owner, amounts={Kind.TRAININGS: 1})
    with pytest.raises(QuotaExceeded, match=r"limit is 2 trainings a day; 2 are used.*free again on \d") as raised:
        quota_take(user=owner, amounts={Kind.TRAININGS: 1})
    assert 0 < raised.value.retry_after <= 24 * 3600
    assert usage_of(user=owner, kind=Kind.TRAININGS) == 2


def test_all_amounts_are_taken_or_none(owner, limited):
    limited(trainings=5, money_a_day=1.0)
    with pytest.raises(QuotaExceeded, match="US dollars at providers a day"):
        quota_take(user=owner, amounts={Kind.TRAININGS: 1, Kind.MONEY_A_DAY: 1.2, Kind.MONEY_A_MONTH: 1.2})
    assert usage_of(user=owner, kind=Kind.TRAININGS) == usage_of(user=owner, kind=Kind.MONEY_A_DAY) == 0


def test_money_is_counted_once_for_the_day_and_the_month(owner, limited):
    limited(money_a_day=5, money_a_month=8)
    quota_take(user=owner, amounts={Kind.MONEY_A_DAY: 4, Kind.MONEY_A_MONTH: 4})
    assert usage_of(user=owner, kind=Kind.MONEY_A_DAY) == usage_of(user=owner, kind=Kind.MONEY_A_MONTH) == 4
    first = timezone.localdate().replace(day=1)
    Usage.objects.update(day=first if timezone.localdate() > first else first - timedelta(days=1))
    if timezone.localdate() > first:
        with pytest.raises(QuotaExceeded, match="a month"):
            quota_check(user=owner, kind=Kind.MONEY_A_MONTH, amount=5)
    assert usage_of(user=owner, kind=Kind.MONEY_A_DAY) == 0


def test_yesterday_is_free_again(owner, limited):
    limited(chat_tokens=100)
    usage_add(user=owner, kind=Kind.CHAT_TOKENS, amount=100)
    with pytest.raises(QuotaExceeded):
        quota_check(user=owner, kind=Kind.CHAT_TOKENS)
    Usage.objects.update(day=timezone.localdate() - timedelta(days=1))
    quota_check(user=owner, kind=Kind.CHAT_TOKENS)


def test_a_promise_becomes_what_it_was(owner, limited):
    limited(training_minutes=60)
    quota_take(user=owner, amounts={Kind.TRAINING_MINUTES: 50}, reference="run:1")
    with pytest.raises(QuotaExceeded, match="50 are used and this would take 20"):
        quota_check(user=owner, kind=Kind.TRAINING_MINUTES, amount=20)
    assert references_open(prefix="run:") == ["run:1"]
    usage_settle(reference="run:1", amounts={Kind.TRAINING_MINUTES: 12.5})
    assert references_open(prefix="run:") == []
    assert usage_of(user=owner, kind=Kind.TRAINING_MINUTES) == 12.5


def test_what_is_there_is_counted_by_the_caller(owner, limited):
    limited(personas=2)
    quota_check(user=owner, kind=Kind.PERSONAS, used=1)
    with pytest.raises(QuotaExceeded, match="Delete what you no longer need") as raised:
        quota_check(user=owner, kind=Kind.PERSONAS, used=2)
    assert raised.value.retry_after is None


def test_others_do_not_use_up_ones_own(owner, stranger, limited):
    limited(trainings=1)
    quota_take(user=stranger, amounts={Kind.TRAININGS: 1})
    quota_take(user=owner, amounts={Kind.TRAININGS: 1})


@pytest.fixture
def hour():
    cache.clear()
    yield
    cache.clear()


def test_too_often_is_said_with_the_wait(hour):
    for _ in range(3):
        rates.rate_check(action="chat", who="user1", limit=3, seconds=3600)
    with pytest.raises(QuotaExceeded, match="more than 3 times in 3600 seconds") as raised:
        rates.rate_check(action="chat", who="user1", limit=3, seconds=3600)
    assert 0 < raised.value.retry_after <= 3600
    rates.rate_check(action="chat", who="user2", limit=3, seconds=3600)
    rates.rate_check(action="train", who="user1", limit=3, seconds=3600)


def test_a_broken_limiter_limits_nobody(hour, monkeypatch):
    def gone(*_arguments):
        raise ValueError("it went")

    monkeypatch.setattr(ForgivingCache, "incr", gone)
    for _ in range(5):
        rates.rate_check(action="chat", who="user1", limit=1)


def test_a_person_and_an_address_have_limits(hour, rf, owner, stranger, settings, monkeypatch):
    settings.EXPENSIVE_POSTS = 2
    monkeypatch.setattr(rates.time, "time", lambda: 1_000_000.0)
    request = rf.post("/")
    request.user = owner
    for _ in range(2):
        rates.expensive_check(request=request, action="chat")
    with pytest.raises(QuotaExceeded):
        rates.expensive_check(request=request, action="chat")
    monkeypatch.setattr(rates, "AN_ADDRESS", 1)
    request.user = stranger
    with pytest.raises(QuotaExceeded):
        rates.expensive_check(request=request, action="chat")


@pytest.mark.django_db(transaction=True)
def test_of_several_at_once_one_has_the_last(stranger, limited):
    limited(trainings=1)

    def take(number):
        try:
            quota_take(user=stranger, amounts={Kind.TRAININGS: 1}, reference=f"run:{number}")
        except QuotaExceeded:
            return False
        finally:
            connection.close()
        return True

    with ThreadPoolExecutor(6) as pool:
        assert sorted(pool.map(take, range(6))) == [False] * 5 + [True]
    assert usage_of(user=stranger, kind=Kind.TRAININGS) == 1
