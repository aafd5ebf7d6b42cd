"""Other replies and other branches of a conversation."""

import uuid
from collections.abc import Callable

from asgiref.sync import sync_to_async
from django.http import HttpRequest, HttpResponse
from django.views.decorators.http import require_POST

from chat import branches, services
from chat.models import Message
from chat.pages import back, message_or_404, refused_page, reply_or_404
from chat.views import answered
from questionnaires.services import Refused


@require_POST
async def again(
    request: HttpRequest, persona_id: uuid.UUID, conversation_id: uuid.UUID, message_id: uuid.UUID
) -> HttpResponse:
    """Another reply to the same message."""
    reply = await sync_to_async(reply_or_404)(request, persona_id, conversation_id, message_id)
    return await _made(request, reply, _again)


@require_POST
async def more(
    request: HttpRequest, persona_id: uuid.UUID, conversation_id: uuid.UUID, message_id: uuid.UUID
) -> HttpResponse:
    """The rest of a reply that was cut, stopped or too long."""
    reply = await sync_to_async(reply_or_404)(request, persona_id, conversation_id, message_id)
    return await _made(request, reply, lambda request, reply: branches.reply_continue(reply=reply))


async def _made(request: HttpRequest, reply: Message, make: Callable[[HttpRequest, Message], Message]) -> HttpResponse:
    try:
        fresh = await sync_to_async(make)(request, reply)
    except Refused as refused:
        persona = reply.conversation.persona
        return await sync_to_async(refused_page)(request, persona, reply.conversation_id, refused)
    return await answered(request, fresh)


def _again(request: HttpRequest, reply: Message) -> Message:
    name, manner = request.POST.get("version", ""), request.POST.get("manner", "")
    persona = reply.conversation.persona
    version = services.version_choose(persona=persona, name=name) if name else reply.version
    return branches.reply_again(reply=reply, version=version, manner=manner)


@require_POST
def show(
    request: HttpRequest, persona_id: uuid.UUID, conversation_id: uuid.UUID, message_id: uuid.UUID
) -> HttpResponse:
    """The branch that a message stands on."""
    message = message_or_404(request, persona_id, conversation_id, message_id)
    branches.branch_choose(message=message)
    return back(message)
