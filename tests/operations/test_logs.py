"""Lines of the log: JSON where asked for, with the request's id, and without anybody's words."""

import io
import json
import logging
import time

import pytest
from celery import shared_task
from celery.contrib.testing.worker import start_worker
from django.db import IntegrityError, OperationalError
from django.urls import reverse

from accounts.request_id import id_from, request_id, serving
from operations import middleware
from persona_site import logs
from persona_site.celery import app

CANARY = "canary-7d1f-secret"


@pytest.fixture
def lines():
    """What a logger "spoken" writes, and the text of what it wrote."""

    def make(formatter):
        stream, logger = io.StringIO(), logging.Logger("spoken")
        handler = logging.StreamHandler(stream)
        handler.setFormatter(formatter())
        handler.addFilter(logs.WithoutWords())
        logger.addHandler(handler)
        return logger, stream

    return make


def failing():
    try:
        raise IntegrityError(f"DETAIL: {CANARY}")
    except IntegrityError as error:
        raise ValueError(f"bad text: {CANARY}") from error


@pytest.mark.parametrize("formatter", [logs.Plain, logs.JsonLines])
def test_exceptions_tell_kind_and_place_and_no_words(lines, formatter):
    logger, stream = lines(formatter)
    try:
        failing()
    except ValueError as error:
        logger.exception("It failed: %s", error)
        logger.error("Task %(name)s: %(exc)s", {"name": "train", "exc": repr(error)})
    text = stream.getvalue()
    assert CANARY not in text
    assert "It failed: ValueError" in text and "IntegrityError" in text and "test_logs.py" in text and "failing" in text


@pytest.mark.parametrize("formatter", [logs.Plain, logs.JsonLines])
def test_a_message_forges_no_second_line(lines, formatter):
    logger, stream = lines(formatter)
    logger.warning("Name: %s", "Ada\r\n2026-01-01 CRITICAL persona: all is lost")
    assert stream.getvalue().count("\n") == 1 and "\r" not in stream.getvalue()


def test_a_database_that_is_locked_is_told(lines):
    logger, stream = lines(logs.JsonLines)
    logger.error("A save failed: %s", OperationalError("database is locked"))
    assert json.loads(stream.getvalue())["message"].endswith("OperationalError: database is locked")


def test_json_lines_carry_request_and_user(lines, rf, owner):
    logger, stream = lines(logs.JsonLines)
    request = rf.get("/")
    request._cached_user = owner
    with serving("abcd-1234", request):
        logger.warning("Two words: %s", "one")
    line = json.loads(stream.getvalue())
    assert line["message"] == "Two words: one" and line["level"] == "WARNING"
    assert line["request"] == "abcd-1234" and line["user"] == owner.pk and line["time"].endswith("+00:00")


def test_a_refused_request_is_told_by_its_view(client, db, caplog):
    handler = logging.StreamHandler(stream := io.StringIO())
    handler.setFormatter(logs.Plain())
    handler.addFilter(logs.WithoutWords())
    logger = logging.getLogger("django.request")
    logger.addHandler(handler)
    try:
        client.get(f"/nowhere/{CANARY}/")
        client.post(reverse("ready"))
    finally:
        logger.removeHandler(handler)
    assert CANARY not in stream.getvalue() and "Not Found: an unknown address" in stream.getvalue()
    assert "Method Not Allowed (POST): ready" in stream.getvalue()


def test_an_id_is_made_kept_and_returned(client):
    before = request_id()
    assert client.get("/healthz", headers={"X-Request-ID": "from-a-proxy-1"})["X-Request-ID"] == "from-a-proxy-1"
    assert len(client.get("/healthz")["X-Request-ID"]) == 32
    assert request_id() == before


@pytest.mark.parametrize("wrong", ["", "short", "with space in it", "x" * 65, "line\nbreak12", 'quote"quote', None])
def test_an_id_that_is_not_sane_is_not_taken(wrong):
    assert id_from(wrong) != wrong and len(id_from(wrong)) == 32


def test_each_request_is_a_line_where_json_is_wanted(client, settings, caplog):
    with caplog.at_level("INFO", logger="persona.requests"):
        client.get("/healthz")
        assert caplog.records == []
        settings.LOG_FORMAT = "json"
        client.get("/healthz")
    assert [(r.view, r.method, r.status) for r in caplog.records] == [("health", "GET", 200)]
    assert middleware.logger.name == "persona.requests"


heard: list[str] = []


@shared_task(name="tests.say_who_asked")
def say_who_asked():
    heard.append(request_id())


def test_a_task_knows_the_request_that_rang_for_it(monkeypatch):
    heard.clear()
    monkeypatch.setenv("CELERY_BROKER_URL", "memory://")
    with (
        app.connection_for_write("memory://") as connection,
        start_worker(app, perform_ping_check=False, queues=["io"], pool="solo", loglevel="warning"),
        serving("asked-by-me"),
    ):
        say_who_asked.apply_async(connection=connection)
        say_who_asked.apply_async(connection=connection)
        for _ in range(100):
            if len(heard) == 2:
                break
            time.sleep(0.05)
    assert heard == ["asked-by-me"] * 2
