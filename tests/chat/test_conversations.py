"""The shelf of conversations: names, search, files, temporary ones, and what is deleted when."""

import json
from datetime import timedelta

import pytest
from django.urls import reverse
from django.utils import timezone

from chat import conversations
from chat.branches import branch_choose, reply_again
from chat.models import Conversation, Message
from chat.services import conversation_find, message_post
from questionnaires.services import Refused


@pytest.fixture
def talk(answered, engine, told, talk_id):
    answered("Where are you from?")
    return Conversation.objects.get(pk=talk_id)


def test_a_name_takes_the_place_of_the_first_words(talk, visitor, persona):
    visitor.post(reverse("chat_rename", args=[persona.pk, talk.pk]), {"title": "  Home,\n and <away> "})
    page = visitor.get(reverse("chat", args=[persona.pk]) + "?new=1").content.decode()
    assert "Home, and &lt;away&gt;" in page
    with pytest.raises(Refused, match="120"):
        conversations.conversation_rename(conversation=talk, title="x" * 121)


def test_search_finds_words_in_any_alphabet_and_case(talk, persona, answered):
    answered("Где ЁЛКА стоит?")
    [found] = conversations.conversations_search(persona=persona, text="ёлка где")
    assert found.parts == ["", "Где", " ", "ЁЛКА", " стоит?"]
    assert conversations.conversations_search(persona=persona, text="nowhere to be found") == []
    assert conversations.conversations_search(persona=persona, text="  ") == []


def test_a_found_message_is_shown_on_its_branch(talk, visitor, persona):
    first = talk.messages.get(role="persona")
    other = reply_again(reply=first, version=None)
    Message.objects.filter(pk=other.pk).update(state="done", text="Another one.")
    address = reverse("chat_conversation", args=[persona.pk, talk.pk])
    page = visitor.get(reverse("chat_find", args=[persona.pk]) + "?q=GREW+up").content.decode()
    assert f"{address}?at={first.pk}#m2" in page
    assert "I grew up by the sea." in visitor.get(f"{address}?at={first.pk}").content.decode()
    assert visitor.get(f"{address}?at=nonsense").status_code == 200


def test_the_files_hold_the_talk(talk, visitor, persona):
    first = talk.messages.get(role="persona")
    reply_again(reply=first, version=None)
    branch_choose(message=first)
    rows = json.loads(visitor.get(reverse("chat_export", args=[persona.pk, talk.pk, "json"])).content)["messages"]
    assert [row["parent"] for row in rows] == [None, rows[0]["id"], rows[0]["id"]]
    Message.objects.filter(role="person").update(text="# A heading\n> and a quote")
    response = visitor.get(reverse("chat_export", args=[persona.pk, talk.pk, "md"]))
    assert "attachment" in response["Content-Disposition"]
    text = response.content.decode()
    assert "> # A heading\n> > and a quote\n" in text
    assert "> I grew up by the sea.\n" in text
    assert visitor.get(reverse("chat_export", args=[persona.pk, talk.pk, "exe"])).status_code == 404


def test_a_deleted_one_can_be_brought_back_for_some_minutes(talk, persona):
    conversations.conversation_delete(conversation=talk)
    assert conversation_find(persona=persona) is None
    assert conversations.conversations_search(persona=persona, text="grew") == []
    assert conversations.conversations_purge(now=timezone.now() + timedelta(minutes=9)) == 0
    assert conversations.conversation_restore(persona=persona, conversation_id=talk.pk).pk == talk.pk
    conversations.conversation_delete(conversation=talk)
    assert conversations.conversations_purge(now=timezone.now() + timedelta(minutes=11)) == 1
    with pytest.raises(Refused, match="for good"):
        conversations.conversation_restore(persona=persona, conversation_id=talk.pk)
    assert not Message.objects.exists()


def test_a_message_cannot_be_posted_into_a_deleted_one(talk, post):
    conversations.conversation_delete(conversation=talk)
    with pytest.raises(Refused) as refused:
        post()
    assert refused.value.status == 404


@pytest.fixture
def temporary(persona, talk_id):
    message_post(persona=persona, conversation_id=talk_id, text="Psst.", operation_id="1", is_temporary=True)
    return Conversation.objects.get(pk=talk_id)


def test_a_temporary_one_is_in_no_list_and_goes_after_half_an_hour_of_silence(temporary, persona, visitor):
    assert conversation_find(persona=persona) is None
    assert conversations.conversations_search(persona=persona, text="psst") == []
    page = visitor.get(reverse("chat", args=[persona.pk]) + "?new=1").content.decode()
    assert "Psst." not in page
    assert "Temporary:" in visitor.get(reverse("chat_conversation", args=[persona.pk, temporary.pk])).content.decode()
    assert conversations.conversations_purge(now=timezone.now() + timedelta(minutes=29)) == 0
    assert conversations.conversations_purge(now=timezone.now() + timedelta(minutes=31)) == 1


def test_a_temporary_one_goes_when_its_page_is_left_and_stays_when_it_is_loaded_again(temporary, persona, visitor):
    close = reverse("chat_close", args=[persona.pk, temporary.pk])
    visitor.post(close)
    visitor.get(reverse("chat_conversation", args=[persona.pk, temporary.pk]))
    later = timezone.now() + timedelta(minutes=2)
    assert conversations.conversations_purge(now=later) == 0
    visitor.post(close)
    assert conversations.conversations_purge(now=later) == 1


def test_a_kept_conversation_is_not_closed_away(talk, persona, visitor):
    visitor.post(reverse("chat_close", args=[persona.pk, talk.pk]))
    assert conversations.conversations_purge(now=timezone.now() + timedelta(days=400)) == 0
