"""A request's id goes along to the model server, and to nobody else."""

import asyncio
import contextvars
import logging

import pytest
from asgiref.sync import async_to_sync
from starlette.requests import Request

from accounts.request_id import serving
from chat import client
from chat.client import Elsewhere
from engine.serving.http import on_unexpected
from training.providers.base import Endpoint


def headers_of(elsewhere=None):
    async def made():
        async with client._client("http://127.0.0.1:9", elsewhere) as found:
            return dict(found.default_headers)

    return async_to_sync(made)()


def test_the_model_server_hears_it_and_a_provider_does_not():
    contextvars.Context().run(ask_both)  # nothing that an earlier test left


def ask_both():
    there = Elsewhere(Endpoint("https://api.example.org/v1", "key", "other"), "There")
    with serving("asked-by-me"):
        assert headers_of()["X-Request-ID"] == "asked-by-me"
        assert "X-Request-ID" not in headers_of(there)
    assert headers_of().get("X-Request-ID") is None


@pytest.mark.parametrize(("given", "named"), [("asked-by-me", "asked-by-me"), ("a\tb forged line", "without an id")])
def test_the_model_servers_log_names_it(given, named, caplog):
    scope = {"type": "http", "headers": [(b"x-request-id", given.encode())]}
    with caplog.at_level(logging.ERROR):
        response = asyncio.run(on_unexpected(Request(scope), ValueError("words of a person")))
    assert response.status_code == 500
    assert caplog.messages == [f"Request {named} failed: ValueError"]
