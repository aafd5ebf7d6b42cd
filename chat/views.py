"""Pages of the chat room: the talk, a message and its reply."""

import json
import uuid
from collections.abc import AsyncIterator
from contextlib import suppress
from dataclasses import dataclass, fields
from typing import Any

from asgiref.sync import sync_to_async
from django.http import HttpRequest, HttpResponse, JsonResponse, StreamingHttpResponse
from django.shortcuts import redirect
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET, require_POST

from accounts.rates import expensive_check
from accounts.request_id import adopt, request_id
from chat import replies, running, services, sse
from chat.branches import branch_choose, path_get
from chat.errors import EngineError
from chat.grounding import ground
from chat.models import Conversation, Message
from chat.pages import (
    back,
    conversation_or_404,
    message_html,
    persona_or_404,
    refused_page,
    reply_or_404,
    room,
)
from chat.told import told_recent
from questionnaires.models import Persona
from questionnaires.save_result import within_limits
from questionnaires.services import Refused
from questionnaires.threads import in_thread

MAX_BODY_BYTES = 12 * services.MAX_CHARACTERS  # JSON may write a character as two \\uXXXX


@require_GET
def chat(request: HttpRequest, persona_id: uuid.UUID) -> HttpResponse:
    """The conversation that was active last, or an empty one (also with ?new)."""
    persona = persona_or_404(request, persona_id)
    found = None if "new" in request.GET else services.conversation_find(persona=persona)
    return room(request, persona, found, chosen=request.GET.get("version", ""))


@require_GET
def conversation(request: HttpRequest, persona_id: uuid.UUID, conversation_id: uuid.UUID) -> HttpResponse:
    """`?at` is the id of a message that a search found: its branch is shown."""
    found = conversation_or_404(request, persona_id, conversation_id)
    if at := request.GET.get("at"):
        _branch_at(found, at)
    return room(request, found.persona, found)


@require_GET
def newest(request: HttpRequest, persona_id: uuid.UUID, conversation_id: uuid.UUID) -> JsonResponse:
    """Number of the last message that the page would show: another one came by Telegram, or from another page."""
    found = conversation_or_404(request, persona_id, conversation_id)
    return JsonResponse({"newest": found.head.number if found.head else 0})


def _branch_at(found: Conversation, key: str) -> None:
    with suppress(ValueError, Message.DoesNotExist):
        message = found.messages.get(pk=uuid.UUID(key))
        if message not in path_get(conversation=found):
            branch_choose(message=message)
            found.refresh_from_db(fields=["head"])


@dataclass(frozen=True)
class Post:
    """A message as a form or JSON brings it; both have the same names."""

    text: str
    operation: str
    version: str = ""
    manner: str = ""
    temporary: str = ""  # anything: a conversation that this message begins is not kept
    instead_of: str = ""  # id of an earlier message


NAMES = [field.name for field in fields(Post)]


@require_POST
async def message(request: HttpRequest, persona_id: uuid.UUID, conversation_id: uuid.UUID) -> HttpResponse:
    """JSON {"text", "operation", "version", ...} -> 201 with the reply's addresses; a plain form -> the page, answered.

    A form with the header X-Live gets the page before the reply is there.
    """
    persona = await sync_to_async(persona_or_404)(request, persona_id)
    is_json = request.content_type == "application/json"
    try:
        post = post_read(request, is_json)
        reply = await sync_to_async(_store)(request, persona, conversation_id, post)
    except Refused as refused:
        if is_json:
            return JsonResponse({"error": str(refused)}, status=refused.status, headers=refused.headers)
        again = {"text": request.POST.get("text", ""), "chosen": request.POST.get("version", "")}
        return await sync_to_async(refused_page)(request, persona, conversation_id, refused, **again)
    if is_json:
        return JsonResponse(await sync_to_async(_posted)(persona, reply), status=201)
    return await answered(request, reply)


