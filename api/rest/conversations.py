"""Conversations with a persona: listed, read, and gone on with."""

import json
from collections.abc import AsyncIterator
from datetime import datetime
from typing import Any
from uuid import UUID

from asgiref.sync import sync_to_async
from django.core.serializers.json import DjangoJSONEncoder
from django.http import HttpRequest, StreamingHttpResponse
from django.shortcuts import get_object_or_404
from ninja import Field, Router, Schema, Status

from accounts.rates import expensive_check
from api.rest.access import door
from api.rest.errors import REFUSALS
from api.rest.pages import Page, Part, PersonaId, page_of
from chat import conversations, replies, running, services, sse
from chat.lifecycle import replies_repair
from chat.models import Conversation, Message
from chat.pages import conversation_or_404, message_or_404, persona_or_404, reply_or_404

router = Router(tags=["Conversations"])
STREAM = {
    "responses": {
        200: {"description": "Server-sent events", "content": {"text/event-stream": {"schema": {"type": "string"}}}}
    }
}


class ConversationShape(Schema):
    id: UUID
    title: str
    manner: str = Field(description="strict, natural or free")
    version: UUID | None
    active_at: datetime


class MessageShape(Schema):
    """What somebody said. `sources` are the questions whose answers a reply rests on."""

    id: UUID
    number: int
    parent: UUID | None
    role: str = Field(description="person or persona")
    state: str = Field(description="pending, streaming, done, stopped, cut, unknown (never told) or failed")
    text: str
    translation: str
    error: str
    sources: list[str]
    version: UUID | None
    created_at: datetime


class MessageNew(Schema):
    """`operation` is an id of your choice: a post that is repeated with it gets its first reply again."""

    text: str
    operation: str = Field(min_length=1, max_length=64)
    version: str = Field("", description="Id of a version, “bare” for the untrained base model; empty: the current one")
    manner: str = ""
    temporary: bool = Field(False, description="Of a new conversation: it is not kept")
    wait: bool = Field(False, description="Answer when the reply is whole, and not at once")


def _shape(found: Conversation) -> dict[str, Any]:
    own = {name: getattr(found, name) for name in ("title", "manner", "active_at")}
    return own | {"id": found.pk, "version": found.version_id}


def _message_shape(message: Message) -> dict[str, Any]:
    own = ("number", "role", "state", "text", "translation", "error", "created_at")
    shape = {name: getattr(message, name) for name in own}
    shape |= {"id": message.pk, "parent": message.parent_id, "version": message.version_id}
    return shape | {"sources": [str(source["question"]) for source in message.sources]}


@router.get("conversations", response={200: Page[ConversationShape], **REFUSALS}, auth=door("read"))
def conversation_list(request: HttpRequest, persona_id: PersonaId, part: Part) -> Any:
    """The conversations that are kept, last active first."""
    return page_of(conversations.kept(persona_or_404(request, persona_id)), part, _shape)


@router.get(
    "conversations/{uuid:conversation_id}/messages", response={200: Page[MessageShape], **REFUSALS}, auth=door("read")
)
def message_list(request: HttpRequest, persona_id: PersonaId, conversation_id: UUID, part: Part) -> Any:
    """The messages of all branches in the order of their making; `parent` is the one before."""
    found = conversation_or_404(request, persona_id, conversation_id)
    replies_repair(conversation=found)
    return page_of(found.messages.all(), part, _message_shape)


@router.get(
    "conversations/{uuid:conversation_id}/messages/{uuid:message_id}",
    response={200: MessageShape, **REFUSALS},
    auth=door("read"),
)
def message_get(request: HttpRequest, persona_id: PersonaId, conversation_id: UUID, message_id: UUID) -> Any:
    """One message: the way to wait for a reply is to ask until its state is neither pending nor streaming."""
    message = message_or_404(request, persona_id, conversation_id, message_id)
    if replies_repair(conversation=message.conversation):
        message.refresh_from_db()
    return _message_shape(message)


@router.post(
    "conversations/{uuid:conversation_id}/messages", response={201: MessageShape, **REFUSALS}, auth=door("chat")
)
def message_new(request: HttpRequest, persona_id: PersonaId, conversation_id: UUID, body: MessageNew) -> Any:
    """Says something; the reply comes back. You choose the conversation's id, its first message makes it."""
    persona = persona_or_404(request, persona_id)
    expensive_check(request=request, action="message")
    reply = services.message_post(
        persona=persona,
        conversation_id=conversation_id,
        text=body.text,
        operation_id=body.operation,
        version=services.version_choose(persona=persona, name=body.version),
        manner=body.manner,
        is_temporary=body.temporary,
    )
    return StreamingHttpResponse(_begun(reply, body.wait), status=201, content_type="application/json")


async def _begun(reply: Message, wait: bool) -> AsyncIterator[bytes]:
    """The reply as JSON, when its writing has begun or is over. An iterator, as only its beginning needs a thread."""
    await (replies.reply_write(reply=reply) if wait else replies.reply_begin(reply=reply))
    shape = await sync_to_async(_newest)(reply)
    yield json.dumps(shape, cls=DjangoJSONEncoder).encode()


def _newest(reply: Message) -> dict[str, Any]:
    return _message_shape(get_object_or_404(Message, pk=reply.pk))


@router.get(
    "conversations/{uuid:conversation_id}/messages/{uuid:message_id}/stream",
    response=REFUSALS,
    openapi_extra=STREAM,
    auth=door("chat"),
)
def message_stream(request: HttpRequest, persona_id: PersonaId, conversation_id: UUID, message_id: UUID) -> Any:
    """The reply as events: text (more of it), full (all so far), again (anew), waiting, and done with the message."""
    reply = reply_or_404(request, persona_id, conversation_id, message_id)
    return StreamingHttpResponse(_events(reply), content_type=sse.CONTENT_TYPE, headers=sse.HEADERS)


async def _events(reply: Message) -> AsyncIterator[str]:
    yield sse.event("open", {})
    async for name, data in replies.reply_stream(reply=reply):
        yield sse.event(name, data)
    done = await sync_to_async(_newest)(reply)
    yield sse.event("done", json.loads(json.dumps(done, cls=DjangoJSONEncoder)))


@router.post(
    "conversations/{uuid:conversation_id}/messages/{uuid:message_id}/stop",
    response={200: MessageShape, **REFUSALS},
    auth=door("chat"),
)
def message_stop(request: HttpRequest, persona_id: PersonaId, conversation_id: UUID, message_id: UUID) -> Any:
    """Asks a reply to end where it is; within a second it does."""
    reply = reply_or_404(request, persona_id, conversation_id, message_id)
    running.reply_stop(reply=reply)
    return _newest(reply)


@router.delete("conversations/{uuid:conversation_id}", response={204: None, **REFUSALS}, auth=door("chat"))
def conversation_delete(request: HttpRequest, persona_id: PersonaId, conversation_id: UUID) -> Any:
    """Out of sight at once, gone for good some minutes later."""
    found = conversation_or_404(request, persona_id, conversation_id)
    for reply in found.messages.filter(state__in=Message.RUNNING):
        running.reply_stop(reply=reply)
    conversations.conversation_delete(conversation=found)
    return Status(204, None)
