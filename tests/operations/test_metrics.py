"""/metrics: who may read it, what it counts, and that nobody's words or keys stand in it."""

import uuid

import pytest
from django.db import InterfaceError
from django.urls import reverse
from django.utils import timezone
from prometheus_client.parser import text_string_to_metric_families

from chat.models import Message
from chat.signals import reply_ended, translation_ended
from operations import broker, metrics, readiness, request_times, tallies
from tests.persona_site.valkey import valkey_running
from training.models import TrainingRun

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def counted_anew(settings, tmp_path):
    settings.DATA_DIR.mkdir(parents=True, exist_ok=True)
    settings.ENGINE_URLS = ["http://127.0.0.1:9"]
    settings.REDIS_URL = f"unix://{tmp_path}/nobody.sock"
    readiness.forget()
    tallies._pending.clear()
    yield
    tallies._pending.clear()
    readiness.forget()


def scraped(client, **headers) -> dict[str, float]:
    response = client.get(reverse("metrics"), **headers)
    assert response.status_code == 200 and response["Content-Type"].startswith("text/plain; version=0.0.4")
    families = text_string_to_metric_families(response.content.decode())
    samples = [sample for family in families for sample in family.samples]
    return {" ".join([each.name, *each.labels.values()]): each.value for each in samples}


def test_this_computer_reads_and_nobody_else(client, settings):
    assert client.get(reverse("metrics")).status_code == 200
    assert client.get(reverse("metrics"), REMOTE_ADDR="192.0.2.1").status_code == 404
    assert client.get(reverse("metrics"), headers={"X-Forwarded-For": "127.0.0.1"}).status_code == 404


def test_with_a_token_only_the_token_opens(client, settings):
    settings.METRICS_TOKEN = "s3cret"
    assert client.get(reverse("metrics")).status_code == 404
    assert client.get(reverse("metrics"), headers={"Authorization": "Bearer wrong"}).status_code == 404
    right = {"headers": {"Authorization": "Bearer s3cret"}, "REMOTE_ADDR": "192.0.2.1"}
    assert client.get(reverse("metrics"), **right).status_code == 200


def test_runs_and_their_waiting_are_counted_from_the_rows(client, owner, persona):
    old = timezone.now() - timezone.timedelta(minutes=5)
    run = TrainingRun.objects.create(owner=owner, persona=persona, base_model="base")
    TrainingRun.objects.filter(pk=run.pk).update(created_at=old)
    TrainingRun.objects.create(
        owner=owner, persona=persona, base_model="base", provider="openai_compatible", state="failed"
    )
    samples = scraped(client)
    assert samples["persona_runs queued here"] == 1 and samples["persona_runs failed provider"] == 1
    assert samples["persona_runs ready here"] == 0
    assert 299 < samples["persona_queue_oldest_seconds training"] < 330
    assert samples["persona_queue_oldest_seconds report"] == 0


def test_without_a_database_the_rest_is_told(client, monkeypatch):
    def away(*_arguments, **_values):
        raise InterfaceError("secret detail")

    monkeypatch.setattr(metrics.TrainingRun.objects, "order_by", away)
    samples = scraped(client)
    assert samples["persona_part_ok storage"] == 1 and "persona_runs queued here" not in samples


def test_a_provider_in_trouble_is_seen(client, owner, persona):
    trouble = {"trouble": "The provider is away.", "stage": "following"}
    TrainingRun.objects.create(
        owner=owner, persona=persona, base_model="b", provider="openai_compatible", state="training", remote=trouble
    )
    assert scraped(client)["persona_provider_troubles"] == 1


def test_parts_are_told_as_readyz_tells_them(client):
    samples = scraped(client)
    assert samples["persona_part_ok database"] == 1 and samples["persona_part_ok engine"] == 0


def test_queues_are_counted(client, settings, tmp_path):
    with valkey_running(tmp_path) as (address, server):
        settings.REDIS_URL = address
        broker._client.cache_clear()
        server.lpush("train", "x", "y")
        assert scraped(client)["persona_queue_length train"] == 2
    broker._client.cache_clear()


def ended(**figures):
    reply_ended.send(sender=Message, state="done", figures=figures)


def test_replies_and_translations_are_counted_in_every_process(client, settings, tmp_path):
    ended(first_ms=900, tokens=40, tokens_per_second=20.0)
    ended(first_ms=60_000, tokens=10, tokens_per_second=10.0)
    translation_ended.send(sender=None, translator="deepl", is_done=False)
    with valkey_running(tmp_path) as (address, server):
        settings.REDIS_URL = address
        broker._client.cache_clear()
        server.hincrbyfloat(tallies.KEY, "replies|done", 5)  # by another process
        samples = scraped(client)
        assert tallies._pending == {}
    broker._client.cache_clear()
    assert samples["persona_replies_total done"] == 7
    assert samples["persona_translations_total failed deepl"] == 1
    assert samples["persona_reply_tokens_total"] == 50 and samples["persona_reply_token_seconds_total"] == 3
    assert samples["persona_first_token_seconds_bucket 0.5"] == 0
    assert samples["persona_first_token_seconds_bucket 1"] == samples["persona_first_token_seconds_bucket 30"] == 1
    assert samples["persona_first_token_seconds_count"] == 2


def test_counts_wait_while_the_broker_is_away():
    ended(first_ms=100)
    assert tallies.flush() is False
    assert tallies.tallies()["replies", "done"] == 1


def test_saves_and_requests_are_measured_by_view(client, visitor, persona):
    before = scraped(client).get("persona_save_seconds_count 4xx", 0)
    address = reverse("answer", args=[persona.pk, "any"])
    visitor.put(address, "not json", content_type="application/json")
    visitor.generic("BREW", f"/{uuid.uuid4()}/")
    samples = scraped(client)
    assert samples["persona_save_seconds_count 4xx"] == before + 1
    assert samples["persona_request_seconds_count PUT 4xx answer"] >= 1
    assert samples["persona_request_seconds_count other 4xx none"] >= 1


def test_no_label_grows_with_people(client, visitor, persona, owner):
    visitor.get(reverse("write", args=[persona.pk]))
    text = client.get(reverse("metrics")).content.decode()
    assert str(persona.pk) not in text and persona.name not in text
    assert request_times.METHODS
