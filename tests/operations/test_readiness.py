"""/healthz and /readyz: each part, well and unwell, and what asking often costs."""

import threading
import time
from datetime import timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
from django.db import DatabaseError, InterfaceError
from django.urls import reverse
from django.utils import timezone

from operations import broker, readiness, tasks
from operations.models import Pulse
from tests.persona_site.valkey import valkey_running
from training.storage import StoreAway


class Health(BaseHTTPRequestHandler):
    status, asked = 200, 0

    def do_GET(self):
        type(self).asked += 1
        self.send_response(self.status if self.path == "/health" else 404)
        self.end_headers()

    def log_message(self, *_):
        pass


@pytest.fixture
def health(settings):
    Health.status, Health.asked = 200, 0
    server = ThreadingHTTPServer(("127.0.0.1", 0), Health)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    settings.ENGINE_URLS = [f"http://127.0.0.1:{server.server_port}"]
    yield Health
    server.shutdown()
    server.server_close()


@pytest.fixture(autouse=True)
def looked_anew():
    readiness.forget()
    yield
    readiness.forget()


@pytest.fixture
def server(settings, tmp_path):
    with valkey_running(tmp_path) as (address, client):
        settings.REDIS_URL = address
        broker._client.cache_clear()
        yield client
    broker._client.cache_clear()


@pytest.fixture
def all_well(db, server, health, settings):
    settings.DATA_DIR.mkdir(parents=True, exist_ok=True)
    tasks.canary()


def asked(client, query=""):
    response = client.get(reverse("ready") + query)
    return response.status_code, response.json()


def test_ready_when_every_part_is_well(client, all_well):
    status, body = asked(client)
    assert status == 200 and body["ready"] is True
    assert set(body["parts"]) == {"database", "migrations", "storage", "broker", "canary", "engine"}
    assert all(part["ok"] for part in body["parts"].values())
    assert body["parts"]["canary"]["age"] < 5


def unwell(client, name):
    status, body = asked(client)
    assert status == 503 and body["ready"] is False
    assert [key for key, part in body["parts"].items() if not part["ok"]] == [name]
    return body["parts"][name]["sentence"]


def test_an_engine_that_loads_is_not_ready(client, all_well, health):
    health.status = 503
    assert "model server" in unwell(client, "engine")


def test_one_engine_of_several_is_enough(client, all_well, settings):
    settings.ENGINE_URLS = [*settings.ENGINE_URLS, "http://127.0.0.1:9"]
    status, body = asked(client)
    assert status == 200 and body["parts"]["engine"]["sentence"] == "1 of 2 model servers do not answer."


def test_a_broker_that_is_away_is_not_ready(client, all_well, settings, tmp_path):
    settings.REDIS_URL = f"unix://{tmp_path}/nobody.sock"
    assert "broker" in unwell(client, "broker")


def test_an_old_canary_is_not_ready(client, all_well, monkeypatch):
    Pulse.objects.update(at=timezone.now() - timedelta(seconds=121))
    monkeypatch.setitem(readiness._process, "began", readiness.time.monotonic() - 121)
    assert "No worker did its task" in unwell(client, "canary")


def test_a_missing_canary_counts_two_minutes_after_the_start(client, all_well, monkeypatch):
    Pulse.objects.filter(name="canary").delete()
    monkeypatch.setitem(readiness._process, "began", readiness.time.monotonic())
    assert asked(client)[0] == 200
    readiness.forget()
    monkeypatch.setitem(readiness._process, "began", readiness.time.monotonic() - 121)
    assert asked(client)[0] == 503


def test_a_storage_that_cannot_be_written_is_not_ready(client, all_well, settings, tmp_path):
    settings.DATA_DIR = tmp_path / "gone"
    assert unwell(client, "storage") == "The storage cannot be written: No such file or directory."


def test_a_store_that_is_away_or_hangs_is_not_ready(client, all_well, settings, monkeypatch):
    def away(_prefix):
        raise StoreAway("no")

    settings.STORAGE_URL = "s3://bucket"
    monkeypatch.setattr(readiness, "listed", lambda _prefix: {})
    assert asked(client)[0] == 200
    readiness.forget()
    monkeypatch.setattr(readiness, "listed", away)
    assert "STORAGE_URL" in unwell(client, "storage")
    readiness.forget()
    monkeypatch.setattr(readiness, "STORE_SECONDS", 0.05)
    monkeypatch.setattr(readiness, "listed", lambda _prefix: time.sleep(0.4))
    assert "STORAGE_URL" in unwell(client, "storage")


@pytest.mark.parametrize("kind", [DatabaseError, InterfaceError])
def test_a_database_that_cannot_be_written_is_not_ready(client, all_well, monkeypatch, kind):
    def full(**_values):
        raise kind("secret detail")

    monkeypatch.setattr(Pulse.objects, "update_or_create", full)
    assert unwell(client, "database") == "The database cannot be written."


def test_tables_older_than_the_program_are_not_ready(client, all_well, monkeypatch):
    monkeypatch.setattr(readiness.MigrationExecutor, "migration_plan", lambda *_: [("one", False)])
    assert "manage.py migrate" in unwell(client, "migrations")


def test_asking_often_looks_once(client, all_well, health):
    for _ in range(10):
        asked(client)
    assert health.asked == 1


def test_parts_can_be_asked_for_alone(client, all_well, health):
    status, body = asked(client, "?parts=database,storage")
    assert status == 200 and list(body["parts"]) == ["database", "storage"] and health.asked == 0
    assert asked(client, "?parts=secrets")[0] == 400


def test_the_process_itself_answers_without_its_parts(client, db, settings, tmp_path):
    settings.REDIS_URL = f"unix://{tmp_path}/nobody.sock"
    assert client.get("/healthz").status_code == 200


def test_queues_are_found_and_counted(server):
    server.lpush("io", "a", "b")
    server.sadd("_kombu.binding.train-large", "x")
    server.lpush("train-large", "c")
    server.sadd("_kombu.binding.celery.pidbox", "x")
    assert broker.queue_lengths() == {"io": 2, "train": 0, "train-large": 1}
