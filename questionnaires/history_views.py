"""Pages around the writing: the history of an answer, the search, and which questionnaire is asked."""

import uuid

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET, require_http_methods

from questionnaires.history import answer_restore, history_get
from questionnaires.search import search
from questionnaires.services import Refused, questionnaire_choose, questionnaires_get
from questionnaires.views import persona_or_404, question_or_404


@require_http_methods(["GET", "POST"])
def history(request: HttpRequest, persona_id: uuid.UUID, slug: str) -> HttpResponse:
    """Every text that an answer had. POST brings one back."""
    persona = persona_or_404(request, persona_id)
    asked = question_or_404(persona, slug)
    if request.method == "POST":
        return _restore(request, persona_id, slug)
    context = {
        "room": "write",
        "persona": persona,
        "question": asked,
        "entries": history_get(persona=persona, question=asked),
        "operation": uuid.uuid4().hex,
    }
    return render(request, "questionnaires/history.html", context)


def _restore(request: HttpRequest, persona_id: uuid.UUID, slug: str) -> HttpResponse:
    persona = persona_or_404(request, persona_id)
    try:
        answer_restore(
            persona=persona,
            question=question_or_404(persona, slug),
            revision_id=uuid.UUID(request.POST.get("revision", "")),
            operation_id=request.POST.get("operation", ""),
        )
    except ValueError:
        messages.error(request, _("This earlier text is gone."))
        return redirect("history", persona.pk, slug)
    except Refused as refused:
        messages.error(request, str(refused))
        return redirect("history", persona.pk, slug)
    messages.success(request, _("The earlier text is your answer again. The one before it stays in the history."))
    return redirect("question", persona.pk, slug)


@require_GET
def find(request: HttpRequest, persona_id: uuid.UUID) -> HttpResponse:
    """Questions and answers that hold the words of `q`."""
    persona = persona_or_404(request, persona_id)
    text = " ".join(request.GET.get("q", "").split())[:200]
    context = {"room": "write", "persona": persona, "text": text, "results": search(persona=persona, text=text)}
    return render(request, "questionnaires/find.html", context)


@require_http_methods(["GET", "POST"])
def questionnaires(request: HttpRequest, persona_id: uuid.UUID) -> HttpResponse:
    """The questionnaires with how far each is. POST chooses one and goes to its first open question."""
    persona = persona_or_404(request, persona_id)
    fault, status = "", 200
    if request.method == "POST":
        try:
            questionnaire_choose(persona=persona, slug=request.POST.get("questionnaire", ""))
            return redirect("write", persona.pk)
        except Refused as refused:
            fault, status = str(refused), refused.status
    context = {"room": "write", "persona": persona, "choices": questionnaires_get(persona=persona), "fault": fault}
    return render(request, "questionnaires/questionnaires.html", context, status=status)
