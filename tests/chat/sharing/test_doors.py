"""Who comes in to a shared persona, and what they find there."""

import re

import pytest
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from chat.models import Conversation, Message, PersonaShare
from chat.sharing.shares import share_revoke
from tests.chat.sharing.visiting import OF_A_TALK, OWNED, VISITED, Guest, words

pytestmark = pytest.mark.django_db


def test_every_address_of_sharing_is_walked_here():
    from chat.sharing.urls import urlpatterns

    assert {pattern.name for pattern in urlpatterns} == set(VISITED) | set(OWNED)


def test_the_token_is_kept_as_a_digest_alone(link, visitor, persona):
    share, token = link
    assert len(token) >= 43
    row = PersonaShare.objects.filter(pk=share.pk).values().get()
    assert token not in str(row)
    assert token not in words(visitor.get(reverse("sharing", args=[persona.pk])))


def test_a_visitor_without_an_account_sees_the_label_and_nothing_of_the_persons_pages(guest, persona, told):
    page = words(guest.come())
    assert "AI portrait of Ada" in page
    assert "You are not talking with Ada" in page
    assert "it can be wrong" in page
    assert "/p/" not in page
    assert 'class="rail"' not in page
    for answer in told:
        assert answer.text not in page
        assert answer.question.text not in page


def test_the_page_keeps_robots_caches_and_other_sites_out(guest):
    page = guest.come()
    assert "noindex" in page["X-Robots-Tag"]
    assert 'name="robots" content="noindex' in words(page)
    assert page["Referrer-Policy"] == "same-origin"
    assert "no-store" in page["Cache-Control"]
    cookie = page.cookies[next(name for name in page.cookies if name.startswith("visitor_"))]
    assert cookie["httponly"]
    assert cookie["path"] == "/with/"


@pytest.fixture
def addresses(guest, engine, version):
    """Every visitor's address, of a talk with a pending reply."""
    reply = guest.post().json()["reply"]
    of_reply = {name: guest.at(name, reply) for name in ("shared_stream", "shared_stop")}
    doors = {name: reverse(name, args=[guest.token]) for name in ("shared", "shared_warm")}
    return doors | {name: guest.at(name) for name in OF_A_TALK} | of_reply


def ask(browser, name, address):
    form = {"text": "Hi", "operation": "other"} if name == "shared_message" else {}
    return getattr(browser, VISITED[name])(address, form)


@pytest.mark.parametrize("name", VISITED)
def test_a_wrong_a_revoked_and_an_expired_link_look_the_same(addresses, guest, link, name):
    wrong = addresses[name].replace(guest.token, "A" * 43)
    seen = [ask(guest.browser, name, wrong)]
    PersonaShare.objects.update(expires_at=timezone.now())
    seen.append(ask(guest.browser, name, addresses[name]))
    PersonaShare.objects.update(expires_at=None)
    share_revoke(share=link[0])
    seen.append(ask(guest.browser, name, addresses[name]))
    assert [response.status_code for response in seen] == [404] * 3
    pages = {re.sub(r'value="[^"]*"', "", words(response)) for response in seen}
    assert len(pages) == 1
    assert "There is no talk at this address" in pages.pop()


@pytest.mark.parametrize("name", sorted(set(VISITED) - {"shared", "shared_message", "shared_warm"}))
def test_another_visitor_of_the_same_link_and_the_owner_find_no_talk(addresses, guest, visitor, name):
    other = Guest(guest.token)
    other.come()
    for browser in (other.browser, Client(), visitor):
        assert ask(browser, name, addresses[name]).status_code == 404
    assert Message.objects.get(role="persona").state == "pending"


def test_nobody_writes_into_somebody_elses_talk(addresses, guest, persona, visitor, post):
    other = Guest(guest.token)
    other.come()
    other.talk = guest.talk
    assert other.say("Let me in").status_code == 404
    own = reverse("chat_message", args=[persona.pk, guest.talk])
    assert visitor.post(own, {"text": "Let me in", "operation": "x"}).status_code == 404
    mine = post("Mine alone")
    guest.talk = mine.conversation_id
    assert guest.say("Let me in").status_code == 404
    assert not Message.objects.filter(text="Let me in").exists()


@pytest.mark.parametrize("name", VISITED)
def test_the_wrong_method_is_refused(addresses, guest, name):
    wrong = {"get": "post", "post": "get"}[VISITED[name]]
    assert getattr(guest.browser, wrong)(addresses[name]).status_code == 405


def test_without_cookies_the_message_is_refused_with_a_sentence(link, engine, told):
    response = Guest(link[1]).post()
    assert response.status_code == 403
    assert "cookies" in response.json()["error"]
    assert not Conversation.objects.exists()


def test_a_form_from_another_site_is_refused(guest):
    strict = Client(enforce_csrf_checks=True)
    strict.cookies = guest.browser.cookies
    assert strict.post(guest.at("shared_message"), {"text": "Hi", "operation": "1"}).status_code == 403


def test_the_page_speaks_russian_too(link):
    page = words(Guest(link[1]).come(headers={"Accept-Language": "ru"}))
    assert '<html lang="ru">' in page
