"""Pages of the chat room."""

import json
import uuid
from collections.abc import AsyncIterator
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from asgiref.sync import sync_to_async
from django.http import Http404, HttpRequest, HttpResponse, JsonResponse, StreamingHttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.template.loader import render_to_string
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET, require_POST

from chat import lifecycle, replies, running, services, sse
from chat.branches import path_get
from chat.conversations import conversation_delete, conversations_earlier
from chat.errors import EngineError
from chat.grounding import ground, told_get
from chat.models import Conversation, Message
from questionnaires.models import Persona
from questionnaires.services import Refused

MAX_BODY_BYTES = 12 * services.MAX_CHARACTERS  # JSON may write a character as two \\uXXXX


def persona_or_404(request: HttpRequest, persona_id: uuid.UUID) -> Persona:
    """The visitor's persona; anybody else's is not found."""
    persona: Persona = get_object_or_404(Persona.objects.for_owner(request.user), pk=persona_id)
    return persona


def conversation_or_404(request: HttpRequest, persona_id: uuid.UUID, conversation_id: uuid.UUID) -> Conversation:
    rows = Conversation.objects.for_owner(request.user).filter(deleted_at=None).select_related("persona", "version")
    found: Conversation = get_object_or_404(rows, pk=conversation_id, persona_id=persona_id)
    return found


def reply_or_404(
    request: HttpRequest, persona_id: uuid.UUID, conversation_id: uuid.UUID, message_id: uuid.UUID
) -> Message:
    rows = Message.objects.for_owner(request.user).select_related("conversation__persona", "version")
    place = {
        "conversation_id": conversation_id,
        "conversation__persona_id": persona_id,
        "conversation__deleted_at": None,
    }
    reply: Message = get_object_or_404(rows, pk=message_id, role=Message.Role.PERSONA, **place)
    return reply


@require_GET
def chat(request: HttpRequest, persona_id: uuid.UUID) -> HttpResponse:
    """The conversation that was active last, or an empty one (also with ?new)."""
    persona = persona_or_404(request, persona_id)
    found = None if "new" in request.GET else services.conversation_find(persona=persona)
    return _room(request, persona, found, chosen=request.GET.get("version", ""))


@require_GET
def conversation(request: HttpRequest, persona_id: uuid.UUID, conversation_id: uuid.UUID) -> HttpResponse:
    found = conversation_or_404(request, persona_id, conversation_id)
    return _room(request, found.persona, found)


def _room(
    request: HttpRequest,
    persona: Persona,
    found: Conversation | None,
    *,
    chosen: str = "",
    fault: str = "",
    text: str = "",
    status: int = 200,
    conversation_id: uuid.UUID | None = None,
) -> HttpResponse:
    """The page. A new conversation gets its id here and its row with the first message."""
    if found:
        lifecycle.replies_repair(conversation=found)
    versions = services.versions_offered(persona=persona)
    version = services.version_suggested(persona=persona, conversation=found)
    key = found.pk if found else conversation_id or uuid.uuid4()
    context = {
        "room": "chat",
        "persona": persona,
        "conversation": found,
        "conversation_id": key,
        "talk": path_get(conversation=found) if found else [],
        "line_next": bool(found and found.line_next),
        "earlier": conversations_earlier(persona=persona, current=key),
        "versions": versions,
        "chosen": chosen or (str(version.pk) if version else services.BARE),
        "bare": services.BARE,
        "operation": uuid.uuid4().hex,
        "fault": fault,
        "text": text,
        "most": services.MAX_CHARACTERS,
    }
    return render(request, "chat/room.html", context, status=status)


@dataclass(frozen=True)
class Post:
    """A message as a form or JSON brings it."""

    text: str
    operation: str
    version: str
    is_json: bool


@require_POST
async def message(request: HttpRequest, persona_id: uuid.UUID, conversation_id: uuid.UUID) -> HttpResponse:
    """JSON {"text", "operation", "version"} -> 201 with the reply's addresses; a plain form -> the page, answered."""
    persona = await sync_to_async(persona_or_404)(request, persona_id)
    is_json = request.content_type == "application/json"
    try:
        post = _post_read(request, is_json)
        reply = await sync_to_async(_store)(persona, conversation_id, post)
    except Refused as refused:
        if is_json:
            return JsonResponse({"error": str(refused)}, status=refused.status)
        return await sync_to_async(_refused)(request, persona, conversation_id, refused)
    if is_json:
        return JsonResponse(await sync_to_async(_posted)(persona, reply), status=201)
    await replies.reply_write(reply=reply)
    return redirect("chat_conversation", persona.pk, conversation_id)


