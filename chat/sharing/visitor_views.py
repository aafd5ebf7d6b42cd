"""What a visitor sees: the talk under its label, and nothing else of the person."""

from __future__ import annotations

import uuid
from collections.abc import AsyncIterator
from contextlib import suppress
from typing import Any

from asgiref.sync import sync_to_async
from django.core.cache import cache
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseBase, JsonResponse, StreamingHttpResponse
from django.shortcuts import redirect, render
from django.template.loader import render_to_string
from django.urls import reverse
from django.views.decorators.http import require_GET, require_POST

from accounts.rates import expensive_check
from chat import lifecycle, replies, running, services, sse
from chat.branches import path_get
from chat.errors import EngineError
from chat.grounding import ground
from chat.models import Conversation, Message
from chat.sharing import speaking
from chat.sharing.doors import cookie_name, for_visitors, key_given
from chat.sharing.notes import told_allowed
from chat.sharing.visits import Visit, visit_find
from chat.told import told_recent
from chat.views import Post, post_read
from questionnaires.save_result import within_limits
from questionnaires.services import Refused
from questionnaires.threads import in_thread
from training.connections import host_of

WARM_SECONDS = 60


@require_GET
@for_visitors
def shared(request: HttpRequest, visit: Visit) -> HttpResponseBase:
    """The visitor's last talk, or an empty one (also with ?new)."""
    talk = None if "new" in request.GET else speaking.talks_of(visit=visit).first()
    return key_given(request, _page(request, visit, talk, talk.pk if talk else uuid.uuid4()), visit)


@require_GET
@for_visitors
def shared_talk(request: HttpRequest, visit: Visit, conversation_id: uuid.UUID) -> HttpResponseBase:
    return _page(request, visit, _talk_or_404(visit, conversation_id), conversation_id)


def _talk_or_404(visit: Visit, conversation_id: uuid.UUID) -> Conversation:
    talk = speaking.talks_of(visit=visit).filter(pk=conversation_id).first()
    if talk is None:
        raise Http404
    return talk


def _page(
    request: HttpRequest,
    visit: Visit,
    talk: Conversation | None,
    key: uuid.UUID,
    fault: Refused | None = None,
) -> HttpResponse:
    if talk:
        lifecycle.replies_repair(conversation=talk)
    share, version = visit.share, speaking.version_of(share=visit.share)
    context = {
        "whose": share.persona,
        "share": share,
        "token": visit.token,
        "label": speaking.label_of(share=share),
        "talk_id": key,
        "talk": talk,
        "messages_shown": [_shown(message, visit) for message in path_get(conversation=talk)] if talk else [],
        "earlier": speaking.talks_earlier(visit=visit, current=key),
        "provider": host_of(version.connection) if version and version.connection else "",
        "is_owner": request.user.pk == share.owner_id,
        "operation": uuid.uuid4().hex,
        "most": services.MAX_CHARACTERS,
        "fault": str(fault) if fault else "",
        "text": request.POST.get("text", ""),
    }
    response = render(request, "chat/shared.html", context, status=fault.status if fault else 200)
    for name, value in (fault.headers if fault else {}).items():
        response[name] = value
    return response


def _shown(message: Message, visit: Visit) -> dict[str, Any]:
    """What chat/shared_message.html needs: never more of a reply than the share lets be read."""
    share = visit.share
    quote = speaking.quote_of(reply=message, share=share) if message.role == Message.Role.PERSONA else None
    return {
        "message": message,
        "token": visit.token,
        "whose": share.persona,
        "quote": quote,
        "asked": quote.question.in_language(share.persona.language)["text"] if quote else "",
        "never": speaking.never_told(share=share),
    }


def _message_html(message: Message, visit: Visit) -> str:
    return render_to_string("chat/shared_message.html", _shown(message, visit))


@require_POST
@for_visitors
async def shared_message(request: HttpRequest, visit: Visit, conversation_id: uuid.UUID) -> HttpResponseBase:
    """JSON {"text", "operation"} -> 201 with the reply's addresses; a plain form -> the page, answered."""
    is_json = request.content_type == "application/json"
    try:
        reply = await sync_to_async(_store)(request, visit, conversation_id, post_read(request, is_json))
    except Refused as refused:
        return await sync_to_async(_refused)(request, visit, conversation_id, refused, is_json)
    if is_json:
        return JsonResponse(await sync_to_async(_posted)(visit, reply), status=201)
    await replies.reply_write(reply=reply)
    return redirect(reverse("shared_talk", args=[visit.token, conversation_id]) + f"#m{reply.number}")


