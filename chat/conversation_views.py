"""The shelf of conversations: found, named, taken along, deleted and brought back."""

import uuid

from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.text import slugify
from django.views.decorators.http import require_GET, require_POST

from chat import conversations, running
from chat.models import Message
from chat.pages import conversation_or_404, persona_or_404, refused_page
from questionnaires.services import Refused


@require_GET
def find(request: HttpRequest, persona_id: uuid.UUID) -> HttpResponse:
    persona = persona_or_404(request, persona_id)
    text = request.GET.get("q", "")[:200]
    context = {"room": "chat", "persona": persona, "q": text}
    context["found"] = conversations.conversations_search(persona=persona, text=text)
    return render(request, "chat/find.html", context)


@require_POST
def rename(request: HttpRequest, persona_id: uuid.UUID, conversation_id: uuid.UUID) -> HttpResponse:
    found = conversation_or_404(request, persona_id, conversation_id)
    try:
        conversations.conversation_rename(conversation=found, title=request.POST.get("title", ""))
    except Refused as refused:
        return refused_page(request, found.persona, conversation_id, refused)
    return redirect("chat_conversation", persona_id, conversation_id)


EXPORTS = {
    "json": ("application/json", conversations.export_json),
    "md": ("text/markdown; charset=utf-8", conversations.export_markdown),
}


@require_GET
def export(request: HttpRequest, persona_id: uuid.UUID, conversation_id: uuid.UUID, kind: str) -> HttpResponse:
    """The conversation as a file: JSON with all branches, or Markdown of the one that is shown."""
    found = conversation_or_404(request, persona_id, conversation_id)
    if kind not in EXPORTS:
        raise Http404
    content_type, write = EXPORTS[kind]
    name = slugify(found.title or found.persona.name, allow_unicode=False) or "conversation"
    response = HttpResponse(write(conversation=found), content_type=content_type)
    response["Content-Disposition"] = f'attachment; filename="{name}-{found.created_at:%Y-%m-%d}.{kind}"'
    return response


@require_POST
def delete(request: HttpRequest, persona_id: uuid.UUID, conversation_id: uuid.UUID) -> HttpResponse:
    """Out of sight, with a way back on the next page."""
    found = conversation_or_404(request, persona_id, conversation_id)
    for reply in found.messages.filter(state__in=Message.RUNNING):
        running.reply_stop(reply=reply)
    conversations.conversation_delete(conversation=found)
    return redirect(f"{reverse('chat', args=[persona_id])}?new=1&undo={found.pk}")


@require_POST
def restore(request: HttpRequest, persona_id: uuid.UUID, conversation_id: uuid.UUID) -> HttpResponse:
    persona = persona_or_404(request, persona_id)
    try:
        conversations.conversation_restore(persona=persona, conversation_id=conversation_id)
    except Refused as refused:
        raise Http404 from refused
    return redirect("chat_conversation", persona_id, conversation_id)


@require_POST
def close(request: HttpRequest, persona_id: uuid.UUID, conversation_id: uuid.UUID) -> HttpResponse:
    """The page of a temporary conversation was left; the browser sends it on the way out."""
    conversations.conversation_close(conversation=conversation_or_404(request, persona_id, conversation_id))
    return HttpResponse(status=204)
