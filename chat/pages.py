"""What the pages of the chat have in common: who may see which rows, and the room itself."""

from __future__ import annotations

import uuid
from typing import Any

from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.template.loader import render_to_string

from chat import lifecycle, services
from chat.branches import can_go_on, path_get, placed
from chat.conversations import conversation_open, conversations_earlier, conversations_purge
from chat.corrections import question_suggested, question_under, training_offered
from chat.models import Conversation, Message
from questionnaires.models import Persona
from questionnaires.services import Refused


def persona_or_404(request: HttpRequest, persona_id: uuid.UUID) -> Persona:
    """The visitor's persona; anybody else's is not found."""
    persona: Persona = get_object_or_404(Persona.objects.for_owner(request.user), pk=persona_id)
    return persona


def conversation_or_404(request: HttpRequest, persona_id: uuid.UUID, conversation_id: uuid.UUID) -> Conversation:
    rows = Conversation.objects.for_owner(request.user).filter(deleted_at=None).select_related("persona", "version")
    found: Conversation = get_object_or_404(rows, pk=conversation_id, persona_id=persona_id)
    return found


def message_or_404(
    request: HttpRequest, persona_id: uuid.UUID, conversation_id: uuid.UUID, message_id: uuid.UUID, role: str = ""
) -> Message:
    rows = Message.objects.for_owner(request.user).select_related("conversation__persona", "version", "parent")
    place = {"conversation_id": conversation_id, "conversation__persona_id": persona_id}
    rows = rows.filter(conversation__deleted_at=None, **place)
    found: Message = get_object_or_404(rows.filter(role=role) if role else rows, pk=message_id)
    return found


def reply_or_404(
    request: HttpRequest, persona_id: uuid.UUID, conversation_id: uuid.UUID, message_id: uuid.UUID
) -> Message:
    return message_or_404(request, persona_id, conversation_id, message_id, Message.Role.PERSONA)


def room(
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
    conversations_purge()
    if found:
        lifecycle.replies_repair(conversation=found)
        conversation_open(conversation=found)
    version = services.version_suggested(persona=persona, conversation=found)
    key = found.pk if found else conversation_id or uuid.uuid4()
    is_temporary = found.is_temporary if found else "temporary" in request.GET or "temporary" in request.POST
    context = {
        "room": "chat",
        "persona": persona,
        "conversation": found,
        "conversation_id": key,
        "talk": _talk(found) if found else [],
        "line_next": bool(found and found.line_next),
        "earlier": conversations_earlier(persona=persona, current=key),
        "undo": request.GET.get("undo", ""),
        "versions": services.versions_offered(persona=persona),
        "chosen": chosen or (str(version.pk) if version else services.BARE),
        "bare": services.BARE,
        "manner": found.manner if found else Conversation.Manner.NATURAL,
        "is_temporary": is_temporary,
        "untrained": training_offered(persona=persona),
        "operation": uuid.uuid4().hex,
        "fault": fault,
        "text": text,
        "most": services.MAX_CHARACTERS,
    }
    return render(request, "chat/room.html", context, status=status)


def _talk(conversation: Conversation) -> list[dict[str, Any]]:
    path = path_get(conversation=conversation)
    return [shown(message, is_last=message is path[-1]) for message in path]


def shown(message: Message, *, is_last: bool = True) -> dict[str, Any]:
    """What chat/message.html needs besides the persona."""
    if message.role == Message.Role.PERSON:
        return {"message": message, "operation": uuid.uuid4().hex}
    rests_on = question_under(message)
    own = question_suggested(reply=message) if not message.is_running else ""
    return {
        "message": message,
        "correction": getattr(message, "correction", None),
        "goes_on": is_last and can_go_on(message),
        "rests_on": rests_on,
        "own_question": own,
        "is_same_question": rests_on is not None and rests_on.text.casefold() == own.casefold(),
    }


def message_html(message: Message) -> str:
    """One message by itself, as the end of the talk."""
    context = shown(placed(message=message)) | {"persona": message.conversation.persona}
    return render_to_string("chat/message.html", context)


def refused_page(
    request: HttpRequest, persona: Persona, conversation_id: uuid.UUID, refused: Refused, **again: str
) -> HttpResponse:
    """The room with the sentence, and with what was typed."""
    if refused.status == 404:
        raise Http404
    found = services.conversation_find(persona=persona, conversation_id=conversation_id)
    return room(
        request, persona, found, fault=str(refused), status=refused.status, conversation_id=conversation_id, **again
    )


def back(message: Message) -> HttpResponse:
    """To the conversation, where the message is."""
    place = redirect("chat_conversation", message.conversation.persona_id, message.conversation_id)
    place["Location"] += f"#m{message.number}"
    return place
