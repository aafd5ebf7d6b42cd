"""Another reply, another wording, and the way between the branches; what of it is context."""

import pytest
from asgiref.sync import async_to_sync
from django.urls import reverse

from chat import branches, lifecycle, replies, services
from chat.branches import branch_choose, path_get, reply_again, reply_continue
from chat.dialogue import dialogue_get
from chat.models import Conversation, Message
from questionnaires.services import Refused
from tests.chat.conftest import TOLD, make_version


def write(reply):
    async_to_sync(replies.reply_write)(reply=reply)
    reply.refresh_from_db()
    return reply


def shown(talk_id):
    return [(message.text, message.place.number, message.place.total) for message in path(talk_id)]


def path(talk_id):
    return path_get(conversation=Conversation.objects.get(pk=talk_id))


def test_another_reply_stands_beside_the_first_and_is_sampled(engine, told, answered, talk_id):
    engine.replies = [["By the sea."], ["In Nida."]]
    first = answered()
    second = write(reply_again(reply=first, version=None))
    assert shown(talk_id) == [("Where are you from?", 1, 1), ("In Nida.", 2, 2)]
    assert [request["temperature"] for request in engine.generated] == [0, 0.7]
    branch_choose(message=first)
    assert shown(talk_id)[-1] == ("By the sea.", 1, 2)
    assert path(talk_id)[-1].place.next == second.pk


def test_an_edited_message_begins_a_branch_with_its_own_context(engine, told, answered, post, talk_id, persona):
    answered("Where did you grow up?")
    second = answered("What do you cook at home?")
    reply = services.message_post(
        persona=persona, conversation_id=talk_id, text="Why?", operation_id="edit", instead_of=second.parent
    )
    assert dialogue_get(reply=reply).context == "Where did you grow up?"
    assert [text for text, *_place in shown(talk_id)][::2] == ["Where did you grow up?", "Why?"]
    branch_choose(message=second.parent)
    lifecycle.reply_claim(reply=reply)
    lifecycle.reply_finish(reply_id=reply.pk, fields={"state": "done"})
    follow_up = post("And why?")
    assert dialogue_get(reply=follow_up).context == "What do you cook at home?"


def test_a_first_message_can_be_edited_too(engine, told, answered, persona, talk_id):
    first = answered("Where?")
    services.message_post(
        persona=persona, conversation_id=talk_id, text="Who?", operation_id="e", instead_of=first.parent
    )
    assert [(text, place) for text, place, _total in shown(talk_id)] == [("Who?", 2), ("", 1)]


def test_while_a_reply_runs_there_is_no_other_one(engine, told, answered, post):
    first = answered()
    lifecycle.reply_claim(reply=post("And?"))
    with pytest.raises(Refused, match="not finished"):
        reply_again(reply=first, version=None)


def test_a_long_reply_goes_on_where_it_ended(engine, told, answered):
    engine.replies, engine.finish = [["By the sea, because my"]], "length"
    reply = answered(TOLD[0][0])
    assert branches.can_go_on(reply)
    engine.replies, engine.finish = [[" aunt", " lived there."]], "stop"
    reply = write(reply_continue(reply=reply))
    assert (reply.text, reply.state) == ("By the sea, because my aunt lived there.", "done")
    begun = engine.generated[-1]
    assert begun["messages"][-1] == {"role": "assistant", "content": "By the sea, because my"}
    assert (begun["continue_final_message"], begun["add_generation_prompt"]) == (True, False)
    assert not branches.can_go_on(reply)
    with pytest.raises(Refused, match="whole"):
        reply_continue(reply=reply)


def test_the_rest_of_a_reply_in_the_marker_format(engine, told, persona, answered):
    marker = make_version(persona, number=2, format="marker")
    engine.replies, engine.break_after = [["By the", " sea,", " and"]], 2
    cut = answered(TOLD[0][0], version=marker)
    assert (cut.state, cut.text) == ("cut", "By the sea,")
    engine.replies, engine.break_after = [[" in Nida."]], None
    assert write(reply_continue(reply=cut)).text == "By the sea, in Nida."
    assert engine.generated[-1]["prompt"].endswith(f"Q: {TOLD[0][0]} -> By the sea,")


def test_a_rest_that_is_unfit_leaves_what_was_there(engine, told, answered):
    engine.replies, engine.finish = [["By the sea."]], "length"
    reply = answered()
    engine.replies, engine.finish = [["I went to the shop with my brother and "] * 4], "stop"
    reply = write(reply_continue(reply=reply))
    assert (reply.text, reply.state) == ("By the sea.", "done")


def test_a_rest_cannot_be_asked_of_a_reply_that_was_answered(engine, told, answered):
    engine.finish = "length"
    first = answered()
    answered("And?")
    with pytest.raises(Refused, match="whole"):
        reply_continue(reply=first)


def test_by_forms(engine, told, answered, visitor, persona, talk_id):
    engine.replies = [["By the sea."], ["In Nida."], ["Ada."]]
    first = answered()

    def post(name, key, **fields):
        return visitor.post(reverse(name, args=[persona.pk, talk_id, key]), fields, follow=True).content.decode()

    page = post("chat_again", first.pk)
    assert "In Nida." in page and "By the sea." not in page and "2/2" in page
    assert "By the sea." in post("chat_show", first.pk)
    address = reverse("chat_message", args=[persona.pk, talk_id])
    fields = {"text": "Who are you then?", "operation": "e", "instead_of": str(first.parent_id)}
    page = visitor.post(address, fields, follow=True).content.decode()
    assert "Ada." in page and "Where are you from?" not in page
    engine.finish = "length"
    assert visitor.post(reverse("chat_more", args=[persona.pk, talk_id, first.pk])).status_code == 409


def test_a_page_with_a_script_does_not_wait_for_the_reply(engine, told, answered, visitor, persona, talk_id):
    first = answered()
    address = reverse("chat_again", args=[persona.pk, talk_id, first.pk])
    page = visitor.post(address, headers={"x-live": "1"}, follow=True).content.decode()
    assert 'aria-busy="true"' in page
    assert Message.objects.get(number=3).state == "pending"


def test_a_message_of_another_conversation_is_not_edited(engine, told, answered, visitor, persona):
    import uuid

    first = answered()
    address = reverse("chat_message", args=[persona.pk, uuid.uuid4()])
    response = visitor.post(address, {"text": "Hi", "operation": "e", "instead_of": str(first.parent_id)})
    assert response.status_code == 400
    assert "is gone" in response.content.decode()