def _post_read(request: HttpRequest, is_json: bool) -> Post:
    if not is_json:
        form = request.POST
        text = form.get("text", "").replace("\r\n", "\n")  # browsers send forms with CRLF
        return Post(text, form.get("operation", ""), form.get("version", ""), is_json)
    if len(request.body) > MAX_BODY_BYTES:
        raise Refused(_("The message is longer than 4000 characters. Please shorten it."), status=413)
    try:
        body = json.loads(request.body)
        fields = (body["text"], body["operation"], body.get("version", ""))
    except (ValueError, KeyError, TypeError, AttributeError):
        raise Refused(_("The message is not JSON with “text” and “operation”.")) from None
    if not all(isinstance(value, str) for value in fields):
        raise Refused(_("In the message, “text”, “operation” and “version” are texts."))
    return Post(*fields, is_json)


def _store(persona: Persona, conversation_id: uuid.UUID, post: Post) -> Message:
    version = services.version_choose(persona=persona, name=post.version)
    return services.message_post(
        persona=persona, conversation_id=conversation_id, text=post.text, operation_id=post.operation, version=version
    )


def _refused(request: HttpRequest, persona: Persona, conversation_id: uuid.UUID, refused: Refused) -> HttpResponse:
    if refused.status == 404:
        raise Http404
    found = services.conversation_find(persona=persona, conversation_id=conversation_id)
    again = {"fault": str(refused), "text": request.POST.get("text", ""), "chosen": request.POST.get("version", "")}
    return _room(request, persona, found, status=refused.status, conversation_id=conversation_id, **again)


def _posted(persona: Persona, reply: Message) -> dict[str, Any]:
    place = (persona.pk, reply.conversation_id, reply.pk)
    asked = reply.parent
    return {
        "reply": str(reply.pk),
        "stream": reverse("chat_stream", args=place),
        "stop": reverse("chat_stop", args=place),
        "html": _html(persona, asked) + _html(persona, reply),
    }


def _html(persona: Persona, shown: Message) -> str:
    return render_to_string("chat/message.html", {"message": shown, "persona": persona})


@require_GET
async def stream(
    request: HttpRequest, persona_id: uuid.UUID, conversation_id: uuid.UUID, message_id: uuid.UUID
) -> StreamingHttpResponse:
    """The reply as server-sent events; the last one is always "done", with the finished message as HTML."""
    reply = await sync_to_async(reply_or_404)(request, persona_id, conversation_id, message_id)
    return StreamingHttpResponse(_events(reply), content_type=sse.CONTENT_TYPE, headers=sse.HEADERS)


async def _events(reply: Message) -> AsyncIterator[str]:
    yield sse.event("open", {})
    async for name, data in replies.reply_stream(reply=reply):
        yield sse.event(name, data)
    yield sse.event("done", await sync_to_async(_finished)(reply))


def _finished(reply: Message) -> dict[str, Any]:
    persona = reply.conversation.persona
    row = Message.objects.filter(pk=reply.pk).select_related("version", "conversation").first()
    return {"state": row.state, "html": _html(persona, row)} if row else {"state": "gone", "html": ""}


@require_POST
async def warm(request: HttpRequest, persona_id: uuid.UUID) -> HttpResponse:
    """Has the engine read the answers while the person still types: a set new to it takes seconds."""
    persona = await sync_to_async(persona_or_404)(request, persona_id)
    told = await sync_to_async(told_get)(persona=persona)
    with suppress(EngineError):  # the message itself will say what is wrong
        await ground(text="Who are you?", context=None, told=told)
    return HttpResponse(status=204)


@require_POST
def stop(
    request: HttpRequest, persona_id: uuid.UUID, conversation_id: uuid.UUID, message_id: uuid.UUID
) -> HttpResponse:
    """Asks the reply to end where it is."""
    running.reply_stop(reply=reply_or_404(request, persona_id, conversation_id, message_id))
    if request.headers.get("Accept", "").startswith("application/json"):
        return HttpResponse(status=204)
    return redirect("chat_conversation", persona_id, conversation_id)


@require_POST
def new(request: HttpRequest, persona_id: uuid.UUID, conversation_id: uuid.UUID) -> HttpResponse:
    """Draws a line: what was said before is no context any more."""
    services.line_draw(conversation=conversation_or_404(request, persona_id, conversation_id))
    return redirect("chat_conversation", persona_id, conversation_id)


@require_POST
def delete(request: HttpRequest, persona_id: uuid.UUID, conversation_id: uuid.UUID) -> HttpResponse:
    conversation_delete(conversation=conversation_or_404(request, persona_id, conversation_id))
    return redirect("chat", persona_id)
