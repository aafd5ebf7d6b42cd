"""Pages of the training room: start, watch, versions."""

import uuid
from typing import Any

from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.template.loader import render_to_string
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from questionnaires.services import Refused
from training import services, tasks, versions
from training.models import PersonaModel, TrainingRun
from training.watching import points_after, watch_context

EVENTS_A_POLL = 2000


def run_or_404(request: HttpRequest, persona_id: uuid.UUID, run_id: uuid.UUID) -> TrainingRun:
    rows = TrainingRun.objects.for_owner(request.user).select_related("persona")
    run: TrainingRun = get_object_or_404(rows, pk=run_id, persona=persona_id)
    return run


def version_or_404(request: HttpRequest, persona_id: uuid.UUID, version_id: uuid.UUID) -> PersonaModel:
    rows = PersonaModel.objects.for_owner(request.user).select_related("persona", "run")
    version: PersonaModel = get_object_or_404(rows, pk=version_id, persona=persona_id)
    return version


@never_cache
@require_GET
def run(request: HttpRequest, persona_id: uuid.UUID, run_id: uuid.UUID) -> HttpResponse:
    """The watch page: state, curves, sample replies."""
    return render(request, "training/run.html", watch_context(run_or_404(request, persona_id, run_id)))


@never_cache
@require_GET
def run_events(request: HttpRequest, persona_id: uuid.UUID, run_id: uuid.UUID) -> JsonResponse:
    """What is new after event `after`: points of the curves, and the parts of the page that changed.

    `state` is the one the page shows; its head is sent again only where that changed, so that focus stays.
    """
    after = request.GET.get("after", "0")
    if not (after.isascii() and after.isdigit() and len(after) < 10):
        raise Http404
    run = run_or_404(request, persona_id, run_id)
    new = points_after(run, int(after), EVENTS_A_POLL)
    context = watch_context(run)
    parts = {"status"}
    parts |= {"samples", "checks"} if new["kinds"] & {"sample", "validation"} else set()
    parts |= {"log"} if new["kinds"] & {"log", "error"} else set()
    shown = request.GET.get("state", "")
    if shown != _shown(run):
        parts |= {"head", "result", "log"}
    return JsonResponse(
        {
            "state": _shown(run),
            "state_label": run.get_state_display(),
            "active": run.is_active,
            "total_steps": run.total_steps,
            "title": f"{context['title']} · {run.persona.name}",
            "parts": {part: _part(part, context, request) for part in sorted(parts)},
            **{key: new[key] for key in ("training", "validation", "last", "more")},
        }
    )


def _shown(run: TrainingRun) -> str:
    """The state as far as the page's head depends on it."""
    return f"{run.state}-stopping" if run.is_active and run.cancel_requested else run.state


def _part(name: str, context: dict[str, Any], request: HttpRequest) -> str:
    return render_to_string(f"training/run.html#{name}", context, request).strip()


@require_POST
def run_cancel(request: HttpRequest, persona_id: uuid.UUID, run_id: uuid.UUID) -> HttpResponse:
    run = run_or_404(request, persona_id, run_id)
    services.run_cancel(run=run)
    return redirect("run", persona_id, run.pk)


@require_POST
def run_retry(request: HttpRequest, persona_id: uuid.UUID, run_id: uuid.UUID) -> HttpResponse:
    """Goes on with a failed or cancelled training."""
    run = run_or_404(request, persona_id, run_id)
    try:
        run = services.run_retry(run=run)
    except Refused as refused:
        messages.error(request, str(refused))
        return redirect("run", persona_id, run.pk)
    tasks.enqueue(run.pk)
    return redirect("run", persona_id, run.pk)


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
