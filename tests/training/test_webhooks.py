"""A provider's call: only a genuine one rings, and what it says is never believed."""

import base64
import hashlib
import hmac
import json
import time
import uuid

import pytest
from django.test import Client
from django.urls import reverse

from tests.training.remote import connect_to, look, remote_run
from training.models import TrainingRun

pytestmark = pytest.mark.django_db
SECRET = "whsec_" + base64.b64encode(b"a secret of the test").decode()


@pytest.fixture
def connection(standin, owner):
    return connect_to(standin, owner, webhook_secret=SECRET)


@pytest.fixture
def run(author, connection):
    return look(remote_run(author, connection), times=2)


def call(connection, body, *, secret=SECRET, age=0, signature=None, **headers):
    """As OpenAI calls (standardwebhooks.com): HMAC-SHA256 over id, time and body."""
    payload = body if isinstance(body, bytes) else json.dumps(body).encode()
    moment = str(int(time.time() - age))
    signed = b"wh_1." + moment.encode() + b"." + payload
    mac = hmac.new(base64.b64decode(secret.removeprefix("whsec_")), signed, hashlib.sha256).digest()
    sent = {
        "webhook-id": "wh_1",
        "webhook-timestamp": moment,
        "webhook-signature": "v1," + base64.b64encode(mac).decode() if signature is None else signature,
        **headers,
    }
    address = reverse("webhook", args=(connection.pk,))
    client = Client(enforce_csrf_checks=True)
    return client.post(address, payload, content_type="application/json", headers={k: v for k, v in sent.items() if v})


def about(job_id, kind="fine_tuning.job.succeeded"):
    return {"object": "event", "id": "evt_1", "type": kind, "created_at": 1, "data": {"id": job_id}}


def test_a_genuine_call_rings_and_the_state_is_fetched(run, connection, standin, no_broker):
    assert run.not_before is not None
    assert call(connection, about(run.remote_id)).status_code == 200
    run.refresh_from_db()
    assert (run.state, run.not_before) == ("training", None)  # nobody believed that it succeeded
    assert no_broker == [("training.tasks.run_remote", str(run.pk))]


@pytest.mark.parametrize(
    "how",
    [
        {"secret": "whsec_" + base64.b64encode(b"another").decode()},
        {"age": 600},
        {"age": -600},
        {"signature": "v1,AAAA"},
        {"signature": ""},
        {"webhook-timestamp": "soon"},
        {"webhook-id": ""},
    ],
)
def test_another_signature_is_400_and_rings_nobody(run, connection, no_broker, how):
    assert call(connection, about(run.remote_id), **how).status_code == 400
    assert no_broker == []


def test_a_body_that_is_no_text_or_too_long_is_refused(run, connection, no_broker):
    assert call(connection, b"\xff\xfe").status_code == 400
    assert call(connection, b"x" * 70_000).status_code == 413
    assert no_broker == []


@pytest.mark.parametrize("body", [about("ftjob-of-others"), about("x", "response.completed"), {}, [], b"not json"])
def test_calls_about_other_things_are_taken_and_ring_nobody(run, connection, no_broker, body):
    assert call(connection, body).status_code == 200
    assert no_broker == []


def test_an_unknown_connection_or_one_without_a_secret_is_404(run, connection, standin, owner):
    connection.pk = uuid.uuid4()
    assert call(connection, about(run.remote_id)).status_code == 404
    assert call(connect_to(standin, owner), about(run.remote_id)).status_code == 404


def test_a_call_wakes_a_run_whose_answer_was_lost(author, connection, standin, no_broker):
    run = remote_run(author, connection)
    standin.tell("jobs.create", "drop")
    look(run)
    assert run.state == "unsure"
    assert call(connection, about("ftjob-1")).status_code == 200
    assert no_broker == [("training.tasks.run_remote", str(run.pk))]
    assert TrainingRun.objects.get().remote.get("looks") == 1


def test_a_get_is_405(connection):
    assert Client().get(reverse("webhook", args=(connection.pk,))).status_code == 405
