"""The chat room's addresses: pages, JSON, events, and who may see them."""

import json

import pytest
from asgiref.sync import async_to_sync
from django.test import AsyncClient
from django.urls import reverse

from chat import services
from chat.models import BlindPair, Conversation, Correction, Message
from questionnaires.models import Answer
from tests.chat.conftest import make_version

GETS = ("chat", "chat_conversation", "chat_newest", "chat_stream", "chat_find", "corrections", "chat_export", "blind")
OF_A_REPLY = ("chat_stop", "chat_again", "chat_more", "chat_correct", "chat_show")
POSTS = ("chat_message", "chat_warm", "chat_new", "chat_rename", "chat_delete", "chat_restore", "chat_close",
         "correction_undo", "blind_pick", *OF_A_REPLY)  # fmt: skip
OF_A_PERSONA = ("chat", "chat_warm", "chat_find", "corrections", "blind")
URLS = dict.fromkeys(GETS, "get") | dict.fromkeys(POSTS, "post")


@pytest.fixture
def urls(persona, talk_id, post, version):
    """The address of every view, of a conversation with a pending reply."""
    reply = post(version=version)
    other = make_version(persona, number=2)
    row = {"owner": persona.owner, "persona": persona}
    correction = Correction.objects.create(**row, asked="Where?", text="There.")
    pair = BlindPair.objects.create(**row, old=version, new=other, question="Where?", new_first=True)
    places = {name: [persona.pk] for name in OF_A_PERSONA}
    places |= {name: [persona.pk, talk_id, reply.pk] for name in (*OF_A_REPLY, "chat_stream")}
    places |= {"chat_export": [persona.pk, talk_id, "json"], "correction_undo": [persona.pk, correction.pk]}
    places["blind_pick"] = [persona.pk, pair.pk]
    return {name: reverse(name, args=places.get(name, [persona.pk, talk_id])) for name in URLS}


def test_an_open_page_learns_of_a_newer_message(visitor, persona, talk_id, post):
    address = reverse("chat_newest", args=[persona.pk, talk_id])
    numbers = []
    for _message in range(2):
        reply = post()
        Message.objects.filter(pk=reply.pk).update(state=Message.State.DONE)
        numbers.append(visitor.get(address).json()["newest"])
        assert numbers[-1] == reply.number
    assert numbers[1] > numbers[0]


def test_every_address_of_the_app_is_walked_here():
    from chat.urls import urlpatterns

    assert {pattern.name for pattern in urlpatterns} == set(URLS)


@pytest.mark.parametrize("name", URLS)
def test_a_stranger_finds_nothing(urls, client_of, stranger, name):
    response = getattr(client_of(stranger), URLS[name])(urls[name], {"text": "Hi", "operation": "1"})
    assert response.status_code == 404
    assert Message.objects.get(role="persona").state == "pending"
    assert Message.objects.count() == 2


@pytest.mark.parametrize("name", URLS)
def test_a_visitor_without_a_session_is_sent_to_the_door(urls, client, name):
    response = getattr(client, URLS[name])(urls[name])
    assert response.status_code == 302
    assert response["Location"].startswith(reverse("locked"))


@pytest.mark.parametrize("name", URLS)
def test_the_wrong_method_is_refused(urls, visitor, name):
    wrong = {"get": "put" if name == "blind" else "post", "post": "get"}[URLS[name]]
    assert getattr(visitor, wrong)(urls[name]).status_code == 405


def test_rows_of_another_persona_are_not_found_under_this_one(urls, visitor, owner, persona):
    from questionnaires.models import Persona

    other = Persona.objects.create(owner=owner, name="Bo")
    for name in set(URLS) - set(OF_A_PERSONA):
        address = urls[name].replace(str(persona.pk), str(other.pk))
        response = getattr(visitor, URLS[name])(address, {"text": "Hi", "operation": "1"})
        assert response.status_code == 404, name


def test_an_untrained_persona_is_explained_and_can_be_talked_to(visitor, persona):
    page = visitor.get(reverse("chat", args=[persona.pk]))
    assert page.status_code == 200
    assert reverse("train", args=[persona.pk]) in page.content.decode()
    assert "bare model" in page.content.decode()
    assert not Conversation.objects.exists()  # looking writes nothing


