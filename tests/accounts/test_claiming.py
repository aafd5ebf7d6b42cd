"""The owner gets an address and a password without losing a row."""

import pytest
from allauth.account.models import EmailAddress
from django.apps import apps
from django.test import Client
from django.urls import reverse

from persona_site.entry import entry_link
from questionnaires.bank import bank_load
from questionnaires.models import Question
from questionnaires.services import answer_save
from tests.accounts.conftest import PASSWORD

pytestmark = pytest.mark.usefixtures("quick")
CLAIM = {"email": "Ada@Example.org", "password": PASSWORD}


def rows() -> dict[str, int]:
    return {model._meta.label: model._default_manager.count() for model in apps.get_models()}


@pytest.fixture
def answered(persona):
    bank_load()
    for question in Question.objects.all()[:3]:
        answer_save(persona=persona, question=question, text="By the sea.", base_revision=0, operation_id=question.slug)
    return persona


def test_claiming_keeps_the_user_and_every_row(answered, owner, visitor):
    visitor.get(reverse("account"))
    before, pk = rows(), owner.pk
    assert visitor.post(reverse("account_claim"), CLAIM).url == reverse("account")
    after = rows()
    grown = {label: after[label] - before[label] for label in after if after[label] != before[label]}
    assert grown == {"account.EmailAddress": 1, "accounts.AuditEvent": 1}
    owner.refresh_from_db()
    assert (owner.pk, owner.email, owner.is_staff) == (pk, "ada@example.org", True)
    assert answered.owner_id == pk


def test_this_browser_stays_inside_and_another_does_not(owner, client_of):
    here, there = client_of(owner), client_of(owner)
    here.post(reverse("account_claim"), CLAIM)
    assert here.get(reverse("account")).status_code == 200
    assert there.get(reverse("account")).status_code == 302


def test_the_link_from_the_terminal_still_opens(owner, visitor):
    visitor.post(reverse("account_claim"), CLAIM)
    client = Client()
    client.get("/" + entry_link().split("/", 3)[3])
    assert client.get(reverse("account")).status_code == 200


def test_the_password_opens_elsewhere(owner, visitor):
    visitor.post(reverse("account_claim"), CLAIM)
    client = Client()
    client.post(reverse("account_login"), {"login": "ada@example.org", "password": PASSWORD})
    assert client.get(reverse("account")).status_code == 200


@pytest.mark.parametrize(
    ("email", "password", "sentence"),
    [
        ("no address", PASSWORD, "not an e-mail address"),
        ("ada@example.org", "short", "at least 10"),
        ("ada@example.org", "ada@example.org", "too similar"),
        ("mira@example.org", PASSWORD, "has an account already"),
    ],
)
def test_what_cannot_be_kept_is_said(visitor, member, email, password, sentence):
    reply = visitor.post(reverse("account_claim"), {"email": email, "password": password})
    assert reply.status_code in {400, 409}
    assert sentence in reply.content.decode()
    assert EmailAddress.objects.count() == 1


def test_an_account_is_claimed_once(visitor):
    visitor.post(reverse("account_claim"), CLAIM)
    reply = visitor.post(reverse("account_claim"), {"email": "b@example.org", "password": PASSWORD})
    assert reply.status_code == 409
    assert visitor.get(reverse("account_claim")).url == reverse("account")
