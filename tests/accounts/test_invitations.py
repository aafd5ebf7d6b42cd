"""Invitations make one account each; open sign-up makes as many as come."""

from datetime import timedelta

import pytest
from allauth.account.models import EmailAddress
from django.contrib.auth.models import User
from django.core import mail
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from accounts.invitations import Invitation, invitation_create
from questionnaires.bank import bank_load
from questionnaires.models import Persona
from tests.accounts.conftest import PASSWORD

SIGN_UP = "/accounts/signup/"
NEW = {"email": "bea@example.org", "password1": PASSWORD}
pytestmark = pytest.mark.django_db


@pytest.fixture
def token(invitation_mode, owner) -> str:
    return invitation_create(by=owner)[1]


def come(token) -> Client:
    client = Client()
    client.get(reverse("invitation"), {"token": token})
    return client


def test_an_invitation_makes_one_account_that_finds_the_demo(token, owner):
    bank_load()
    client = come(token)
    assert client.post(SIGN_UP, NEW).url == "/"
    assert client.get(reverse("account")).status_code == 200
    user = User.objects.get(email="bea@example.org")
    assert not user.is_staff
    assert Persona.objects.filter(owner=user, is_demo=True).count() == 1
    assert Invitation.objects.get().used_by == user
    late = come(token)
    assert late.get(SIGN_UP).context.get("form") is None
    late.post(SIGN_UP, NEW | {"email": "eve@example.org"})
    assert User.objects.count() == 2


def test_of_two_who_came_with_one_link_one_gets_in(token):
    first, second = come(token), come(token)
    assert second.get(SIGN_UP).status_code == 200
    first.post(SIGN_UP, NEW)
    second.post(SIGN_UP, NEW | {"email": "eve@example.org"})
    assert not User.objects.filter(email="eve@example.org").exists()
    assert not EmailAddress.objects.filter(email="eve@example.org").exists()


def test_who_loses_the_race_within_the_form_leaves_nothing_behind(token, monkeypatch):
    client = come(token)
    from accounts import forms

    real = forms.invitation_use

    def taken_meanwhile(*, invitation, user):
        Invitation.objects.update(used_at=timezone.now())
        real(invitation=invitation, user=user)

    monkeypatch.setattr(forms, "invitation_use", taken_meanwhile)
    reply = client.post(SIGN_UP, NEW)
    assert reply.status_code == 410
    assert "used, revoked or is too old" in reply.content.decode()
    assert not User.objects.filter(email="bea@example.org").exists()


def test_a_wrong_old_or_revoked_link_opens_nothing(token, owner, client_of):
    assert Client().get(reverse("invitation"), {"token": "x"}).status_code == 404
    Invitation.objects.update(expires_at=timezone.now() - timedelta(seconds=1))
    assert Client().get(reverse("invitation"), {"token": token}).status_code == 404
    row, fresh = invitation_create(by=owner)
    client_of(owner).post(reverse("invitation_revoke", args=[row.pk]))
    assert Client().get(reverse("invitation"), {"token": fresh}).status_code == 404


def test_an_invitation_for_an_address_is_for_that_address(invitation_mode, owner):
    client = come(invitation_create(by=owner, email="Bea@example.org")[1])
    assert 'value="bea@example.org"' in client.get(SIGN_UP).content.decode()
    client.post(SIGN_UP, NEW | {"email": "eve@example.org"})
    assert not User.objects.filter(email="eve@example.org").exists()
    client.post(SIGN_UP, NEW)
    assert User.objects.filter(email="bea@example.org").exists()
    assert EmailAddress.objects.get().verified  # who invites vouches for the address


def test_the_token_is_not_stored_and_not_in_the_form(token):
    assert token not in str(list(Invitation.objects.values()))
    assert token not in come(token).get(SIGN_UP).content.decode()


def test_nobody_signs_up_uninvited(invitation_mode, client):
    client.post(SIGN_UP, NEW)
    assert not User.objects.exists()


@pytest.mark.parametrize("mode", ["off"])
def test_while_sign_up_is_off_nothing_makes_an_account(token, settings, mode):
    settings.SIGN_UP = mode
    client = come(token)
    client.post(SIGN_UP, NEW)
    assert not User.objects.filter(email="bea@example.org").exists()


def test_open_sign_up_needs_no_link_and_takes_no_weak_password(open_mode, client):
    reply = client.post(SIGN_UP, NEW | {"password1": "password12"})
    assert "too common" in reply.content.decode() or "at least" in reply.content.decode()
    client.post(SIGN_UP, NEW)
    assert client.get(reverse("account")).status_code == 200


def test_with_verification_the_letter_opens_and_known_addresses_are_not_told(open_mode, settings, client, member):
    settings.ACCOUNT_EMAIL_VERIFICATION = "mandatory"
    pages = [Client().post(SIGN_UP, NEW | {"email": one}).url for one in ("bea@example.org", "mira@example.org")]
    assert pages == [reverse("account_email_verification_sent")] * 2
    client.post("/accounts/login/", {"login": "bea@example.org", "password": PASSWORD})
    assert client.get(reverse("account")).status_code == 302
    link = next(word for word in mail.outbox[0].body.split() if "confirm-email" in word)
    client.post(link)
    client.post("/accounts/login/", {"login": "bea@example.org", "password": PASSWORD})
    assert client.get(reverse("account")).status_code == 200


def test_a_mail_server_that_is_away_breaks_no_page(open_mode, settings, client):
    settings.ACCOUNT_EMAIL_VERIFICATION = "mandatory"
    settings.EMAIL_BACKEND, settings.EMAIL_PORT = "django.core.mail.backends.smtp.EmailBackend", 9
    reply = client.post(SIGN_UP, NEW, follow=True)
    assert reply.status_code == 200
    assert "mail server does not answer" in reply.content.decode()