async def answered(request: HttpRequest, reply: Message) -> HttpResponse:
    """Back to the page, which has no script unless it says so: then the reply is waited for here."""
    if "X-Live" not in request.headers:
        await replies.reply_write(reply=reply)
    return await sync_to_async(back)(reply)


def post_read(request: HttpRequest, is_json: bool) -> Post:
    """The message of a form or of JSON. Refused with a sentence for anything else."""
    if not is_json:
        form = {name: request.POST.get(name, "") for name in NAMES}
        return Post(**form | {"text": form["text"].replace("\r\n", "\n")})  # browsers send forms with CRLF
    if len(request.body) > MAX_BODY_BYTES:
        raise Refused(_("The message is longer than 4000 characters. Please shorten it."), status=413)
    try:
        body = json.loads(request.body)
        found = {name: body[name] for name in NAMES if name in body}
        post = Post(**found)
    except (ValueError, TypeError):
        raise Refused(_("The message is not JSON with “text” and “operation”.")) from None
    if not all(isinstance(value, str) for value in found.values()):
        raise Refused(_("In the message, “text”, “operation” and “version” are texts."))
    return post


def _store(request: HttpRequest, persona: Persona, conversation_id: uuid.UUID, post: Post) -> Message:
    with within_limits():
        expensive_check(request=request, action="message")
    return services.message_post(
        persona=persona,
        conversation_id=conversation_id,
        text=post.text,
        operation_id=post.operation,
        version=services.version_choose(persona=persona, name=post.version),
        manner=post.manner,
        is_temporary=bool(post.temporary),
        instead_of=_instead_of(conversation_id, post.instead_of),
    )


def _instead_of(conversation_id: uuid.UUID, key: str) -> Message | None:
    if not key:
        return None
    try:
        rows = Message.objects.filter(conversation=conversation_id, role=Message.Role.PERSON, pk=uuid.UUID(key))
    except ValueError:
        rows = Message.objects.none()
    found: Message | None = rows.select_related("parent").first()
    if found is None:
        raise Refused(_("The message that this one takes the place of is gone. Send it as a new one."))
    return found


def _posted(persona: Persona, reply: Message) -> dict[str, Any]:
    place = (persona.pk, reply.conversation_id, reply.pk)
    said = reply.parent
    return {
        "reply": str(reply.pk),
        "stream": reverse("chat_stream", args=place),
        "stop": reverse("chat_stop", args=place),
        "html": (message_html(said) if said else "") + message_html(reply),
    }


@require_GET
def stream(
    request: HttpRequest, persona_id: uuid.UUID, conversation_id: uuid.UUID, message_id: uuid.UUID
) -> StreamingHttpResponse:
    """The reply as server-sent events; the last one is always "done", with the finished message as HTML.

    A plain view, so that only its beginning needs a thread: an open stream has none.
    """
    reply = reply_or_404(request, persona_id, conversation_id, message_id)
    return StreamingHttpResponse(_events(reply, request_id()), content_type=sse.CONTENT_TYPE, headers=sse.HEADERS)


async def _events(reply: Message, request: str) -> AsyncIterator[str]:
    adopt(request)
    yield sse.event("open", {})
    async for name, data in replies.reply_stream(reply=reply):
        yield sse.event(name, data)
    yield sse.event("done", await in_thread(_finished)(reply))


def _finished(reply: Message) -> dict[str, Any]:
    rows = Message.objects.select_related("version", "conversation__persona", "parent")
    row = rows.filter(pk=reply.pk).first()
    return {"state": row.state, "html": message_html(row)} if row else {"state": "gone", "html": ""}


@require_POST
async def warm(request: HttpRequest, persona_id: uuid.UUID) -> HttpResponse:
    """Has the engine read the answers while the person still types: a set new to it takes seconds."""
    persona = await sync_to_async(persona_or_404)(request, persona_id)
    told = await sync_to_async(told_recent)(persona=persona)
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
