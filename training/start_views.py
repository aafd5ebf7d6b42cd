"""Pages before a training: what it would do here or at a provider, what leaves this computer, and the start."""

import uuid
from collections.abc import Mapping
from typing import Any
from urllib.parse import parse_qsl, urlencode

from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils.text import slugify
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_GET, require_POST

from accounts.rates import expensive_check
from questionnaires.models import Persona
from questionnaires.save_result import within_limits
from questionnaires.services import Refused, dataset_build
from questionnaires.views import persona_or_404
from training import services, tasks, trials
from training.choices import FIELDS, Reading, choice_read
from training.models import Connection, PersonaModel, TrainingRun
from training.row_files import TRAIN, VALIDATION, RowFiles
from training.start_page import faults_of, files_of, run_order, start_context

UNFINISHED_SHOWN = 5
SHOWN_LINES = 3


def read_choice(request: HttpRequest, data: Mapping[str, str]) -> Reading:
    """The choice in these fields; 404 for a connection that is not the visitor's."""
    where = data.get("where", "")
    if not where:
        return choice_read(data, None)
    try:
        key = uuid.UUID(where)
    except ValueError:
        raise Http404 from None
    connection: Connection = get_object_or_404(Connection.objects.for_owner(request.user), pk=key)
    return choice_read(data, connection)


@never_cache
@require_GET
def train(request: HttpRequest, persona_id: uuid.UUID) -> HttpResponse:
    """What a training as chosen would do, and the versions that there are."""
    persona = persona_or_404(request, persona_id)
    return _train_page(request, persona, request.GET, read_choice(request, request.GET))


def _train_page(
    request: HttpRequest, persona: Persona, data: Mapping[str, str], reading: Reading, fault: Refused | None = None
) -> HttpResponse:
    runs = TrainingRun.objects.for_owner(request.user).filter(persona=persona)
    context: dict[str, Any] = {
        "room": "train",
        "persona": persona,
        "fault": str(fault or ""),
        "active": services.run_active(persona=persona),
        "connections": Connection.objects.for_owner(request.user),
        "versions": PersonaModel.objects.for_owner(request.user).filter(persona=persona).select_related("run"),
        "unfinished": runs.filter(state__in=["failed", "cancelled"])[:UNFINISHED_SHOWN],
        **start_context(persona, data, reading),
    }
    status, headers = (fault.status, fault.headers) if fault else (200, {})
    response = render(request, "training/train.html", context, status=status)
    for name, value in headers.items():
        response[name] = value
    return response


@require_POST
def run_start(request: HttpRequest, persona_id: uuid.UUID) -> HttpResponse:
    """Queues a training and shows it; a second click shows the same one. At a provider it asks for consent first."""
    persona = persona_or_404(request, persona_id)
    reading = read_choice(request, request.POST)
    if "reckon" in request.POST:
        return redirect(_page_address(persona, request.POST))
    try:
        with within_limits():
            expensive_check(request=request, action="training")
        if sentence := faults_of(reading):
            raise Refused(sentence)
        if reading.choice.connection and request.POST.get("consent") != "yes":
            _refuse_obstacles(persona)
            return redirect(f"{reverse('consent', args=(persona.pk,))}?{reading.choice.query}")
        run, made = run_order(persona=persona, choice=reading.choice, shown=request.POST.get("sha256", ""))
    except Refused as refused:
        return _train_page(request, persona, request.POST, reading, refused)
    if made:
        tasks.enqueue(run.pk)
    return redirect("run", persona.pk, run.pk)


def _refuse_obstacles(persona: Persona) -> None:
    """Before the bytes are shown, not only before they are sent."""
    if sentences := services.obstacles(dataset_build(persona=persona)):
        raise Refused(" ".join(sentences[: services.SENTENCES_SHOWN]))


@never_cache
@require_GET
def consent(request: HttpRequest, persona_id: uuid.UUID) -> HttpResponse:
    """Before anything goes to a provider: who gets what, and the very bytes."""
    persona, reading, files = _outgoing(request, persona_id)
    choice = reading.choice
    context = {
        "room": "train",
        "persona": persona,
        "choice": choice,
        "files": [_shown(name, content) for name, content in files.by_name.items()],
        "sha256": files.sha256,
        "hidden": parse_qsl(choice.query),
        **start_context(persona, request.GET, reading),
    }
    return render(request, "training/consent.html", context)


def _shown(name: str, content: bytes) -> dict[str, Any]:
    lines = content.splitlines()
    return {
        "name": name,
        "bytes": len(content),
        "rows": len(lines),
        "first": b"\n".join(lines[:SHOWN_LINES]).decode(),
    }


@never_cache
@require_GET
def consent_file(request: HttpRequest, persona_id: uuid.UUID, name: str) -> HttpResponse:
    """One of the files as it would be uploaded, byte for byte."""
    persona, _reading, files = _outgoing(request, persona_id)
    if name not in {TRAIN, VALIDATION}:
        raise Http404
    response = HttpResponse(files.by_name[name], content_type="application/jsonl")
    prefix = slugify(persona.name) or "persona"
    response["Content-Disposition"] = f'attachment; filename="{prefix}-{name}"'
    return response


def _outgoing(request: HttpRequest, persona_id: uuid.UUID) -> tuple[Persona, Reading, RowFiles]:
    """What the query asks to send, with its files; 404 where it asks for a training on this computer."""
    persona = persona_or_404(request, persona_id)
    reading = read_choice(request, request.GET)
    if reading.choice.connection is None:
        raise Http404
    return persona, reading, files_of(persona, reading.choice, dataset_build(persona=persona))


@require_POST
def speed_trial(request: HttpRequest, persona_id: uuid.UUID) -> HttpResponse:
    """Has the worker try the chosen base model for some seconds, then shows the page as it was chosen."""
    persona = persona_or_404(request, persona_id)
    reading = read_choice(request, request.POST)
    try:
        if reading.choice.connection:
            raise Refused(_("A provider's speed cannot be tried from here."))
        trials.trial_ask(base_model=reading.choice.base_model)
    except Refused as refused:
        return _train_page(request, persona, request.POST, reading, refused)
    if not tasks.enqueue_trial(reading.choice.base_model):
        trials.trial_drop(base_model=reading.choice.base_model)
        messages.error(request, _("The worker is away. Start the program anew, then try again."))
    return redirect(_page_address(persona, request.POST))


def _page_address(persona: Persona, data: Mapping[str, str]) -> str:
    """The page with the form as it was filled in, wrong fields too."""
    filled = {name: data[name] for name in FIELDS if data.get(name)}
    return f"{reverse('train', args=(persona.pk,))}?{urlencode(filled)}"
