"""Corrections: made under a reply, listed, taken back; and what was said, to be looked through."""

import uuid

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET, require_POST

from chat import corrections
from chat.models import Correction
from chat.pages import back, persona_or_404, refused_page, reply_or_404, shown
from questionnaires.services import Refused


@require_POST
def correct(
    request: HttpRequest, persona_id: uuid.UUID, conversation_id: uuid.UUID, message_id: uuid.UUID
) -> HttpResponse:
    """Saves what the person would say; back to the talk, or to the page of corrections that it was made on."""
    reply = reply_or_404(request, persona_id, conversation_id, message_id)
    form = request.POST
    try:
        corrections.correction_save(
            reply=reply,
            text=form.get("text", ""),
            place=form.get("place", corrections.OWN),
            question=form.get("question", ""),
        )
    except Refused as refused:
        return refused_page(request, reply.conversation.persona, conversation_id, refused)
    if "review" in form:
        messages.success(request, _("Kept as your answer. The next reply can rest on it."))
        return redirect("corrections", persona_id)
    return back(reply)


@require_GET
def correction_list(request: HttpRequest, persona_id: uuid.UUID) -> HttpResponse:
    """All corrections, and what was said in conversations and is no answer yet."""
    persona = persona_or_404(request, persona_id)
    review = [shown(reply, is_last=False) for reply in corrections.replies_to_review(persona=persona)]
    context = {
        "room": "chat",
        "persona": persona,
        "corrections": corrections.corrections_get(persona=persona),
        "count": corrections.corrections_untrained(persona=persona),
        "enough": corrections.ENOUGH,
        "is_offered": corrections.training_offered(persona=persona),
        "review": [] if persona.is_demo else review,
    }
    return render(request, "chat/corrections.html", context)


@require_POST
def undo(request: HttpRequest, persona_id: uuid.UUID, correction_id: uuid.UUID) -> HttpResponse:
    """Takes a correction back: the answer is as it was."""
    rows = Correction.objects.for_owner(request.user).select_related("answer__question", "persona")
    correction = get_object_or_404(rows, pk=correction_id, persona=persona_id)
    try:
        corrections.correction_undo(correction=correction)
    except Refused as refused:
        messages.error(request, str(refused))
    else:
        messages.success(request, _("The correction was taken back; the answer is as it was."))
    return redirect("corrections", persona_id)