def test_the_conversation_active_last_is_opened(visitor, persona, answered, engine, told):
    answered("Where are you from?")
    page = visitor.get(reverse("chat", args=[persona.pk])).content.decode()
    assert "Where are you from?" in page
    assert "I grew up by the sea." in page
    assert reverse("question", args=[persona.pk, "q0"]) in page
    assert (
        "Where are you from?"
        not in visitor.get(reverse("chat", args=[persona.pk]) + "?new=1").content.decode().split('talk"')[-1]
    )


def form(text, operation="op", version=""):
    return {"text": text, "operation": operation, "version": version}


def test_a_plain_form_is_answered_with_the_whole_page(visitor, persona, talk_id, engine, told, version):
    address = reverse("chat_message", args=[persona.pk, talk_id])
    response = visitor.post(address, form("Where are you\r\nfrom?", version=str(version.pk)), follow=True)
    assert response.redirect_chain == [(reverse("chat_conversation", args=[persona.pk, talk_id]) + "#m2", 302)]
    assert "I grew up by the sea." in response.content.decode()
    said, reply = Message.objects.all()
    assert (said.text, reply.state, reply.version) == ("Where are you\nfrom?", "done", version)


def test_a_form_sent_twice_is_one_message(visitor, persona, talk_id, engine, told):
    address = reverse("chat_message", args=[persona.pk, talk_id])
    for _time in range(2):
        visitor.post(address, form("Where?"))
    assert Message.objects.count() == 2
    assert len(engine.generated) == 1


def test_a_refused_form_keeps_the_text(visitor, persona, talk_id):
    address = reverse("chat_message", args=[persona.pk, talk_id])
    response = visitor.post(address, form("word " * 1000))
    assert response.status_code == 413
    assert "4000 characters" in response.content.decode()
    assert "word word" in response.content.decode()
    assert str(talk_id) in response.content.decode()


def post_json(visitor, persona, talk_id, body):
    address = reverse("chat_message", args=[persona.pk, talk_id])
    return visitor.post(address, json.dumps(body), content_type="application/json")


def test_json_gets_the_reply_s_addresses(visitor, persona, talk_id):
    response = post_json(visitor, persona, talk_id, form("Where?"))
    reply = Message.objects.get(role="persona")
    assert response.status_code == 201
    assert response.json()["stream"] == reverse("chat_stream", args=[persona.pk, talk_id, reply.pk])
    assert 'aria-busy="true"' in response.json()["html"]
    assert reply.state == "pending"


@pytest.mark.parametrize(
    "body",
    [
        [],
        {},
        {"text": "x"},
        {"text": 1, "operation": "1"},
        {"text": "x", "operation": ""},
        {"text": "", "operation": "1"},
    ],
)
def test_bad_json_gets_a_sentence(visitor, persona, talk_id, body):
    response = post_json(visitor, persona, talk_id, body)
    assert response.status_code == 400
    assert response.json()["error"].endswith(".")
    assert not Message.objects.exists()


@pytest.mark.parametrize("version", ["no-id", "00000000-0000-4000-8000-000000000000"])
def test_a_deleted_version_is_said_so(visitor, persona, talk_id, version):
    response = post_json(visitor, persona, talk_id, form("Hi", version=version))
    assert (response.status_code, response.json()["error"]) == (400, "This version was deleted. Choose another one.")


def test_versions_can_be_chosen_and_a_new_current_one_is_suggested(visitor, persona, talk_id, engine, told, version):
    post_json(visitor, persona, talk_id, form("Where?", version=services.BARE))
    assert Message.objects.get(role="persona").version is None
    page = visitor.get(reverse("chat", args=[persona.pk])).content.decode()
    assert '<option value="bare" selected>' in page
    newer = make_version(persona, number=2)
    page = visitor.get(reverse("chat", args=[persona.pk])).content.decode()
    assert f'<option value="{newer.pk}" selected>' in page


def events_of(owner, address):
    """The events of a stream, as a browser reads them: (name, data)."""

    async def read():
        client = AsyncClient()
        await client.aforce_login(owner)
        response = await client.get(address)
        assert response["Content-Type"] == "text/event-stream"
        assert response["Cache-Control"] == "no-cache"
        return b"".join([part async for part in response.streaming_content]).decode()

    blocks = async_to_sync(read)().removesuffix("\n\n").split("\n\n")
    pairs = [block.split("\n") for block in blocks]
    assert all(len(pair) == 2 for pair in pairs)
    return [(name.removeprefix("event: "), json.loads(data.removeprefix("data: "))) for name, data in pairs]


