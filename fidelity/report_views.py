"""Pages of the reports: the newest one, each by itself, its items, and what can be done with it."""

import uuid
from typing import Any
from uuid import UUID

from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse, JsonResponse, StreamingHttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.template.loader import render_to_string
from django.urls import reverse
from django.utils.text import slugify
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_GET, require_POST

from fidelity import services, tasks
from fidelity.models import Report, ReportItem
from fidelity.report_comparison import comparison_context
from fidelity.report_files import WRITERS
from fidelity.report_items import PERSONA, SECTIONS, section_context
from fidelity.report_page import likeness_context, progress_context, report_shown
from questionnaires.services import Refused
from questionnaires.views import persona_or_404
from training.models import PersonaModel


def report_or_404(request: HttpRequest, persona_id: UUID, report_id: UUID | str) -> Report:
    """The visitor's report; anybody else's is not found."""
    rows = Report.objects.for_owner(request.user).select_related("persona", "version")
    report: Report = get_object_or_404(rows, pk=report_id, persona=persona_id)
    return report


@never_cache
@require_GET
def likeness(request: HttpRequest, persona_id: UUID) -> HttpResponse:
    """How like its person the version in use is, or what is missing for saying so."""
    persona = persona_or_404(request, persona_id)
    return render(request, "fidelity/likeness.html", likeness_context(persona, report_shown(persona)))


@never_cache
@require_GET
def likeness_report(request: HttpRequest, persona_id: UUID, report_id: UUID) -> HttpResponse:
    """One report."""
    report = report_or_404(request, persona_id, report_id)
    return render(request, "fidelity/likeness.html", likeness_context(report.persona, report))


@require_POST
def likeness_start(request: HttpRequest, persona_id: UUID) -> HttpResponse:
    """Has a version asked; the page shows how far it is."""
    persona = persona_or_404(request, persona_id)
    try:
        version = _version(request, persona_id)
        form = request.POST.get("form", Report.Form.FULL)
        report, _made = services.report_create(persona=persona, version=version, form=form)
    except Refused as refused:
        context = likeness_context(persona, report_shown(persona)) | {"fault": str(refused)}
        return render(request, "fidelity/likeness.html", context, status=refused.status)
    tasks.enqueue(report.pk)
    return redirect("likeness", persona_id)


def _version(request: HttpRequest, persona_id: UUID) -> PersonaModel:
    try:
        key = uuid.UUID(request.POST.get("version", ""))
    except ValueError:
        raise Refused(_("Choose a version first.")) from None
    rows = PersonaModel.objects.for_owner(request.user).select_related("persona", "run", "connection")
    version: PersonaModel = get_object_or_404(rows, pk=key, persona=persona_id)
    return version


@never_cache
@require_GET
def likeness_watch(request: HttpRequest, persona_id: UUID, report_id: UUID) -> JsonResponse:
    """How far a report is, for the page that shows it."""
    report = report_or_404(request, persona_id, report_id)
    name = "likeness_report" if report.result else "likeness"
    context = progress_context(report)
    return JsonResponse(
        {
            "active": report.is_active,
            "html": render_to_string("fidelity/progress.html", context).strip(),
            "title": f"{report.percent} % · {_('Likeness')} · {report.persona.name}",
            "address": reverse(name, args=(persona_id, report.pk) if report.result else (persona_id,)),
        }
    )


@require_POST
def likeness_cancel(request: HttpRequest, persona_id: UUID, report_id: UUID) -> HttpResponse:
    services.report_cancel(report=report_or_404(request, persona_id, report_id))
    return redirect("likeness", persona_id)


@never_cache
@require_GET
def likeness_section(request: HttpRequest, persona_id: UUID, report_id: UUID, section: str) -> HttpResponse:
    """A part of the report down to its items; `of` says whose answers (a control)."""
    report = report_or_404(request, persona_id, report_id)
    control = request.GET.get("of", PERSONA)
    if section not in SECTIONS or control not in ReportItem.Control.values:
        raise Http404
    return render(request, "fidelity/section.html", section_context(report, section, control))


@require_POST
def likeness_ruling(request: HttpRequest, persona_id: UUID, report_id: UUID, row_id: UUID) -> HttpResponse:
    """The person's own verdict on a fact; the figures are reckoned anew."""
    report = report_or_404(request, persona_id, report_id)
    row: ReportItem = get_object_or_404(report.rows, pk=row_id)
    section, control = request.POST.get("section", ""), request.POST.get("of", PERSONA)
    if section not in SECTIONS or control not in ReportItem.Control.values:
        raise Http404
    try:
        services.item_rule(item=row, ruling=request.POST.get("ruling", ""))
    except Refused as refused:
        messages.error(request, str(refused))
    address = reverse("likeness_section", args=(persona_id, report.pk, section))
    return redirect(f"{address}?of={control}#i{row.number}")


@never_cache
@require_GET
def likeness_compare(request: HttpRequest, persona_id: UUID, report_id: UUID) -> HttpResponse:
    """Two reports side by side, the older one on the left."""
    report = report_or_404(request, persona_id, report_id)
    try:
        other = report_or_404(request, persona_id, uuid.UUID(request.GET.get("with", "")))
    except ValueError:
        raise Http404 from None
    if not (report.result and other.result):
        raise Http404
    left, right = sorted((report, other), key=_age)
    return render(request, "fidelity/compare.html", comparison_context(left, right))


def _age(report: Report) -> tuple[Any, ...]:
    return report.version.number, report.created_at


@require_GET
def likeness_file(request: HttpRequest, persona_id: UUID, report_id: UUID, kind: str) -> StreamingHttpResponse:
    """The report as a file."""
    report = report_or_404(request, persona_id, report_id)
    if kind not in WRITERS or not report.result:
        raise Http404
    write, content_type = WRITERS[kind]
    response = StreamingHttpResponse(write(report), content_type=content_type)
    name = f"{slugify(report.persona.name) or 'persona'}-likeness-v{report.version.number}.{kind}"
    response["Content-Disposition"] = f'attachment; filename="{name}"'
    return response
