"""The administrator's page: counts and dates, letting in and out, invitations."""

import pytest
from django.contrib.auth.models import User
from django.test import Client
from django.urls import reverse

from accounts.audit import AuditEvent
from accounts.invitations import Invitation, invitation_create
from accounts.people import person_change
from accounts.refusing import Refused
from questionnaires.models import Answer, Persona, Question
from tests.accounts.conftest import PASSWORD


def change(client, user, what):
    return client.post(reverse("person", args=[user.pk]), {"change": what})


def test_counts_are_shown_and_never_texts(visitor, member):
    persona = Persona.objects.create(owner=member, name="Secret name")
    question = Question.objects.create(slug="q", texts={"en": {"text": "Secret question"}})
    Answer.objects.create(owner=member, persona=persona, question=question, text="Secret answer", state="answered")
    html = visitor.get(reverse("people")).content.decode()
    assert "mira@example.org" in html
    assert "1 portrait," in html
    assert "Secret" not in html


@pytest.mark.parametrize("method", ["get", "post"])
def test_others_find_no_such_page(member, owner, client_of, method):
    client, row = client_of(member), invitation_create(by=owner)[0]
    addresses = ["/people/", f"/people/{owner.pk}/", "/people/invitations/", f"/people/invitations/{row.pk}/revoke/"]
    codes = {getattr(client, method)(address).status_code for address in addresses}
    assert codes <= {404, 405}
    assert 404 in codes
    owner.refresh_from_db()
    assert owner.is_active
    assert Invitation.objects.filter(pk=row.pk).exists()


def test_who_is_put_out_is_out_with_the_next_request_and_comes_back_later(visitor, member):
    client = Client()
    client.post("/accounts/login/", {"login": "mira@example.org", "password": PASSWORD})
    assert client.get(reverse("account")).status_code == 200
    change(visitor, member, "deactivate")
    assert client.get(reverse("account")).status_code == 302
    reply = client.post("/accounts/login/", {"login": "mira@example.org", "password": PASSWORD})
    assert reply.url == reverse("account_inactive")
    change(visitor, member, "activate")
    client.post("/accounts/login/", {"login": "mira@example.org", "password": PASSWORD})
    assert client.get(reverse("account")).status_code == 200
    acts = AuditEvent.objects.filter(subject=member, action__startswith="person-").values_list("action", flat=True)
    assert sorted(acts) == ["person-activated", "person-deactivated"]


@pytest.mark.parametrize("what", ["deactivate", "demote"])
def test_the_last_administrator_stays(visitor, owner, member, what):
    reply = visitor.post(reverse("person", args=[owner.pk]), {"change": what}, follow=True)
    assert "Somebody must be able to run this place" in reply.content.decode()
    owner.refresh_from_db()
    assert owner.is_active
    assert owner.is_staff
    change(visitor, member, "promote")
    change(visitor, owner, what)
    owner.refresh_from_db()
    assert not (owner.is_active and owner.is_staff)


def test_a_closed_account_is_no_administrator_that_counts(owner, member):
    person_change(person=member, by=owner, is_staff=True)
    person_change(person=member, by=owner, is_active=False)
    with pytest.raises(Refused):
        person_change(person=owner, by=owner, is_staff=False)


@pytest.mark.parametrize("what", ["", "delete", "is_superuser"])
def test_nothing_else_can_be_done_to_anybody(visitor, member, what):
    assert change(visitor, member, what).status_code == 400
    assert not User.objects.get(pk=member.pk).is_superuser


def test_a_link_is_shown_once(visitor, invitation_mode):
    html = visitor.post(reverse("invite"), {"email": "bea@example.org"}).content.decode()
    assert "/invitation/?token=" in html
    page = visitor.get(reverse("people")).content.decode()
    assert "bea@example.org" in page
    assert "token=" not in page


@pytest.mark.parametrize(("email", "status"), [("nonsense", 400), ("mira@example.org", 409)])
def test_an_address_that_cannot_be_invited_is_said(visitor, member, invitation_mode, email, status):
    assert visitor.post(reverse("invite"), {"email": email}).status_code == status
    assert not Invitation.objects.exists()


def test_while_sign_up_is_off_no_link_is_made(visitor):
    assert visitor.post(reverse("invite")).status_code == 409
    assert not Invitation.objects.exists()


def test_without_an_administrator_the_owner_is_one_again(owner):
    from persona_site.entry import owner_get

    User.objects.update(is_staff=False, is_active=False)
    again = owner_get()
    assert again.is_staff
    assert again.is_active


def test_the_hour_of_the_last_visit_is_noted(member, settings, django_assert_num_queries):
    from allauth.usersessions.models import UserSession
    from django.utils import timezone

    settings.MIDDLEWARE = [*settings.MIDDLEWARE, "accounts.seen.last_seen"]
    client = Client()
    client.post("/accounts/login/", {"login": "mira@example.org", "password": PASSWORD})
    long_ago = timezone.now() - timezone.timedelta(days=3)
    UserSession.objects.update(last_seen_at=long_ago)
    client.get("/account/")
    first = UserSession.objects.get().last_seen_at
    assert first > long_ago
    client.get("/account/")
    assert UserSession.objects.get().last_seen_at == first
