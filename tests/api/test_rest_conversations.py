"""Conversations by the REST API: said, waited for, streamed, stopped, deleted."""

import asyncio
import json
import uuid

import pytest
from asgiref.sync import async_to_sync
from django.test import AsyncClient, Client

from api.tokens import token_create
from chat.models import Message
from tests.chat.conftest import engine, one_connection, told, version  # noqa: F401


@pytest.fixture
def headers(owner):
    _token, secret = token_create(owner=owner, name="talker", scopes=["read", "chat"])
    return {"Authorization": f"Bearer {secret}"}


@pytest.fixture
def talk(persona):
    return f"/api/personas/{persona.pk}/conversations/{uuid.uuid4()}"


def said(headers, talk, **more):
    """The answer to a post, read to its end, when all replies are whole."""
    body = {"text": "Where did you grow up?", "operation": "one", **more}

    async def post():
        response = await AsyncClient().post(f"{talk}/messages", body, content_type="application/json", headers=headers)
        if not response.streaming:
            return response.status_code, response.json()
        parts = [part async for part in response.streaming_content]
        while await Message.objects.filter(state__in=Message.RUNNING).aexists():  # it is written in this loop
            await asyncio.sleep(0.05)
        return response.status_code, json.loads(b"".join(parts))

    return async_to_sync(post)()


def test_a_reply_is_waited_for(headers, talk, engine, told, version):  # noqa: F811
    status, reply = said(headers, talk, wait=True)
    assert (status, reply["state"], reply["role"]) == (201, "done", "persona")
    assert reply["text"] == "I grew up by the sea."
    assert reply["sources"][0] == "Where did you grow up?"
    again = said(headers, talk, wait=True)[1]
    assert again["id"] == reply["id"], "a repeated operation has its first reply"
    assert Message.objects.count() == 2


def test_a_reply_is_begun_and_asked_for_later(headers, talk, engine, told, version):  # noqa: F811
    status, begun = said(headers, talk)
    assert status == 201
    client = Client(headers=headers)
    page = client.get(f"{talk}/messages/{begun['id']}").json()
    assert (page["state"], page["text"]) == ("done", "I grew up by the sea.")
    listed = client.get(f"{talk}/messages").json()["items"]
    assert [(row["role"], row["parent"]) for row in listed] == [("person", None), ("persona", listed[0]["id"])]


def test_a_reply_is_streamed(headers, talk, persona, engine, told, version):  # noqa: F811
    from chat.services import message_post

    reply = message_post(
        persona=persona, conversation_id=uuid.UUID(talk[-36:]), text="Where?", operation_id="a", version=version
    )

    async def read():
        response = await AsyncClient().get(f"{talk}/messages/{reply.pk}/stream", headers=headers)
        return b"".join([part async for part in response.streaming_content]).decode()

    names = [line.removeprefix("event: ") for line in async_to_sync(read)().splitlines() if line.startswith("event: ")]
    assert names == ["open", "text", "text", "text", "done"]


def test_what_cannot_be_said_is_a_sentence(headers, talk, told):  # noqa: F811
    assert said(headers, talk, text=" ")[0] == 400
    assert said(headers, talk, version="nonsense")[0] == 400
    assert said(headers, talk, manner="rude")[0] == 400
    assert not Message.objects.exists()


def test_a_conversation_is_deleted(headers, talk, engine, told, version):  # noqa: F811
    said(headers, talk, wait=True)
    client = Client(headers=headers)
    listed = client.get(talk.rpartition("/")[0]).json()
    assert [row["id"] for row in listed["items"]] == [talk[-36:]]
    assert client.delete(talk).status_code == 204
    assert client.get(f"{talk}/messages").status_code == 404
