"""Pages of the versions."""

import asyncio
import uuid
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse, StreamingHttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from accounts.audit import audit_record
from questionnaires.services import Refused
from questionnaires.views import persona_or_404
from training import exports, tasks, versions
from training.adapter_import import MOST_BYTES, adapter_import, bases_of
from training.models import PersonaModel
from training.remote_deletion import leftovers_delete
from training.version_comparison import comparison_context
from training.version_page import version_context

PIECE = 1 << 20  # bytes of a download at a time


def version_or_404(request: HttpRequest, persona_id: uuid.UUID, version_id: uuid.UUID | str) -> PersonaModel:
    """The visitor's version; anybody else's is not found."""
    rows = PersonaModel.objects.for_owner(request.user).select_related("persona", "run", "connection")
    version: PersonaModel = get_object_or_404(rows, pk=version_id, persona=persona_id)
    return version


@never_cache
@require_GET
def version(request: HttpRequest, persona_id: uuid.UUID, version_id: uuid.UUID) -> HttpResponse:
    """One version: what it learned from, where it is, what can be done with it."""
    return _page(request, version_or_404(request, persona_id, version_id))


def _page(request: HttpRequest, version: PersonaModel, fault: Refused | None = None, **typed: str) -> HttpResponse:
    """`typed` is what a refused form held, so that it is not lost."""
    context = {**version_context(version), "notes": version.notes, "deployment": version.deployment, **typed}
    if fault:
        context["fault"] = str(fault)
    return render(request, "training/version.html", context, status=fault.status if fault else 200)


@require_POST
def version_current(request: HttpRequest, persona_id: uuid.UUID, version_id: uuid.UUID) -> HttpResponse:
    version = version_or_404(request, persona_id, version_id)
    versions.version_make_current(version=version)
    messages.success(request, _("Chat now uses version %(number)d.") % {"number": version.number})
    return redirect("train", persona_id)


@require_POST
def version_archive(request: HttpRequest, persona_id: uuid.UUID, version_id: uuid.UUID) -> HttpResponse:
    """Puts a version away, or takes an archived one back."""
    version = version_or_404(request, persona_id, version_id)
    if version.archived_at:
        versions.version_unarchive(version=version)
        messages.success(request, _("Version %(number)d is back in the list.") % {"number": version.number})
    else:
        versions.version_archive(version=version)
        words = _("Version %(number)d is archived: the chat does not offer it any more. Nothing was deleted.")
        messages.success(request, words % {"number": version.number})
    return redirect("version", persona_id, version.pk)


@require_POST
def version_notes(request: HttpRequest, persona_id: uuid.UUID, version_id: uuid.UUID) -> HttpResponse:
    version, typed = version_or_404(request, persona_id, version_id), request.POST.get("notes", "")
    try:
        versions.version_note(version=version, notes=typed)
    except Refused as refused:
        return _page(request, version, refused, notes=typed)
    messages.success(request, _("The notes are saved."))
    return redirect("version", persona_id, version.pk)


@require_POST
def version_deployment(request: HttpRequest, persona_id: uuid.UUID, version_id: uuid.UUID) -> HttpResponse:
    """The name under which the provider serves it."""
    version, typed = version_or_404(request, persona_id, version_id), request.POST.get("deployment", "")
    try:
        versions.version_deploy(version=version, deployment=typed)
    except Refused as refused:
        return _page(request, version, refused, deployment=typed)
    messages.success(request, _("Saved."))
    return redirect("version", persona_id, version.pk)


@never_cache
@require_GET
def version_compare(request: HttpRequest, persona_id: uuid.UUID, version_id: uuid.UUID) -> HttpResponse:
    """Two versions side by side, the older one on the left."""
    version = version_or_404(request, persona_id, version_id)
    try:
        other = version_or_404(request, persona_id, uuid.UUID(request.GET.get("with", "")))
    except ValueError:
        raise Http404 from None
    left, right = sorted((other, version), key=lambda each: each.number)
    return render(request, "training/version_compare.html", comparison_context(left, right))


