"""Trainings: begun, watched, changed."""

from datetime import datetime
from typing import Any
from uuid import UUID

from django.http import HttpRequest
from django.utils.translation import gettext as _
from ninja import Field, Router, Schema, Status

from accounts.rates import expensive_check
from api.rest.access import door
from api.rest.errors import REFUSALS
from api.rest.pages import LONGEST, Page, Part, PersonaId, page_of
from questionnaires.services import Refused, dataset_build
from questionnaires.views import persona_or_404
from training import services, tasks
from training.choices import Choice
from training.connections import host_of
from training.estimates import plan_of_files
from training.models import RunEvent, TrainingRun
from training.start_page import faults_of, files_of, run_order
from training.start_views import read_choice
from training.views import run_or_404

router = Router(tags=["Trainings"])


class RunShape(Schema):
    """A training. `error` is one sentence; `version` is what it published."""

    id: UUID
    state: str = Field(description=", ".join(TrainingRun.State.values))
    is_active: bool
    recipe: str
    format: str
    base_model: str
    provider: str
    connection: UUID | None
    overrides: dict[str, Any]
    seed: int
    answers: int
    data_hash: str
    step: int
    total_steps: int
    percent: int
    seconds_left: float | None
    error: str
    created_at: datetime
    started_at: datetime | None
    finished_at: datetime | None
    version: UUID | None


class RunNew(Schema):
    """As the form of the page. With a `connection` rows leave this computer: `sha256` says which ones you agreed to."""

    recipe: str = "quick"
    format: str = Field("", description="marker or chat; empty: the usual one")
    model: str = Field("", description="Base model; empty: this installation's")
    seed: int = Field(0, ge=0, le=2**31 - 1)
    epochs: int | None = None
    learning_rate: float | None = None
    learning_rate_multiplier: float | None = None
    rank: int | None = None
    batch_rows: int | None = None
    connection: UUID | None = None
    sha256: str = Field("", description="With a connection: the hash that `plan` told, which is your consent")


class Outgoing(Schema):
    name: str
    rows: int
    bytes: int


class PlanShape(Schema):
    """What a training as chosen comes to. `to` is who would get the files; empty: they stay here."""

    to: str
    files: list[Outgoing]
    sha256: str
    estimate: dict[str, Any]
    obstacles: list[str]


class EventShape(Schema):
    number: int
    kind: str
    at: datetime
    data: dict[str, Any]


class Events(Schema):
    """`last` is the number to ask after next time; `more`: there are further ones already."""

    items: list[EventShape]
    last: int
    more: bool


def run_shape(run: TrainingRun) -> dict[str, Any]:
    own = [
        *("state", "is_active", "recipe", "format", "base_model", "provider", "overrides", "seed", "data_hash", "step"),
        *("total_steps", "percent", "seconds_left", "error", "created_at", "started_at", "finished_at"),
    ]
    version = getattr(run, "version", None)
    shape = {name: getattr(run, name) for name in own}
    shape |= {"id": run.pk, "connection": run.connection_id, "answers": run.items}
    return shape | {"version": version.pk if version else None}


def _choice(request: HttpRequest, body: RunNew) -> Choice:
    told = body.model_dump(exclude_none=True, exclude={"connection", "sha256"})
    fields = {name: format(value, "f") if isinstance(value, float) else str(value) for name, value in told.items()}
    reading = read_choice(request, fields | {"where": str(body.connection or "")})
    if sentence := faults_of(reading):
        raise Refused(sentence)
    return reading.choice


@router.get("runs", response={200: Page[RunShape], **REFUSALS}, auth=door("read"))
def run_list(request: HttpRequest, persona_id: PersonaId, part: Part) -> Any:
    """The persona's trainings, newest first."""
    rows = TrainingRun.objects.for_owner(request.user).filter(persona=persona_or_404(request, persona_id))
    return page_of(rows.select_related("version"), part, run_shape)


