"""Pages of the versions."""

import uuid

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_POST

from training import versions
from training.models import PersonaModel


def version_or_404(request: HttpRequest, persona_id: uuid.UUID, version_id: uuid.UUID) -> PersonaModel:
    """The visitor's version; anybody else's is not found."""
    rows = PersonaModel.objects.for_owner(request.user).select_related("persona", "run", "connection")
    version: PersonaModel = get_object_or_404(rows, pk=version_id, persona=persona_id)
    return version


@require_POST
def version_current(request: HttpRequest, persona_id: uuid.UUID, version_id: uuid.UUID) -> HttpResponse:
    version = version_or_404(request, persona_id, version_id)
    versions.version_make_current(version=version)
    messages.success(request, _("Chat now uses version %(number)d.") % {"number": version.number})
    return redirect("train", persona_id)


@require_http_methods(["GET", "POST"])
def version_delete(request: HttpRequest, persona_id: uuid.UUID, version_id: uuid.UUID) -> HttpResponse:
    """Asks first: minutes of training go with it."""
    version = version_or_404(request, persona_id, version_id)
    if request.method == "POST":
        versions.version_delete(version=version)
        messages.success(request, _("Version %(number)d was deleted.") % {"number": version.number})
        return redirect("train", persona_id)
    context = {"room": "train", "persona": version.persona, "version": version}
    return render(request, "training/version_delete.html", context)
