"""What trainings take of a person's limits: promised at the start, settled at the end, never given back by deleting."""

from datetime import timedelta

import pytest
from django.db import transaction
from django.urls import reverse
from django.utils import timezone

from accounts.quotas import Kind, QuotaExceeded, usage_of
from questionnaires.models import Persona
from questionnaires.services import Refused, persona_create
from training import charges
from training.models import TrainingRun

pytestmark = pytest.mark.django_db
HERE, THERE = {"provider": "local"}, {"provider": "openai_compatible"}


@pytest.fixture
def charged(owner, persona):
    def make(**fields):
        run = TrainingRun(owner=owner, persona=persona, base_model="base", **fields)
        with transaction.atomic():
            run.save(force_insert=True)
            charges.run_charge(run=run)
        return run

    return make


def ended(run, state="ready", minutes=0.0, **fields):
    now = timezone.now()
    TrainingRun.objects.filter(pk=run.pk).update(
        state=state, started_at=now - timedelta(minutes=minutes), finished_at=now, **fields
    )


def used(owner, kind):
    return round(usage_of(user=owner, kind=kind), 3)


def test_the_upper_end_of_the_estimate_is_promised_and_the_truth_is_settled(owner, charged):
    run = charged(estimate={"seconds": [60.0, 600.0]})
    assert used(owner, Kind.TRAININGS) == 1 and used(owner, Kind.TRAINING_MINUTES) == 10
    assert charges.charges_settle() == 0
    ended(run, minutes=4)
    assert charges.charges_settle() == 1 and charges.charges_settle() == 0
    assert used(owner, Kind.TRAINING_MINUTES) == 4 and used(owner, Kind.TRAININGS) == 1


def test_a_run_that_rested_takes_no_more_than_was_promised(owner, charged):
    ended(charged(estimate={"seconds": [60.0, 600.0]}), minutes=500)
    charges.charges_settle()
    assert used(owner, Kind.TRAINING_MINUTES) == 10


def test_money_is_promised_and_settled_by_the_bill(owner, charged, settings):
    settings.QUOTAS = {"money_a_day": 5}
    run = charged(estimate={"money": [2.0, 4.0]}, **THERE)
    assert used(owner, Kind.MONEY_A_DAY) == used(owner, Kind.MONEY_A_MONTH) == 4
    ended(run, remote_id="job-1", remote={"cost": 2.5})
    charges.charges_settle()
    assert used(owner, Kind.MONEY_A_DAY) == 2.5
    with pytest.raises(QuotaExceeded, match=r"2\.50 are used and this would take 4"):
        charged(estimate={"money": [2.0, 4.0]}, **THERE)


def test_what_never_reached_the_provider_costs_nothing(owner, charged):
    ended(charged(estimate={"money": [2.0, 4.0]}, **THERE), state="failed")
    charges.charges_settle()
    assert used(owner, Kind.MONEY_A_DAY) == 0


def test_a_job_without_a_bill_costs_what_was_promised(owner, charged):
    ended(charged(estimate={"money": [2.0, 4.0]}, **THERE), state="failed", remote_id="job-1")
    charges.charges_settle()
    assert used(owner, Kind.MONEY_A_DAY) == 4


def test_deleting_gives_nothing_back(owner, charged):
    charged(estimate={"seconds": [60.0, 600.0]}).delete()
    assert charges.charges_settle() == 1
    assert used(owner, Kind.TRAININGS) == 1 and used(owner, Kind.TRAINING_MINUTES) == 10


def test_a_refused_training_leaves_no_row(owner, charged, settings):
    settings.QUOTAS = {"trainings": 1}
    ended(charged())
    with pytest.raises(QuotaExceeded):
        charged()
    assert TrainingRun.objects.count() == 1 and used(owner, Kind.TRAININGS) == 1


def test_the_disk_is_counted_where_it_is_limited(owner, charged, settings):
    run = charged()
    ended(run)
    run.folder.mkdir(parents=True)
    (run.folder / "weights").write_bytes(b"x" * 1_500_000)
    assert charges.storage_megabytes(owner_id=owner.pk) == 1.5
    settings.QUOTAS = {"storage_mb": 1}
    with pytest.raises(QuotaExceeded, match="1 megabytes kept"):
        charged()


def test_portraits_are_counted_without_the_demo(owner, settings):
    settings.QUOTAS = {"personas": 1}
    Persona.objects.filter(owner=owner, is_demo=False).delete()
    Persona.objects.get_or_create(owner=owner, is_demo=True, defaults={"name": "Demo"})
    persona_create(owner=owner, name="Ada")
    with pytest.raises(Refused, match="Your limit is 1 portraits; 1 are used") as raised:
        persona_create(owner=owner, name="Eve")
    assert raised.value.status == 429


def test_the_page_says_what_is_used_up_and_when_to_come_again(visitor, owner, persona, settings, charged):
    settings.EXPENSIVE_POSTS = 1
    address = reverse("run_start", args=[persona.pk])
    visitor.post(address, {"recipe": "quick"}, REMOTE_ADDR="198.51.100.7")
    response = visitor.post(address, {"recipe": "quick"}, REMOTE_ADDR="198.51.100.7")
    if response.status_code != 429:  # a minute began in between
        response = visitor.post(address, {"recipe": "quick"}, REMOTE_ADDR="198.51.100.7")
    assert response.status_code == 429 and int(response["Retry-After"]) <= 60
    assert "That was too often" in response.content.decode()