def _store(request: HttpRequest, visit: Visit, conversation_id: uuid.UUID, post: Post) -> Message:
    with within_limits():
        expensive_check(request=request, action="message")
    return speaking.visit_post(
        visit=visit, conversation_id=conversation_id, text=post.text, operation_id=post.operation
    )


def _refused(
    request: HttpRequest, visit: Visit, conversation_id: uuid.UUID, refused: Refused, is_json: bool
) -> HttpResponse:
    if is_json:
        return JsonResponse({"error": str(refused)}, status=refused.status, headers=refused.headers)
    if refused.status == 404:
        raise Http404
    talk = speaking.talks_of(visit=visit).filter(pk=conversation_id).first()
    return _page(request, visit, talk, conversation_id, refused)


def _posted(visit: Visit, reply: Message) -> dict[str, Any]:
    place = (visit.token, reply.conversation_id, reply.pk)
    said = reply.parent
    return {
        "reply": str(reply.pk),
        "stream": reverse("shared_stream", args=place),
        "stop": reverse("shared_stop", args=place),
        "html": (_message_html(said, visit) if said else "") + _message_html(reply, visit),
    }


def _reply_or_404(visit: Visit, conversation_id: uuid.UUID, message_id: uuid.UUID) -> Message:
    reply = speaking.reply_find(visit=visit, conversation_id=conversation_id, reply_id=message_id)
    if reply is None:
        raise Http404
    return reply


@require_GET
@for_visitors
def shared_stream(
    request: HttpRequest, visit: Visit, conversation_id: uuid.UUID, message_id: uuid.UUID
) -> HttpResponseBase:
    """As the owner's stream; a share that ends meanwhile ends it."""
    reply = _reply_or_404(visit, conversation_id, message_id)
    again = {"token": visit.token, "user": request.user, "key": request.COOKIES.get(cookie_name(), "")}
    return StreamingHttpResponse(_events(reply, again), content_type=sse.CONTENT_TYPE, headers=sse.HEADERS)


async def _events(reply: Message, again: dict[str, Any]) -> AsyncIterator[str]:
    yield sse.event("open", {})
    async for name, data in replies.reply_stream(reply=reply):
        yield sse.event(name, data)
    yield sse.event("done", await in_thread(_finished)(reply, again))


def _finished(reply: Message, again: dict[str, Any]) -> dict[str, Any]:
    visit = visit_find(**again)
    row = Message.objects.filter(pk=reply.pk).select_related("conversation", "parent").first() if visit else None
    if visit is None or row is None:
        return {"state": "gone", "html": render_to_string("chat/shared_ended.html")}
    return {"state": row.state, "html": _message_html(row, visit)}


@require_POST
@for_visitors
async def shared_warm(request: HttpRequest, visit: Visit) -> HttpResponseBase:
    """Has the engine read the answers while the visitor still types; once a minute, however many come."""
    if await cache.aadd(f"warm-{visit.share.pk}", 1, WARM_SECONDS):
        persona = visit.share.persona
        told = told_allowed(share=visit.share, told=await sync_to_async(told_recent)(persona=persona))
        with suppress(EngineError):  # the message itself will meet it
            await ground(text="Who are you?", context=None, told=told)
    return HttpResponse(status=204)


@require_POST
@for_visitors
def shared_stop(
    request: HttpRequest, visit: Visit, conversation_id: uuid.UUID, message_id: uuid.UUID
) -> HttpResponseBase:
    running.reply_stop(reply=_reply_or_404(visit, conversation_id, message_id))
    if request.headers.get("Accept", "").startswith("application/json"):
        return HttpResponse(status=204)
    return redirect("shared_talk", visit.token, conversation_id)


@require_GET
@for_visitors
def shared_export(request: HttpRequest, visit: Visit, conversation_id: uuid.UUID) -> HttpResponseBase:
    """The talk as a text file that begins with the label."""
    talk = _talk_or_404(visit, conversation_id)
    text = speaking.talk_as_text(talk=talk, share=visit.share)
    response = HttpResponse(text, content_type="text/plain; charset=utf-8")
    response["Content-Disposition"] = f'attachment; filename="ai-portrait-{talk.created_at:%Y-%m-%d}.txt"'
    return response


@require_POST
@for_visitors
def shared_delete(request: HttpRequest, visit: Visit, conversation_id: uuid.UUID) -> HttpResponseBase:
    speaking.talk_delete(talk=_talk_or_404(visit, conversation_id))
    return redirect("shared", visit.token)
