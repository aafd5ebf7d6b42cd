"""A portrait is about oneself, or about somebody who agreed: said once, kept with its date."""

import pytest
from django.urls import reverse

from questionnaires.bank import bank_load
from questionnaires.data_card import card_get
from questionnaires.demo import demo_create
from questionnaires.models import Persona


@pytest.fixture
def community(settings):
    settings.SIGN_UP = "invitation"


def test_on_ones_own_computer_the_button_says_it(visitor):
    page = visitor.get(reverse("personas")).content.decode()
    assert '<input type="hidden" name="agreed" value="yes">' in page
    visitor.post(reverse("personas"), {"name": "Ada", "agreed": "yes"})
    assert Persona.objects.get(name="Ada").agreed_at


def test_among_others_it_is_ticked(community, visitor):
    assert 'type="checkbox" name="agreed"' in visitor.get(reverse("personas")).content.decode()
    reply = visitor.post(reverse("personas"), {"name": "Ada"})
    assert reply.status_code == 400
    assert "has agreed" in reply.content.decode()
    assert not Persona.objects.filter(name="Ada").exists()
    visitor.post(reverse("personas"), {"name": "Ada", "agreed": "yes"})
    assert Persona.objects.get(name="Ada").agreed_at


def test_an_older_portrait_is_asked_about_once_and_stays_readable(community, visitor, persona):
    question = "Is it about you"
    assert question in visitor.get(reverse("personas")).content.decode()
    assert visitor.get(reverse("data", args=[persona.pk])).status_code == 200
    assert "Nobody has confirmed" in card_get(persona=persona)
    visitor.post(reverse("persona_agree", args=[persona.pk]))
    first = Persona.objects.get(pk=persona.pk).agreed_at
    visitor.post(reverse("persona_agree", args=[persona.pk]))
    persona.refresh_from_db()
    assert first == persona.agreed_at
    assert question not in visitor.get(reverse("personas")).content.decode()
    assert f"confirmed on {first:%Y-%m-%d}" in card_get(persona=persona)


def test_nobody_agrees_for_an_invented_person_or_a_stranger(visitor, owner, persona, stranger, client_of):
    bank_load()
    demo_create(owner=owner)
    Persona.objects.filter(pk=persona.pk).delete()
    assert "Is it about you" not in visitor.get(reverse("personas")).content.decode()
    other = Persona.objects.create(owner=stranger, name="Eve")
    assert visitor.post(reverse("persona_agree", args=[other.pk])).status_code == 404
