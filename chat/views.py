"""Pages of the chat room."""

import uuid

from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, render
from django.views.decorators.http import require_GET

from questionnaires.models import Persona


@require_GET
def chat(request: HttpRequest, persona_id: uuid.UUID) -> HttpResponse:
    """The newest conversation, or an empty one."""
    persona = get_object_or_404(Persona.objects.for_owner(request.user), pk=persona_id)
    return render(request, "chat/room.html", {"room": "chat", "persona": persona})
