"""Whoever's account is closed is gone by every door, and back by each when it is opened again."""

from datetime import timedelta

import pytest
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from accounts.people import person_change
from api.tokens import SCOPES, token_create
from chat.sharing.shares import Terms, share_create
from chat.telegram.linking import account_find, code_make, code_redeem
from fidelity.models import FriendLink
from persona_site.entry import entry_link
from questionnaires.models import Persona
from tests.fidelity.report_fixture import make_version


@pytest.fixture
def mira(member):
    return Persona.objects.create(owner=member, name="Mira")


def test_no_door_stays_open(owner, member, mira):
    make_version(mira)
    _row, secret = token_create(owner=member, name="x", scopes=list(SCOPES))
    programs = {"headers": {"authorization": f"Bearer {secret}"}}
    code_redeem(code=code_make(persona=mira), user_id=7, name="M", language="en")
    code = code_make(persona=mira)
    assert account_find(user_id=7)
    assert Client().get("/v1/models", **programs).status_code == 200
    person_change(person=member, by=owner, is_active=False)
    assert account_find(user_id=7) is None
    assert code_redeem(code=code, user_id=8, name="E", language="en") is None
    assert Client().get("/v1/models", **programs).status_code == 401
    person_change(person=member, by=owner, is_active=True)
    assert account_find(user_id=7)
    assert Client().get("/v1/models", **programs).status_code == 200


def test_the_link_from_the_terminal_opens_no_closed_account(owner, member):
    person_change(person=member, by=owner, is_staff=True)
    address = "/" + entry_link().split("/", 3)[3]
    person_change(person=owner, by=member, is_active=False)
    assert Client().get(address).status_code == 403


def test_a_friends_link_of_a_closed_account_opens_nothing(owner, member, mira):
    link = FriendLink.objects.create(
        owner=member,
        persona=mira,
        version=make_version(mira),
        token="a-token",
        state="open",
        expires_at=timezone.now() + timedelta(days=1),
    )
    address = f"/which/{link.token}/"
    assert Client().get(address).status_code == 200
    person_change(person=member, by=owner, is_active=False)
    assert Client().get(address).status_code == 404


def test_a_share_of_a_closed_account_opens_nothing(owner, member, mira):
    make_version(mira)
    _row, token = share_create(persona=mira, terms=Terms(label="A talk", kind="link"))
    address = reverse("shared", args=[token])
    assert Client().get(address).status_code == 200
    person_change(person=member, by=owner, is_active=False)
    assert Client().get(address).status_code == 404
