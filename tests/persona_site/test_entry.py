"""The one-time link."""

from datetime import timedelta
from urllib.parse import urlsplit

import pytest
from django.test import Client
from django.utils import timezone

from persona_site.entry import entry_link, owner_get
from persona_site.models import EntryToken


@pytest.fixture
def link(db) -> str:
    parts = urlsplit(entry_link())
    return f"{parts.path}?{parts.query}"


def test_a_link_opens_once(link):
    first, second = Client(), Client()
    assert first.get(link).status_code == 302
    assert first.get("/personas/").status_code == 200
    assert second.get(link).status_code == 403
    assert second.get("/personas/").status_code == 302


def test_who_is_inside_may_use_a_link_again(link):
    client = Client()
    client.get(link)
    assert client.get(link).url == "/"


def test_an_old_link_opens_nothing(link):
    EntryToken.objects.update(expires_at=timezone.now() - timedelta(seconds=1))
    assert Client().get(link).status_code == 403


@pytest.mark.parametrize("token", ["", "x", "%00", "a" * 5000])
def test_a_guess_opens_nothing(db, token):
    owner_get()
    assert Client().get("/open/", {"token": token}).status_code == 403


def test_the_token_is_not_stored(link):
    token = link.partition("token=")[2]
    assert token not in str(list(EntryToken.objects.values()))


def test_on_a_server_the_link_leads_to_its_name(db, settings):
    settings.SITE_URL = "https://ada.example"
    assert entry_link().startswith("https://ada.example/open/?token=")


def test_browsers_that_came_by_the_link_are_listed_and_logged_out(link):
    first, second = Client(), Client()
    first.get(link)
    second.get("/" + entry_link().split("/", 3)[3])
    assert first.get("/accounts/sessions/").content.decode().count("<li>") == 2
    first.post("/accounts/sessions/")
    assert first.get("/account/").status_code == 200
    assert second.get("/account/").status_code == 302
