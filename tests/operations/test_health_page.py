"""The page "Health of this installation": for whom it is, what it shows, and what it never shows."""

import pytest
from django.urls import reverse

from operations import health, readiness
from training.models import Connection, PersonaModel


@pytest.fixture(autouse=True)
def folders(settings, tmp_path):
    settings.DATA_DIR, settings.BACKUP_DIR = tmp_path, ""
    settings.RUNS_DIR, settings.MODELS_DIR = tmp_path / "runs", tmp_path / "models"
    settings.ENGINE_URLS, settings.REDIS_URL = ["http://127.0.0.1:9"], f"unix://{tmp_path}/nobody.sock"
    readiness.forget()
    yield
    readiness.forget()


def page(client):
    response = client.get(reverse("installation_health"))
    return response.status_code, response.content.decode()


def test_it_is_for_the_owner_alone_and_where_people_sign_up_for_administrators(
    visitor, owner, stranger, client_of, settings
):
    owner.is_staff = False
    owner.save()
    assert page(visitor)[0] == 200 and page(client_of(stranger))[0] == 404
    settings.SIGN_UP = "open"
    assert page(visitor)[0] == 404
    stranger.is_staff = True
    stranger.save()
    assert page(client_of(stranger))[0] == 200


def test_what_does_not_work_is_said(visitor):
    _status, text = page(visitor)
    assert "Something does not work" in text and "The model server does not answer" in text
    assert "unknown: the broker is away" in text


def test_people_are_counted_and_connections_named_without_their_keys(visitor, owner, persona, settings):
    version = PersonaModel.objects.create(
        owner=owner, persona=persona, number=1, name="v1", base_model="base", format="chat",
        spoken_name="Ada", data_hash="0" * 64,
    )  # fmt: skip
    version.folder.mkdir(parents=True)
    (version.folder / "adapter.gguf").write_bytes(b"x" * 2_500_000)
    Connection.objects.create(
        owner=owner, preset="openai", name="My account", base_url="https://api.example.org/v1",
        sealed_key="sealed-canary-7d1f", key_hint="7d1f", test_result={"sentences": ["canary-7d1f"]},
    )  # fmt: skip
    (stored,) = health.stored_by_person()
    assert (stored.versions, stored.megabytes) == (1, 2.5)
    _status, text = page(visitor)
    assert "My account" in text and "api.example.org" in text and "2.5" in text
    assert "7d1f" not in text and persona.name not in text


def test_files_of_nobody_are_counted_for_nobody(owner, settings):
    (settings.MODELS_DIR / "not-a-row").mkdir(parents=True)
    (settings.MODELS_DIR / "not-a-row" / "x").write_bytes(b"x" * 10)
    assert health.stored_by_person() == []
