"""Pages of a training under way."""

import uuid
from collections.abc import Callable
from typing import Any

from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.template.loader import render_to_string
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_GET, require_POST

from questionnaires.services import Refused
from training import services, tasks
from training.curves import points_after
from training.ended import mark_seen
from training.models import TrainingRun
from training.watching import shown, watch_context

EVENTS_A_POLL = 2000


def run_or_404(request: HttpRequest, persona_id: uuid.UUID, run_id: uuid.UUID) -> TrainingRun:
    rows = TrainingRun.objects.for_owner(request.user).select_related("persona")
    run: TrainingRun = get_object_or_404(rows, pk=run_id, persona=persona_id)
    return run


@never_cache
@require_GET
def run(request: HttpRequest, persona_id: uuid.UUID, run_id: uuid.UUID) -> HttpResponse:
    """The watch page: state, curves, sample replies."""
    run = run_or_404(request, persona_id, run_id)
    mark_seen(request.session, run)
    return render(request, "training/run.html", watch_context(run))


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
    mark_seen(request.session, run)
    new = points_after(run, int(after), EVENTS_A_POLL)
    parts = _changed_parts(new["kinds"], request.GET.get("state", "") != shown(run))
    context = watch_context(run, parts)
    return JsonResponse(
        {
            "state": shown(run),
            "state_label": run.get_state_display(),
            "active": run.is_active,
            "total_steps": run.total_steps,
            "pace": context["pace"],
            "title": f"{context['title']} · {run.persona.name}",
            "parts": {part: _part(part, context, request) for part in sorted(parts)},
            **{key: new[key] for key in ("training", "validation", "batches", "last", "more")},
        }
    )


def _changed_parts(kinds: set[str], another_state: bool) -> set[str]:
    """Parts of the page that the new events, or another state, may have changed."""
    parts = {"status"}
    parts |= {"samples"} if "sample" in kinds else set()
    parts |= {"checks"} if "validation" in kinds else set()
    parts |= {"log"} if kinds & {"log", "error"} else set()
    return parts | ({"head", "result", "log"} if another_state else set())


def _part(name: str, context: dict[str, Any], request: HttpRequest) -> str:
    """Only the head has forms, which need the request; with it goes what the rail of a whole page looks up."""
    return render_to_string(f"training/run.html#{name}", context, request if name == "head" else None).strip()


@require_POST
def run_cancel(request: HttpRequest, persona_id: uuid.UUID, run_id: uuid.UUID) -> HttpResponse:
    """Ends a training; one that a provider may have is rung for, so that it is told soon."""
    run = run_or_404(request, persona_id, run_id)
    services.run_cancel(run=run)
    if run.is_active:
        tasks.enqueue(run.pk)
    return redirect("run", persona_id, run.pk)


@require_POST
def run_retry(request: HttpRequest, persona_id: uuid.UUID, run_id: uuid.UUID) -> HttpResponse:
    """Goes on with a failed or cancelled training, or shows the new one that takes its place."""
    return _changed(request, run_or_404(request, persona_id, run_id), lambda run: services.run_retry(run=run))


@require_POST
def run_pause(request: HttpRequest, persona_id: uuid.UUID, run_id: uuid.UUID) -> HttpResponse:
    """Lets a training rest."""
    return _changed(request, run_or_404(request, persona_id, run_id), lambda run: services.run_pause(run=run))


@require_POST
def run_resume(request: HttpRequest, persona_id: uuid.UUID, run_id: uuid.UUID) -> HttpResponse:
    """Goes on with a training that rests."""
    return _changed(request, run_or_404(request, persona_id, run_id), lambda run: services.run_resume(run=run))


@require_POST
def run_submit_again(request: HttpRequest, persona_id: uuid.UUID, run_id: uuid.UUID) -> HttpResponse:
    """Asks the provider for the training once more, after the looks for the first one found nothing."""
    return _changed(request, run_or_404(request, persona_id, run_id), lambda run: services.run_submit_again(run=run))


def _changed(
    request: HttpRequest, run: TrainingRun, change: Callable[[TrainingRun], TrainingRun | None]
) -> HttpResponse:
    """Makes the change, rings for the run and shows it; a refusal is said above the page that does not change."""
    try:
        run = change(run) or run
    except Refused as refused:
        messages.error(request, str(refused))
        return redirect("run", run.persona_id, run.pk)
    tasks.enqueue(run.pk)
    return redirect("run", run.persona_id, run.pk)
