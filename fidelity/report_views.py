"""Pages of the reports: the newest one, each by itself, and what can be done with it."""

import uuid

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_GET

from fidelity.answering import retest_get, sitting_get
from questionnaires.views import persona_or_404


@never_cache
@require_GET
def likeness(request: HttpRequest, persona_id: uuid.UUID) -> HttpResponse:
    """How like its person the newest measured version is, or what is missing for saying so."""
    persona = persona_or_404(request, persona_id)
    context = {"room": "likeness", "persona": persona, "sitting": sitting_get(persona=persona)}
    return render(request, "fidelity/likeness.html", context | {"retest": retest_get(persona=persona)})