def test_the_stream_brings_the_tokens_and_then_the_finished_message(urls, owner, engine, told):
    events = events_of(owner, urls["chat_stream"])
    assert [name for name, _data in events] == ["open", "text", "text", "text", "done"]
    assert events[-1][1]["state"] == "done"
    assert "from your words:" in events[-1][1]["html"]


def test_a_stream_that_fails_ends_with_done_and_the_sentence(urls, owner, engine, told):
    engine.status["/v1/chat/completions"] = 500
    events = events_of(owner, urls["chat_stream"])
    assert [name for name, _data in events] == ["open", "done"]
    assert "failed while it answered" in events[-1][1]["html"]


def test_a_model_s_words_cannot_forge_an_event_or_markup(urls, owner, engine, told):
    engine.replies = [["a\n\nevent: done\ndata: {}\n\n", "\u2028<script>alert(1)</script>"]]
    events = events_of(owner, urls["chat_stream"])
    assert [name for name, _data in events] == ["open", "text", "text", "done"]
    assert "<script>" in events[2][1]["text"]  # data, for textContent
    assert "<script>" not in events[-1][1]["html"]


def test_stop_ends_a_pending_reply(urls, visitor):
    assert visitor.post(urls["chat_stop"], headers={"accept": "application/json"}).status_code == 204
    assert Message.objects.get(role="persona").state == "stopped"


def test_a_line_can_be_drawn(urls, visitor, persona, talk_id):
    assert "starts afresh" in visitor.post(urls["chat_new"], follow=True).content.decode()
    assert Conversation.objects.get(pk=talk_id).line_next


def test_a_deleted_conversation_is_gone_at_once_and_can_be_brought_back(urls, visitor, persona):
    page = visitor.post(urls["chat_delete"], follow=True).content.decode()
    assert "Where are you from?" not in page
    assert urls["chat_restore"] in page
    assert visitor.get(urls["chat_conversation"]).status_code == 404
    assert "Where are you from?" in visitor.post(urls["chat_restore"], follow=True).content.decode()


def test_earlier_conversations_are_listed(visitor, persona, post, urls, talk_id):
    post("What was that?")
    page = visitor.get(reverse("chat", args=[persona.pk]) + "?new=1").content.decode()
    assert urls["chat_conversation"] in page
    assert "Where are you from?" in page


def test_what_was_never_told_leads_to_a_question(visitor, persona, answered, engine, told):
    engine.known, engine.order = False, [3]
    answered("A sister & a brother?")
    page = visitor.get(reverse("chat", args=[persona.pk])).content.decode()
    assert "I never told it that." in page
    assert reverse("question", args=[persona.pk, "q3"]) in page
    engine.bank_known = False
    answered("A sister & a brother?")
    page = visitor.get(reverse("chat", args=[persona.pk])).content.decode()
    assert reverse("question_new", args=[persona.pk]) + "?text=A%20sister%20%26%20a%20brother%3F" in page


def test_the_demo_persona_can_be_talked_to_and_offers_no_writing(visitor, persona, answered, engine, told):
    persona.is_demo = True
    persona.save()
    engine.known = False
    answered("A sister?")
    page = visitor.get(reverse("chat", args=[persona.pk])).content.decode()
    assert "It was never told that." in page
    assert reverse("question_new", args=[persona.pk]) not in page


def test_the_page_keeps_to_the_policy_of_no_inline_code(visitor, persona, answered, engine, told):
    answered("Where?")
    page = visitor.get(reverse("chat", args=[persona.pk])).content.decode()
    for forbidden in ("<style", " style=", "onclick", "javascript:"):
        assert forbidden not in page
    assert Answer.objects.count() == 3


def test_a_failed_reply_can_be_asked_for_again(visitor, persona, answered, engine, told, talk_id):
    engine.status["/v1/chat/completions"] = 500
    failed = answered("Where?")
    engine.status.clear()
    assert "Ask again" in visitor.get(reverse("chat", args=[persona.pk])).content.decode()
    visitor.post(reverse("chat_again", args=[persona.pk, talk_id, failed.pk]))
    assert [message.state for message in Message.objects.filter(role="persona")] == ["failed", "done"]
    assert Message.objects.filter(role="person").count() == 1


def test_an_opened_page_has_the_engine_read_the_answers(urls, visitor, engine, told):
    assert visitor.post(urls["chat_warm"]).status_code == 204
    [body] = engine.bodies("/v1/rerank")
    assert len(body["documents"]) == 3
    engine.status["/v1/rerank"] = 500
    assert visitor.post(urls["chat_warm"]).status_code == 204
