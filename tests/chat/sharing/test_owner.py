"""What the owner sees of sharing: terms and counts, and no word of a visitor."""

import re
import uuid
from datetime import timedelta

import pytest
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from chat import conversations, corrections, services
from chat.models import Conversation, Message, PersonaShare
from chat.sharing.shares import Terms, share_create
from questionnaires.models import Persona
from tests.chat.sharing.visiting import OWNED, Guest, words

pytestmark = pytest.mark.django_db


def test_no_page_of_the_owner_lists_finds_exports_or_shows_a_visitors_talk(
    guest, engine, told, version, visitor, persona
):
    guest.say("Zanzibar by night")
    engine.replies = [["Zanzibar is far."]]
    guest.say("Zanzibar by day")
    talk = Conversation.objects.get()
    assert Message.objects.filter(owner__isnull=False).count() == 0
    room = reverse("chat", args=[persona.pk])
    for address in (room, room + "?new=1", reverse("chat_find", args=[persona.pk]) + "?q=zanzibar",
                    reverse("corrections", args=[persona.pk]), reverse("sharing", args=[persona.pk])):  # fmt: skip
        page = words(visitor.get(address))
        assert "Zanzibar" not in page.replace('value="zanzibar"', "")
        assert str(talk.pk) not in page
    for name, more in (("chat_conversation", ()), ("chat_export", ("json",))):
        assert visitor.get(reverse(name, args=[persona.pk, talk.pk, *more])).status_code == 404
    assert visitor.post(reverse("chat_restore", args=[persona.pk, talk.pk])).status_code == 404
    assert services.conversation_find(persona=persona) is None
    assert services.conversation_find(persona=persona, conversation_id=talk.pk) is None
    assert not conversations.conversations_earlier(persona=persona, current=uuid.uuid4())
    assert not conversations.conversations_search(persona=persona, text="zanzibar")
    assert not corrections.replies_to_review(persona=persona)


def test_no_reply_of_a_visitors_talk_can_be_corrected_or_branched(guest, engine, told, version, visitor, persona):
    guest.say()
    reply = Message.objects.get(role="persona")
    place = [persona.pk, reply.conversation_id, reply.pk]
    for name in ("chat_correct", "chat_again", "chat_more", "chat_show", "chat_stop"):
        assert visitor.post(reverse(name, args=place)).status_code == 404
    assert visitor.get(reverse("chat_stream", args=place)).status_code == 404


def test_the_owner_sees_counts(guest, engine, told, version, visitor, persona):
    guest.say()
    guest.say("And why?")
    page = words(visitor.get(reverse("sharing", args=[persona.pk])))
    assert "1 talk, 2 messages" in re.sub(r"\s+", " ", page)


def test_the_form_makes_a_share_and_shows_its_link_this_once(visitor, persona, told, settings):
    settings.PUBLIC_URL = "https://ada.example"
    form = {"kind": "link", "manner": "natural", "which": "some", "topic": ["life"], "days": "7", "daily": "20",
            "label": "For Bo", "version": "current"}  # fmt: skip
    page = words(visitor.post(reverse("sharing", args=[persona.pk]), form))
    token = re.search(r"https://ada\.example/with/([\w-]{43})/", page)[1]
    assert Guest(token).come().status_code == 200
    share = PersonaShare.objects.get()
    assert (share.label, share.topics, share.all_topics, share.daily_messages) == ("For Bo", ["life"], False, 20)
    assert timedelta(days=6) < share.expires_at - timezone.now() < timedelta(days=8)
    assert "has learned from all your answers" in page  # what leaving topics out cannot do is said


WRONG = [{"kind": "people"}, {"manner": "free"}, {"days": "8"}, {"daily": "0"}, {"daily": "many"}, {"label": "x" * 81},
         {"which": "some"}, {"which": "some", "topic": ["nowhere"]}]  # fmt: skip


@pytest.mark.parametrize("wrong", WRONG)
def test_terms_that_make_no_sense_are_refused_with_a_sentence(visitor, persona, told, wrong):
    form = {"kind": "link", "manner": "natural", "which": "all", "days": "7", "daily": "20", "label": "For Bo"} | wrong
    response = visitor.post(reverse("sharing", args=[persona.pk]), form)
    assert response.status_code == 400
    assert 'role="alert"' in words(response)
    assert not PersonaShare.objects.exists()


@pytest.mark.parametrize("name", OWNED)
def test_a_stranger_finds_no_share(link, persona, client_of, stranger, name):
    place = [persona.pk] if name == "sharing" else [persona.pk, link[0].pk]
    address = reverse(name, args=place)
    assert getattr(client_of(stranger), OWNED[name])(address).status_code == 404
    assert getattr(Client(), OWNED[name])(address).status_code == 302
    wrong = "put" if name == "sharing" else "get"
    assert getattr(client_of(persona.owner), wrong)(address).status_code == 405
    assert PersonaShare.objects.get().is_open


def test_a_share_of_another_persona_is_not_found_under_this_one(link, visitor, owner):
    other = Persona.objects.create(owner=owner, name="Bo")
    for name in ("share_revoke", "share_delete"):
        assert visitor.post(reverse(name, args=[other.pk, link[0].pk])).status_code == 404
    assert PersonaShare.objects.get().is_open


def test_a_person_with_several_portraits_begins_at_the_shelf(visitor, persona, owner, told):
    assert visitor.get("/").url == reverse("write", args=[persona.pk])  # the one book opens by itself
    visitor.post(reverse("personas"), {"name": "Bo", "language": "en"})
    other = Persona.objects.exclude(pk=persona.pk).get()
    assert visitor.get("/").url == reverse("personas")
    shelf = words(visitor.get(reverse("personas")))
    for each in (persona, other):
        assert reverse("chat", args=[each.pk]) in shelf
        room = words(visitor.get(reverse("chat", args=[each.pk])))
        assert f'<a class="rail-name" href="{reverse("personas")}">{each.name}</a>' in room
        assert reverse("sharing", args=[each.pk]) in room
    shares_of = {each: share_create(persona=each, terms=Terms(label=f"of {each.name}")) for each in (persona, other)}
    page = words(visitor.get(reverse("sharing", args=[other.pk])))
    assert "of Bo" in page
    assert "of Ada" not in page
    visitor.post(reverse("persona_delete", args=[other.pk]), {"name": "Bo"})
    assert Guest(shares_of[other][1]).come().status_code == 404
    assert Guest(shares_of[persona][1]).come().status_code == 200
