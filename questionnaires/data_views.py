"""Pages of the data room: the data set as it stands, its findings and import."""

import re
import uuid
from typing import Any

from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.text import slugify
from django.utils.translation import gettext as _
from django.utils.translation import ngettext
from django.views.decorators.http import require_GET, require_POST

from accounts.rates import expensive_check
from questionnaires import services
from questionnaires.comparisons import comparison_view_get
from questionnaires.coverage import coverage_get
from questionnaires.data_card import card_get
from questionnaires.dataset import split_items
from questionnaires.dataset.chat_exports import PersonNeeded
from questionnaires.dataset.readers import MAX_BYTES
from questionnaires.dataset.records import ImportFailure
from questionnaires.export_views import format_labels
from questionnaires.findings import file_findings_get, finding_leave, finding_take_up, findings_get
from questionnaires.importing import import_answers
from questionnaires.mend_views import can_undo
from questionnaires.models import Answer, Persona
from questionnaires.save_result import within_limits
from questionnaires.services import Refused
from questionnaires.uploads import upload_drop, upload_keep, upload_take
from questionnaires.views import persona_or_404

PEOPLE_SHOWN = 40  # of a chat


@require_GET
def data(request: HttpRequest, persona_id: uuid.UUID) -> HttpResponse:
    """What the model will learn from, and what to look at before it does."""
    persona = persona_or_404(request, persona_id)
    return render(request, "questionnaires/data.html", data_context(persona) | {"undo": can_undo(request, persona)})


def data_context(persona: Persona) -> dict[str, Any]:
    items = services.dataset_build(persona=persona)
    parts = split_items(items)
    slugs = dict(Answer.objects.filter(persona=persona).values_list("pk", "question__slug"))
    found = findings_get(items=items, slugs={str(pk): slug for pk, slug in slugs.items()}, persona=persona)
    return {
        "room": "data",
        "persona": persona,
        "items": items,
        "words": sum(len(item.answer.split()) for item in items),
        "training": len(parts.training),
        "validation": len(parts.validation),
        "findings": [finding for finding in found if not finding.left],
        "left": [finding for finding in found if finding.left],
        "comparison": comparison_view_get(persona=persona, items=items),
        "groups": format_labels(),
    }


@require_POST
def finding(request: HttpRequest, persona_id: uuid.UUID) -> HttpResponse:
    """Leaves a finding as it is, or takes it up again."""
    persona = persona_or_404(request, persona_id)
    key = request.POST.get("key", "")
    if not re.fullmatch(r"[0-9a-f]{64}", key):
        raise Http404
    if "again" in request.POST:
        finding_take_up(persona=persona, key=key)
    else:
        finding_leave(persona=persona, key=key)
    return redirect("data", persona.pk)


@require_GET
def coverage(request: HttpRequest, persona_id: uuid.UUID) -> HttpResponse:
    """The flower of topics."""
    persona = persona_or_404(request, persona_id)
    petals = coverage_get(persona=persona)
    context = {"room": "data", "persona": persona, "petals": petals, "answered": sum(p.answered for p in petals)}
    return render(request, "questionnaires/coverage.html", context)


@require_GET
def card(request: HttpRequest, persona_id: uuid.UUID) -> HttpResponse:
    """The data card: what is in the data set, to lie beside it."""
    persona = persona_or_404(request, persona_id)
    response = HttpResponse(card_get(persona=persona), content_type="text/markdown; charset=utf-8")
    response["Content-Disposition"] = f'attachment; filename="{slugify(persona.name) or "persona"}-card.md"'
    return response


@require_POST
def import_upload(request: HttpRequest, persona_id: uuid.UUID) -> HttpResponse:
    """Reads a file or a pasted text and says what an import would do; of a chat, once it is said who answers."""
    persona = persona_or_404(request, persona_id)
    upload = request.FILES.get("file")
    content = upload.read(MAX_BYTES + 1) if upload else request.POST.get("pasted", "").encode()
    filename = (upload.name if upload else None) or _("pasted text")
    return _import_report(request, persona, content, filename)


@require_POST
def import_person(request: HttpRequest, persona_id: uuid.UUID, upload_id: uuid.UUID) -> HttpResponse:
    """The same for a chat that was kept, now that it is said who answers in it."""
    persona = persona_or_404(request, persona_id)
    kept = upload_take(owner_id=persona.owner_id, upload_id=upload_id)
    if kept is None:
        return _gone(request, persona)
    upload_drop(owner_id=persona.owner_id, upload_id=upload_id)
    return _import_report(request, persona, *kept, person=request.POST.get("person", ""))


def _import_report(
    request: HttpRequest, persona: Persona, content: bytes, filename: str, person: str = ""
) -> HttpResponse:
    context: dict[str, Any] = {"room": "data", "persona": persona, "person": person, "filename": filename}
    try:
        with within_limits():
            expensive_check(request=request, action="import")
        context["report"] = import_answers(
            persona=persona, data=content, filename=filename, dry_run=True, person=person
        )
        context["file_findings"] = file_findings_get(data=content, filename=filename, person=person)
    except PersonNeeded as needed:
        context["people"] = needed.people[:PEOPLE_SHOWN]
    except (ImportFailure, Refused) as failure:
        fault = _("%(name)s: %(fault)s Nothing was changed.") % {"name": filename, "fault": _explain(failure)}
        context = data_context(persona) | {"import_fault": fault, "pasted": request.POST.get("pasted", "")}
        return render(request, "questionnaires/data.html", context, status=getattr(failure, "status", 400))
    context["upload_id"] = upload_keep(owner_id=persona.owner_id, data=content, filename=filename)
    return render(request, "questionnaires/import.html", context)


def _gone(request: HttpRequest, persona: Persona) -> HttpResponse:
    messages.warning(request, _("The file was kept for a day and is gone. Choose it again."))
    return redirect("data", persona.pk)


def _explain(failure: ImportFailure | Refused) -> str:
    """The sentence in the visitor's language."""
    if isinstance(failure, Refused):
        return str(failure)
    sentence = _(failure.template).format(**failure.params)
    return _("line %(line)d: %(fault)s") % {"line": failure.line, "fault": sentence} if failure.line else sentence


@require_POST
def import_confirm(request: HttpRequest, persona_id: uuid.UUID, upload_id: uuid.UUID) -> HttpResponse:
    """Does what the report said, all or nothing."""
    persona = persona_or_404(request, persona_id)
    kept = upload_take(owner_id=persona.owner_id, upload_id=upload_id)
    if kept is None:
        return _gone(request, persona)
    try:
        report = import_answers(
            persona=persona,
            data=kept[0],
            filename=kept[1],
            replace="replace" in request.POST,
            person=request.POST.get("person", ""),
        )
    except (ImportFailure, Refused) as failure:
        messages.error(request, _explain(failure))
        return redirect("data", persona.pk)
    upload_drop(owner_id=persona.owner_id, upload_id=upload_id)
    text = ngettext("%(n)d answer was imported.", "%(n)d answers were imported.", report.stored)
    messages.success(request, text % {"n": report.stored})
    return redirect("data", persona.pk)
