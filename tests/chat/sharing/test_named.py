"""Sharing with named people."""

import pytest
from allauth.account.models import EmailAddress
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from accounts.invitations import Invitation
from chat.models import Conversation, PersonaShare
from chat.sharing.shares import share_revoke
from tests.chat.sharing.visiting import Guest, words

pytestmark = pytest.mark.django_db


@pytest.fixture
def community(settings):
    settings.SIGN_UP = "invitation"
    settings.LOGIN_URL = "locked"


@pytest.fixture
def bo(django_user_model):
    return django_user_model.objects.create_user("bo")


def confirm(user, email="bo@example.org", verified=True):
    EmailAddress.objects.create(user=user, email=email, verified=verified)


def test_a_named_person_finds_it_on_their_first_page(community, make, bo, client_of, engine, version, no_hurry, owner):
    confirm(bo)
    share, token = make(kind="people", emails=("Bo@Example.org ", "", "bo@example.org"))
    assert [guest.email for guest in share.guests.all()] == ["bo@example.org"]
    assert token == str(share.pk)  # no secret: the account opens it
    shelf = words(client_of(bo).get(reverse("personas")))
    assert "Shared with you" in shelf
    assert reverse("shared", args=[share.pk]) in shelf
    guest = Guest(token, client_of(bo))
    assert not [name for name in guest.come().cookies if name.startswith("visitor_")]  # no second key is needed
    assert "I grew up by the sea." in words(guest.say())
    elsewhere = Guest(token, client_of(bo))  # another browser of the same account
    elsewhere.talk = guest.talk
    assert "I grew up by the sea." in words(elsewhere.browser.get(elsewhere.at("shared_talk")))
    assert "Shared with you" not in words(client_of(owner).get(reverse("personas")))


def test_named_people_alone_come_in(community, make, bo, client_of, stranger, owner):
    share, token = make(kind="people", emails=("bo@example.org",))
    confirm(bo, verified=False)  # typed in, and nobody knows whether it is theirs
    confirm(stranger, "stranger@example.org")
    for browser in (Client(), client_of(bo), client_of(stranger)):
        assert Guest(token, browser).come().status_code == 404
    assert "This is what visitors see" in words(Guest(token, client_of(owner)).come())
    invitation = {"digest": "0" * 64, "email": "bo@example.org", "expires_at": timezone.now(), "used_by": bo}
    Invitation.objects.create(**invitation)
    guest = Guest(token, client_of(bo))
    assert guest.come().status_code == 200
    share_revoke(share=share)
    assert guest.come().status_code == 404
    assert "Shared with you" not in words(client_of(bo).get(reverse("personas")))


def test_what_a_named_person_said_goes_with_their_account(community, make, bo, client_of, engine, version, no_hurry):
    confirm(bo)
    guest = Guest(make(kind="people", emails=("bo@example.org",))[1], client_of(bo))
    guest.say()
    own_room = reverse("chat_conversation", args=[PersonaShare.objects.get().persona_id, guest.talk])
    assert guest.browser.get(own_room).status_code == 404  # the owner's pages stay the owner's
    bo.delete()
    assert not Conversation.objects.exists()
    assert PersonaShare.objects.get().is_open


@pytest.mark.parametrize("typed", ["", "bo", "\n".join(f"p{n}@example.org" for n in range(51))])
def test_named_people_have_addresses(community, visitor, persona, told, typed):
    form = {"kind": "people", "manner": "natural", "which": "all", "days": "7", "daily": "20", "emails": typed}
    response = visitor.post(reverse("sharing", args=[persona.pk]), form)
    assert response.status_code == 400
    assert typed in words(response)
