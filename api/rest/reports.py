"""Reports on how like its person a version is."""

from datetime import datetime
from typing import Any
from uuid import UUID

from django.http import HttpRequest
from ninja import Field, Router, Schema, Status

from api.rest.access import door
from api.rest.errors import REFUSALS
from api.rest.pages import Page, Part, PersonaId, page_of
from fidelity import services, tasks
from fidelity.models import Report
from fidelity.report_views import report_or_404
from questionnaires.views import persona_or_404
from training.version_views import version_or_404

router = Router(tags=["Reports"])


class ReportLine(Schema):
    id: UUID
    version: UUID
    state: str = Field(description="queued, running, done, failed or cancelled")
    form: str = Field(description="quick or full")
    percent: int
    error: str
    created_at: datetime
    started_at: datetime | None
    finished_at: datetime | None


class ReportShape(ReportLine):
    """With its figures, as docs/fidelity.md describes them; empty until it is done."""

    result: dict[str, Any]


class ReportNew(Schema):
    version: UUID
    form: str = "full"


def _line(report: Report) -> dict[str, Any]:
    own = ("state", "form", "percent", "error", "created_at", "started_at", "finished_at")
    return {name: getattr(report, name) for name in own} | {"id": report.pk, "version": report.version_id}


def _shape(report: Report) -> dict[str, Any]:
    return _line(report) | {"result": report.result}


@router.get("reports", response={200: Page[ReportLine], **REFUSALS}, auth=door("read"))
def report_list(request: HttpRequest, persona_id: PersonaId, part: Part) -> Any:
    """The persona's reports, newest first."""
    rows = Report.objects.for_owner(request.user).filter(persona=persona_or_404(request, persona_id))
    return page_of(rows, part, _line)


@router.post("reports", response={201: ReportShape, 200: ReportShape, **REFUSALS}, auth=door("train"))
def report_new(request: HttpRequest, persona_id: PersonaId, body: ReportNew) -> Any:
    """Has a version asked (201), or tells of the report that is being made already (200)."""
    persona = persona_or_404(request, persona_id)
    version = version_or_404(request, persona_id, body.version)
    report, made = services.report_create(persona=persona, version=version, form=body.form)
    tasks.enqueue(report.pk)
    return Status(201 if made else 200, _shape(report))


@router.get("reports/{uuid:report_id}", response={200: ReportShape, **REFUSALS}, auth=door("read"))
def report_get(request: HttpRequest, persona_id: PersonaId, report_id: UUID) -> Any:
    """One report with its figures."""
    return _shape(report_or_404(request, persona_id, report_id))


@router.post("reports/{uuid:report_id}/cancel", response={200: ReportShape, **REFUSALS}, auth=door("train"))
def report_cancel(request: HttpRequest, persona_id: PersonaId, report_id: UUID) -> Any:
    """Ends a report that is being made."""
    report = report_or_404(request, persona_id, report_id)
    services.report_cancel(report=report)
    return _shape(report)
