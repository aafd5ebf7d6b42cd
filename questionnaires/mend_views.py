"""Clicks in the data room that set a finding right, take that back, or ask for a look at the meaning of the answers."""

import uuid
from dataclasses import asdict

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST

from questionnaires import tasks
from questionnaires.comparisons import comparison_ask, comparison_drop
from questionnaires.mending import Undo, finding_mend, mend_undo
from questionnaires.models import Persona
from questionnaires.saving import Refused
from questionnaires.views import persona_or_404

UNDO = "mended"  # in the session: the persona, and what its last mend can be taken back to


@require_POST
def mend(request: HttpRequest, persona_id: uuid.UUID) -> HttpResponse:
    """Sets a finding right; the page that follows offers to undo it."""
    persona = persona_or_404(request, persona_id)
    request.session.pop(UNDO, None)
    try:
        undos = finding_mend(persona=persona, key=request.POST.get("key", ""))
    except Refused as refused:
        messages.warning(request, str(refused))
        return redirect("data", persona.pk)
    request.session[UNDO] = {"persona": str(persona.pk), "answers": [asdict(each) for each in undos]}
    return redirect("data", persona.pk)


@require_POST
def undo(request: HttpRequest, persona_id: uuid.UUID) -> HttpResponse:
    """Brings back what the last mend changed."""
    persona = persona_or_404(request, persona_id)
    kept = request.session.pop(UNDO, {}) if can_undo(request, persona) else {}
    if kept and mend_undo(persona=persona, undo=[Undo(**each) for each in kept["answers"]]):
        messages.success(request, _("It is as it was before."))
    else:
        messages.warning(
            request, _("There is nothing to undo any more. Earlier texts are in the history of the answer.")
        )
    return redirect("data", persona.pk)


def can_undo(request: HttpRequest, persona: Persona) -> bool:
    """Whether the visitor's last mend was one of this persona."""
    return bool(request.session.get(UNDO, {}).get("persona") == str(persona.pk))


@require_POST
def compare(request: HttpRequest, persona_id: uuid.UUID) -> HttpResponse:
    """Has a worker look at what the answers mean; the page shows how far it is."""
    persona = persona_or_404(request, persona_id)
    comparison_ask(persona=persona)
    if not tasks.enqueue_comparison(persona.pk):
        comparison_drop(persona=persona)
        messages.error(request, _("The worker cannot be reached just now. Try again in a minute."))
    return redirect("data", persona.pk)