@router.post("runs/plan", response={200: PlanShape, **REFUSALS}, auth=door("train"))
def run_plan(request: HttpRequest, persona_id: PersonaId, body: RunNew) -> Any:
    """What a training would take and, at a provider, who would get which bytes. Nothing is begun."""
    persona, choice = persona_or_404(request, persona_id), _choice(request, body)
    items = dataset_build(persona=persona)
    files = files_of(persona, choice, items)
    sizes = {name: {"rows": len(data.splitlines()), "bytes": len(data)} for name, data in files.by_name.items()}
    return {
        "to": host_of(choice.connection) if choice.connection else "",
        "files": [{"name": name, **size} for name, size in sizes.items()],
        "sha256": files.sha256,
        "estimate": plan_of_files(files, choice).as_json(),
        "obstacles": services.obstacles(items),
    }


@router.post("runs", response={201: RunShape, 200: RunShape, **REFUSALS}, auth=door("train"))
def run_new(request: HttpRequest, persona_id: PersonaId, body: RunNew) -> Any:
    """Begins a training (201), or tells of the one that is under way already (200)."""
    persona, choice = persona_or_404(request, persona_id), _choice(request, body)
    expensive_check(request=request, action="training")
    if choice.connection and not body.sha256:
        raise Refused(_("Look at what would leave this computer first (plan), then send its sha256."))
    run, made = run_order(persona=persona, choice=choice, shown=body.sha256)
    if made:
        tasks.enqueue(run.pk)
    return Status(201 if made else 200, run_shape(run))


@router.get("runs/{uuid:run_id}", response={200: RunShape, **REFUSALS}, auth=door("read"))
def run_get(request: HttpRequest, persona_id: PersonaId, run_id: UUID) -> Any:
    """One training."""
    return run_shape(run_or_404(request, persona_id, run_id))


@router.get("runs/{uuid:run_id}/events", response={200: Events, **REFUSALS}, auth=door("read"))
def run_events(
    request: HttpRequest, persona_id: PersonaId, run_id: UUID, after: int = 0, limit: int = LONGEST
) -> dict[str, Any]:
    """What happened after event `after`, in order: docs/architecture.md describes each kind's `data`."""
    if not (0 <= after < 2**31 and 1 <= limit <= LONGEST):
        raise Refused(_("“after” is a number from 0 on, “limit” one from 1 to 200."))
    run = run_or_404(request, persona_id, run_id)
    rows = list(RunEvent.objects.for_owner(request.user).filter(run=run, number__gt=after)[: limit + 1])
    shown = [{"number": row.number, "kind": row.kind, "at": row.created_at, "data": row.data} for row in rows[:limit]]
    return {"items": shown, "last": shown[-1]["number"] if shown else after, "more": len(rows) > limit}


def _rung(run: TrainingRun) -> dict[str, Any]:
    tasks.enqueue(run.pk)
    run.refresh_from_db()
    return run_shape(run)


@router.post("runs/{uuid:run_id}/cancel", response={200: RunShape, **REFUSALS}, auth=door("train"))
def run_cancel(request: HttpRequest, persona_id: PersonaId, run_id: UUID) -> Any:
    """Ends a training; the last checkpoint is kept. One that has ended stays as it is."""
    run = run_or_404(request, persona_id, run_id)
    services.run_cancel(run=run)
    return _rung(run) if run.is_active else run_shape(run)


@router.post("runs/{uuid:run_id}/pause", response={200: RunShape, **REFUSALS}, auth=door("train"))
def run_pause(request: HttpRequest, persona_id: PersonaId, run_id: UUID) -> Any:
    """Lets a training rest."""
    run = run_or_404(request, persona_id, run_id)
    services.run_pause(run=run)
    return _rung(run)


@router.post("runs/{uuid:run_id}/resume", response={200: RunShape, **REFUSALS}, auth=door("train"))
def run_resume(request: HttpRequest, persona_id: PersonaId, run_id: UUID) -> Any:
    """Goes on with a training that rests."""
    run = run_or_404(request, persona_id, run_id)
    services.run_resume(run=run)
    return _rung(run)


@router.post("runs/{uuid:run_id}/retry", response={200: RunShape, **REFUSALS}, auth=door("train"))
def run_retry(request: HttpRequest, persona_id: PersonaId, run_id: UUID) -> Any:
    """Goes on with a failed or cancelled training, or tells of the new one that takes its place."""
    return _rung(services.run_retry(run=run_or_404(request, persona_id, run_id)))
