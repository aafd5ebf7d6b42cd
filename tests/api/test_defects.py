"""A defect: programs get what they can read, people a page, nobody the exception."""

import pytest


@pytest.fixture(autouse=True)
def quiet(client):
    client.raise_request_exception = False


def broken(*_, **__):
    raise RuntimeError("secret")


def test_programs_get_a_body_that_they_can_read(client, monkeypatch):
    monkeypatch.setattr("api.openai.door.let_in", broken)
    answer = client.get("/v1/models")
    assert (answer.status_code, answer.json()["error"]["type"]) == (500, "server_error")
    assert answer["X-Request-ID"]
    assert b"secret" not in answer.content


def test_people_get_a_page(visitor, monkeypatch):
    visitor.raise_request_exception = False
    monkeypatch.setattr("questionnaires.views.render", broken)
    answer = visitor.get("/personas/")
    assert answer.status_code == 500
    assert answer["Content-Type"].startswith("text/html")
    assert b"secret" not in answer.content
