"""Pages on which a questionnaire leaves as a file and comes in as one."""

import uuid

from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils.translation import gettext as _
from django.utils.translation import ngettext
from django.views.decorators.http import require_GET, require_POST

from questionnaires.dataset import ImportFailure
from questionnaires.dataset.readers import MAX_BYTES
from questionnaires.services import Refused, questionnaires_get, questionnaires_of
from questionnaires.shared_files import FORMATS, questionnaire_write
from questionnaires.sharing import questionnaire_bring
from questionnaires.uploads import upload_drop, upload_keep, upload_take
from questionnaires.views import persona_or_404


@require_GET
def share(request: HttpRequest, persona_id: uuid.UUID, slug: str, file_format: str) -> HttpResponse:
    """The questionnaire as a file: texts, order and version, and no answers."""
    persona = persona_or_404(request, persona_id)
    chosen = get_object_or_404(questionnaires_of(persona), pk=slug)
    if file_format not in FORMATS:
        raise Http404
    content = questionnaire_write(chosen, file_format)
    response = HttpResponse(content, content_type=f"{FORMATS[file_format]}; charset=utf-8")
    name = chosen.file_slug or chosen.slug
    response["Content-Disposition"] = f'attachment; filename="{name}.{file_format}"'
    return response


@require_POST
def bring(request: HttpRequest, persona_id: uuid.UUID) -> HttpResponse:
    """Reads a questionnaire's file and says what bringing it in would do."""
    persona = persona_or_404(request, persona_id)
    upload = request.FILES.get("file")
    context = {"room": "write", "persona": persona, "filename": upload.name if upload else ""}
    try:
        if upload is None:
            raise Refused(_("Choose a file first."))
        data = upload.read(MAX_BYTES + 1)
        context["report"] = questionnaire_bring(persona=persona, data=data, dry_run=True)
    except (ImportFailure, Refused) as failure:
        context |= {"choices": questionnaires_get(persona=persona), "bring_fault": _explain(failure)}
        status = getattr(failure, "status", 400)
        return render(request, "questionnaires/questionnaires.html", context, status=status)
    context["upload_id"] = upload_keep(owner_id=persona.owner_id, data=data, filename=str(upload.name))
    return render(request, "questionnaires/questionnaire_bring.html", context)


@require_POST
def bring_confirm(request: HttpRequest, persona_id: uuid.UUID, upload_id: uuid.UUID) -> HttpResponse:
    """Does what the report said, all or nothing."""
    persona = persona_or_404(request, persona_id)
    kept = upload_take(owner_id=persona.owner_id, upload_id=upload_id)
    if kept is None:
        messages.warning(request, _("The file was kept for a day and is gone. Choose it again."))
        return redirect("questionnaires", persona.pk)
    try:
        report = questionnaire_bring(persona=persona, data=kept[0])
    except (ImportFailure, Refused) as failure:
        messages.error(request, _explain(failure))
        return redirect("questionnaires", persona.pk)
    upload_drop(owner_id=persona.owner_id, upload_id=upload_id)
    count = len(report.known) + len(report.new)
    text = ngettext("“%(title)s” is yours, with %(n)d question.", "“%(title)s” is yours, with %(n)d questions.", count)
    messages.success(request, text % {"title": report.title, "n": count})
    assert report.questionnaire is not None  # noqa: S101, brought in above
    return redirect("questionnaire", persona.pk, report.questionnaire.pk)


def _explain(failure: ImportFailure | Refused) -> str:
    """The sentence in the visitor's language."""
    if isinstance(failure, Refused):
        return str(failure)
    sentence = _(failure.template).format(**failure.params)
    return _("line %(line)d: %(fault)s") % {"line": failure.line, "fault": sentence} if failure.line else sentence
