"""The client of a provider: each error's kind and sentence, pages that never end, keys that stay where they belong."""

import pytest

from tests.provider_standin import Standin
from training.providers import addresses
from training.providers.base import Endpoint
from training.providers.errors import (
    AuthFailed,
    Forbidden,
    InvalidData,
    NotFound,
    OutOfCredit,
    Passing,
    RateLimited,
    Unavailable,
)
from training.providers.openai_compatible import availability, connect


def endpoint(standin, **other):
    return Endpoint(**{"base_url": standin.base_url, "key": standin.key, "preset": "openai", **other})


@pytest.fixture
def api(standin):
    with connect(endpoint(standin)) as api:
        yield api


@pytest.mark.parametrize(
    ("status", "code", "kind", "sentence"),
    [
        (401, None, AuthFailed, "does not accept the key"),
        (403, "training_not_available", Unavailable, "another provider"),
        (403, None, AuthFailed, "does not allow"),
        (404, None, NotFound, "does not know"),
        (400, "invalid_file", InvalidData, "“Row 3 is odd.”"),
        (422, None, InvalidData, "“Row 3 is odd.”"),
        (429, None, RateLimited, "no more requests"),
        (429, "insufficient_quota", OutOfCredit, "credit"),
        (409, None, Passing, "409"),
        (500, None, Passing, "500"),
        (503, None, Passing, "503"),
    ],
)
def test_each_refusal_has_its_kind_and_sentence(api, standin, status, code, kind, sentence):
    standin.tell("models.list", "status", status=status, code=code, message="Row 3 is odd.")
    with pytest.raises(kind, match=sentence) as caught:
        api.models()
    assert (caught.value.status, caught.value.code, caught.value.words) == (status, code or "", "Row 3 is odd.")
    assert standin.count("models.list") == 1


@pytest.mark.parametrize(
    ("told", "seconds"), [("7", 7.0), ("soon", 0.0), ("Mon, 23 Nov 2020 05:00:00 GMT", 0.0), ("9" * 12, 3600.0)]
)
def test_when_to_come_again_is_heard(api, standin, told, seconds):
    standin.tell("models.list", "status", status=429, headers={"retry-after": told})
    with pytest.raises(RateLimited) as caught:
        api.models()
    assert caught.value.retry_after == seconds


def test_no_answer_is_told_from_nothing_sent(api, standin, monkeypatch):
    standin.tell("jobs.create", "drop")
    with pytest.raises(Passing, match="broke off") as broken:
        api.create_job({"model": "m", "training_file": "f"}, {})
    standin.tell("models.list", "garbage")
    with pytest.raises(Passing, match="not a provider's answer"):
        api.models()
    standin.stop()
    with pytest.raises(Passing, match="cannot be reached") as unreached:
        api.models()
    assert (broken.value.unsent, unreached.value.unsent) == (False, True)
    assert standin.count("jobs.create") == 1


def test_a_slow_answer_ends_in_time(standin, monkeypatch):
    monkeypatch.setattr("training.providers.openai_compatible.ANSWER_SECONDS", 0.2)
    standin.tell("models.list", "delay", seconds=1.0)
    with connect(endpoint(standin)) as api, pytest.raises(Passing, match="in time"):
        api.models()


def test_pages_end_though_the_server_ignores_after(api, standin):
    for number in range(25):
        standin.account.add_job({"model": "m", "training_file": f"file-{number}"})
    assert len(list(api.jobs(limit=10))) == 25
    standin.habits.ignores_after = True
    assert len(list(api.jobs(limit=10))) == 10
    assert standin.count("jobs.list") == 3 + 2


def test_a_stray_environment_sends_nothing_elsewhere(standin, monkeypatch):
    with Standin(key="sk-another-account") as other:
        monkeypatch.setenv("OPENAI_BASE_URL", other.base_url)
        monkeypatch.setenv("OPENAI_API_KEY", "sk-canary-environment")
        monkeypatch.setenv("OPENAI_ORG_ID", "org-canary")
        monkeypatch.setenv("OPENAI_PROJECT_ID", "proj-canary")
        monkeypatch.setenv("OPENAI_CUSTOM_HEADERS", "Authorization: Bearer sk-canary-header\nX-Canary: canary")
        monkeypatch.setenv("HTTP_PROXY", f"http://127.0.0.1:{other.port}")
        monkeypatch.setenv("ALL_PROXY", f"http://127.0.0.1:{other.port}")
        with connect(endpoint(standin)) as api:
            list(api.models())
        assert other.requests == []
    assert [seen.key for seen in standin.requests] == [standin.key]
    assert "canary" not in repr(standin.requests)


def test_a_redirect_is_not_followed(api, standin):
    with Standin() as other:
        standin.tell("models.list", "status", status=307, headers={"location": f"{other.base_url}/models"})
        with pytest.raises((Passing, InvalidData)):
            api.models()
        assert other.requests == []


def test_the_name_is_checked_by_the_address_that_is_connected_to(monkeypatch):
    """A name that was harmless when it was entered and leads to the metadata service when it is used."""
    answers = iter(["127.0.0.1", "169.254.169.254"])
    asked = []

    def resolved(host, port, **_more):
        asked.append(host)
        return [(2, 1, 6, "", (next(answers), port))]

    monkeypatch.setattr("socket.getaddrinfo", resolved)
    addresses.check_address("http://rebinding.example/v1")
    rebound = connect(Endpoint("http://rebinding.example/v1", "sk-1", "other"))
    with rebound as api, pytest.raises(Forbidden, match=r"169\.254\.169\.254"):
        api.models()
    assert asked == ["rebinding.example"] * 2


def test_what_an_account_can_do(standin):
    found = availability(endpoint(standin))
    assert (found.ok, len(found.models), len(found.sentences)) == (True, 3, 2)
    standin.habits.training_available = False
    closed = availability(endpoint(standin))
    assert (closed.ok, closed.models) == (False, found.models)
    assert "another provider" in closed.sentences[-1]
    wrong = availability(endpoint(standin, key="sk-wrong"))
    assert wrong.sentences == ["The provider does not accept the key. Enter a valid one at the connection."]


def test_a_key_is_in_no_repr(standin):
    assert standin.key not in repr(endpoint(standin))