@require_POST
def version_export(request: HttpRequest, persona_id: uuid.UUID, version_id: uuid.UUID, kind: str) -> HttpResponse:
    """Has a file of the version made; the page shows how far it is."""
    version = version_or_404(request, persona_id, version_id)
    try:
        exports.export_ask(version=version, kind=kind)
    except Refused as refused:
        raise Http404 from refused
    if not tasks.enqueue_export(version.pk, kind):
        exports.export_drop(version=version, kind=kind)
        messages.error(request, _("The worker cannot be reached just now, so no file is made. Try again in a minute."))
    return redirect(reverse("version", args=(persona_id, version.pk)) + "#export")


@require_GET
def version_export_file(
    request: HttpRequest, persona_id: uuid.UUID, version_id: uuid.UUID, kind: str
) -> StreamingHttpResponse:
    """A file that was made."""
    version = version_or_404(request, persona_id, version_id)
    file = exports.file_bring(version, kind)
    if file is None:
        raise Http404
    audit_record(action="version-exported", actor=request.user, target=f"version:{version.pk}")
    response = StreamingHttpResponse(_pieces(file), content_type="application/zip")
    response["Content-Length"] = str(file.stat().st_size)
    response["Content-Disposition"] = f'attachment; filename="{exports.file_name(version, kind)}"'
    return response


async def _pieces(file: Path) -> AsyncIterator[bytes]:
    """A file of hundreds of megabytes is not held in memory, and its reading blocks nobody."""
    with file.open("rb") as opened:
        while piece := await asyncio.to_thread(opened.read, PIECE):
            yield piece


@never_cache
@require_http_methods(["GET", "POST"])
def version_import(request: HttpRequest, persona_id: uuid.UUID) -> HttpResponse:
    """An adapter that was trained elsewhere, over the same base model."""
    persona = persona_or_404(request, persona_id)
    context: dict[str, Any] = {"room": "train", "persona": persona, "bases": bases_of(persona)}
    context |= {"most": MOST_BYTES // 1_000_000, "format": "chat"}
    if request.method == "GET":
        return render(request, "training/version_import.html", context)
    try:
        version = _import(request, persona_id)
    except Refused as refused:
        context |= {"fault": str(refused), **{name: request.POST.get(name, "") for name in ("base_model", "format")}}
        return render(request, "training/version_import.html", context, status=refused.status)
    messages.success(
        request, _("The adapter is version %(number)d now; the chat uses it.") % {"number": version.number}
    )
    return redirect("version", persona_id, version.pk)


def _import(request: HttpRequest, persona_id: uuid.UUID) -> PersonaModel:
    upload = request.FILES.get("file")
    if upload is None:
        raise Refused(_("Choose a file first."))
    return adapter_import(
        persona=persona_or_404(request, persona_id),
        upload=upload,
        base_model=request.POST.get("base_model", ""),
        format=request.POST.get("format", "chat"),
    )


@never_cache
@require_http_methods(["GET", "POST"])
def version_delete(request: HttpRequest, persona_id: uuid.UUID, version_id: uuid.UUID) -> HttpResponse:
    """Asks first: minutes of training go with it. At the provider it is deleted before it is deleted here."""
    version = version_or_404(request, persona_id, version_id)
    context = {"room": "train", "persona": version.persona, "version": version}
    if request.method == "GET":
        return render(request, "training/version_delete.html", context)
    try:
        if "at_provider" in request.POST:
            leftovers_delete(version=version)
    except Refused as refused:
        context["fault"] = str(refused)
        return render(request, "training/version_delete.html", context, status=refused.status)
    versions.version_delete(version=version)
    audit_record(action="version-deleted", actor=request.user, target=f"version:{version_id}")
    messages.success(request, _("Version %(number)d was deleted.") % {"number": version.number})
    return redirect("train", persona_id)
