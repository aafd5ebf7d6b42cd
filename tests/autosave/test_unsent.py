"""A plain form whose session or token is gone: its text comes back on the page, and is saved when it is sent again."""

import re

import pytest
from django.test import Client
from django.urls import reverse

from questionnaires import services
from questionnaires.models import Answer


@pytest.fixture
def asked(persona):
    return services.question_create(persona=persona, text="What do you count?")


@pytest.fixture
def address(persona, asked):
    return reverse("question", args=[persona.pk, asked.slug])


FORM = {"text": "Cars & <trams>.", "revision": "0", "operation": "form", "action": "next"}
OWN = {"Origin": "http://testserver"}


def form_of(page):
    """What the page's form would send."""
    fields = dict(re.findall(r'<input type="hidden" name="(\w+)" value="([^"]*)"', page.content.decode()))
    return fields | {"text": FORM["text"]}


def test_a_text_without_a_session_is_shown_again_and_saved_after_the_log_in(address, owner, persona, settings):
    client = Client(enforce_csrf_checks=True)
    token = client.get(reverse("locked")) and "a" * 32
    client.cookies[settings.CSRF_COOKIE_NAME] = token
    page = client.post(address, FORM | {"csrfmiddlewaretoken": token}, headers=OWN)
    assert page.status_code == 403
    assert "Cars &amp; &lt;trams&gt;." in page.content.decode()
    assert "Your session has ended" in page.content.decode()
    client.force_login(owner)
    client.cookies[settings.CSRF_COOKIE_NAME] = "b" * 32  # a log-in changes it
    page = client.post(address, form_of(page), headers=OWN)
    assert (page.status_code, "You are in again" in page.content.decode()) == (403, True)
    assert client.post(address, form_of(page), headers=OWN).status_code == 302
    assert Answer.objects.get().text == FORM["text"]


@pytest.mark.parametrize("origin", ["http://evil.example", "http://testserver.evil.example", "null", ""])
def test_another_sites_form_is_refused_and_its_text_is_not_shown(address, owner, origin):
    client = Client(enforce_csrf_checks=True)
    client.force_login(owner)
    page = client.post(address, FORM, headers={"Origin": origin} if origin else {})
    assert page.status_code == 403
    assert "trams" not in page.content.decode()
    assert not Answer.objects.exists()


def test_without_a_text_it_goes_to_the_log_in_as_ever(address, client):
    for response in (client.get(address), client.post(address, FORM | {"text": " "})):
        assert response.status_code == 302
        assert response.url.startswith(reverse("locked"))
