"""What a message leaves in the database: posts, lines, context."""

from datetime import timedelta

import pytest
from django.utils import timezone

from chat import dialogue, lifecycle, services
from chat.dialogue import dialogue_get
from chat.models import Conversation, Message
from questionnaires.models import Persona
from questionnaires.services import Refused


@pytest.fixture
def clock(monkeypatch):
    """Django's clock, standing still until a test moves it."""

    class Clock:
        now = timezone.now()

        def pass_by(self, **length):
            self.now += timedelta(**length)

    clock = Clock()
    monkeypatch.setattr("django.utils.timezone.now", lambda: clock.now)
    return clock


def test_a_post_stores_the_message_and_a_pending_reply(post, talk_id):
    reply = post("  Hello?  ")
    said, answer = Message.objects.filter(conversation_id=talk_id)
    assert (said.role, said.text, said.starts_afresh) == ("person", "Hello?", False)
    assert (answer.pk, answer.role, answer.state, answer.text) == (reply.pk, "persona", "pending", "")


def test_a_repeated_post_is_stored_once_and_gets_the_same_reply(post):
    first, again = post("Hello?", "same"), post("Hello?", "same")
    assert first.pk == again.pk
    assert Message.objects.count() == 2


@pytest.mark.parametrize(("text", "word"), [("", "empty"), (" \n ", "empty"), ("x" * 4001, "4000")])
def test_an_empty_or_long_message_is_refused_with_a_sentence(post, text, word):
    with pytest.raises(Refused, match=word):
        post(text)
    assert not Message.objects.exists()
    assert not Conversation.objects.exists()


def test_4000_characters_are_taken(post):
    assert post("x" * 4000).state == "pending"


def test_a_reply_under_way_has_to_end_first(post):
    lifecycle.reply_claim(reply=post("One?"))
    with pytest.raises(Refused, match="not finished") as refused:
        post("Two?")
    assert refused.value.status == 409


def test_a_reply_that_nobody_began_makes_way(post):
    first = post("One?")
    post("Two?")
    first.refresh_from_db()
    assert first.state == "cut"
    assert not lifecycle.reply_claim(reply=first)


def test_a_conversation_of_another_persona_is_not_found(post, owner, talk_id):
    post()
    other = Persona.objects.create(owner=owner, name="Bo")
    with pytest.raises(Refused) as refused:
        services.message_post(persona=other, conversation_id=talk_id, text="Hi", operation_id="1")
    assert refused.value.status == 404


def finish(reply, text="Yes."):
    lifecycle.reply_claim(reply=reply)
    lifecycle.reply_finish(reply_id=reply.pk, fields={"state": "done", "text": text})


@pytest.mark.parametrize(("silence", "afresh"), [(599, False), (601, True)])
def test_ten_minutes_of_silence_draw_a_line(post, clock, settings, silence, afresh):
    settings.SILENCE_SECONDS = 600
    finish(post("Where do you live now?"))
    clock.pass_by(seconds=silence)
    second = post("Two?")
    assert Message.objects.get(number=second.number - 1).starts_afresh is afresh
    assert dialogue_get(reply=second).context == (None if afresh else "Where do you live now?")


def test_the_person_can_draw_a_line_once(post, talk_id):
    finish(post("One?"))
    services.line_draw(conversation=Conversation.objects.get(pk=talk_id))
    second = post("Two?")
    assert dialogue_get(reply=second).context is None
    finish(second)
    third = post("Three?")
    assert dialogue_get(reply=third).context == "Two?"
    lines = Message.objects.filter(starts_afresh=True)
    assert [message.text for message in lines] == ["Two?"]


def test_turns_are_those_after_the_line_the_newest_that_fit(post, talk_id, monkeypatch):
    monkeypatch.setattr(dialogue, "TURNS_HERE", 9)
    finish(post("Before?"), "old")
    services.line_draw(conversation=Conversation.objects.get(pk=talk_id))
    for question, reply in [("Long?", "word " * 1200), ("A?", "a"), ("B?", "b")]:
        finish(post(question), reply)
    turns = dialogue_get(reply=post("Now?")).turns
    assert [(turn.question, turn.answer) for turn in turns] == [("A?", "a"), ("B?", "b")]


def test_a_turn_without_a_reply_is_no_context_for_the_prompt(post, monkeypatch):
    monkeypatch.setattr(dialogue, "TURNS_HERE", 9)
    finish(post("A?"), "a")
    unknown = post("Sister?")
    lifecycle.reply_claim(reply=unknown)
    lifecycle.reply_finish(reply_id=unknown.pk, fields={"state": "unknown"})
    found = dialogue_get(reply=post("Now?"))
    assert [turn.question for turn in found.turns] == ["A?"]


def test_a_reply_whose_process_died_is_cut_and_keeps_its_text(post, talk_id, clock):
    reply = post()
    lifecycle.reply_claim(reply=reply)
    lifecycle.replies_beat(texts={reply.pk: "I grew"})
    conversation = Conversation.objects.get(pk=talk_id)
    clock.pass_by(seconds=19)
    assert lifecycle.replies_repair(conversation=conversation) == 0
    clock.pass_by(seconds=2)
    assert lifecycle.replies_repair(conversation=conversation) == 1
    reply.refresh_from_db()
    assert (reply.state, reply.text) == ("cut", "I grew")


def test_a_reply_is_claimed_once(post):
    reply = post()
    assert [lifecycle.reply_claim(reply=reply) for _time in range(3)] == [True, False, False]
