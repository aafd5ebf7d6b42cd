"""Pages of the persona shelf and of the writing room."""

import uuid
from typing import Any

from django.conf import settings
from django.contrib import messages
from django.contrib.auth.models import User
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils import timezone
from django.utils.http import url_has_allowed_host_and_scheme
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from accounts.audit import audit_record
from questionnaires import demo, services, writing
from questionnaires.models import Answer, Persona, Question, WeeklyQuestion
from questionnaires.next_best import question_best
from questionnaires.services import Progress, Refused, SaveResult
from questionnaires.weekly import weekly_get, weekly_put_off, weekly_switch


def visitor(request: HttpRequest) -> User:
    """Who is logged in; the middleware lets nobody else in."""
    if not isinstance(request.user, User):
        raise PermissionDenied
    return request.user


def persona_or_404(request: HttpRequest, persona_id: uuid.UUID) -> Persona:
    """The visitor's persona; anybody else's is not found."""
    persona: Persona = get_object_or_404(Persona.objects.for_owner(request.user), pk=persona_id)
    return persona


def question_or_404(persona: Persona, slug: str) -> Question:
    """A question of the bank or one of the persona's own."""
    questions = Question.objects.filter(persona=None) | Question.objects.filter(persona=persona)
    return get_object_or_404(questions.select_related("topic"), slug=slug)


@require_GET
def home(request: HttpRequest) -> HttpResponse:
    """To the person's own book; to the shelf where there is none yet, or more than one."""
    own = Persona.objects.for_owner(request.user).filter(is_demo=False, made_from="")[:2]
    return redirect("write", own[0].pk) if len(own) == 1 else redirect("personas")


@require_http_methods(["GET", "POST"])
def personas(request: HttpRequest) -> HttpResponse:
    """The shelf: all personas, and a form for a new one."""
    fault = ""
    if request.method == "POST":
        try:
            persona = services.persona_create(
                owner=visitor(request),
                name=request.POST.get("name", ""),
                language=request.POST.get("language", "en"),
                has_agreed=_has_agreed(request),
            )
            return redirect("write", persona.pk)
        except Refused as refused:
            fault = str(refused)
    shelf = [_shelf_entry(persona) for persona in Persona.objects.for_owner(request.user)]
    context = {"shelf": shelf, "fault": fault, "has_demo": any(entry["persona"].is_demo for entry in shelf)}
    context["asks_agreement"] = settings.SIGN_UP != "off"
    return render(request, "questionnaires/personas.html", context, status=400 if fault else 200)


def _has_agreed(request: HttpRequest) -> bool:
    """Whether the form says that the person it is about agreed. On one's own computer the button says it."""
    has_agreed = request.POST.get("agreed") == "yes"
    if not has_agreed and settings.SIGN_UP != "off":
        raise Refused(_("Say first that the portrait is about you, or that the person whom it is about has agreed."))
    return has_agreed


@require_POST
def persona_agree(request: HttpRequest, persona_id: uuid.UUID) -> HttpResponse:
    """Keeps that whom the portrait is about agreed."""
    services.persona_agree(persona=persona_or_404(request, persona_id))
    return redirect("personas")


def _shelf_entry(persona: Persona) -> dict[str, Any]:
    return {
        "persona": persona,
        "answered": persona.answers.filter(state=Answer.State.ANSWERED).count(),
        "weekly": weekly_get(persona=persona, today=timezone.localdate()),
        "weekly_is_off": WeeklyQuestion.objects.filter(persona=persona, is_off=True).exists(),
    }


@require_POST
def demo_restore(request: HttpRequest) -> HttpResponse:
    """Puts the demo persona back on the shelf."""
    demo.demo_create(owner=visitor(request))
    return redirect("personas")


@require_http_methods(["GET", "POST"])
def persona_delete(request: HttpRequest, persona_id: uuid.UUID) -> HttpResponse:
    """Asks before a person's own book is deleted; the demo goes at one click."""
    persona = persona_or_404(request, persona_id)
    if request.method == "POST" and (persona.is_demo or request.POST.get("name", "").strip() == persona.name):
        try:
            services.persona_delete(persona=persona)
            audit_record(action="persona-erased", actor=request.user, target=f"persona:{persona_id}")
        except services.Refused as refused:
            messages.error(request, str(refused))
            return redirect("personas")
        messages.success(request, _("%(name)s was deleted.") % {"name": persona.name})
        return redirect("personas")
    context = {"persona": persona, "wrong_name": request.method == "POST"}
    return render(request, "questionnaires/persona_delete.html", context)


@require_GET
def write(request: HttpRequest, persona_id: uuid.UUID) -> HttpResponse:
    """To the question where the person left."""
    persona = persona_or_404(request, persona_id)
    question = services.question_next(persona=persona, progress=services.progress_get(persona=persona))
    if question is None and persona.questionnaire_id:
        messages.warning(request, _("The questionnaire that you chose has no questions any more. Choose another."))
        return redirect("questionnaires", persona.pk)
    if question is None:
        return render(request, "questionnaires/no_questions.html", {"room": "write"}, status=503)
    return redirect("question", persona.pk, question.slug)


@require_http_methods(["GET", "POST"])
def question(request: HttpRequest, persona_id: uuid.UUID, slug: str) -> HttpResponse:
    """One question a screen. POST is the plain form: it saves, then moves on."""
    persona = persona_or_404(request, persona_id)
    asked = question_or_404(persona, slug)
    if request.method == "POST":
        return _question_post(request, persona, asked)
    if not persona.is_demo and persona.current_question_id != asked.pk:
        persona.current_question = asked
        persona.save(update_fields=["current_question"])
    return render(request, "questionnaires/question.html", _question_page(request, persona, asked))


def _question_page(request: HttpRequest, persona: Persona, asked: Question) -> dict[str, Any]:
    """The context of the screen. Focus mode is remembered in a cookie, so that the page comes without a jump."""
    return question_context(persona, asked) | {"focus": request.COOKIES.get("focus") == "1"}


MARKS = {"skip": Answer.State.SKIPPED, "later": Answer.State.LATER, "refuse": Answer.State.REFUSED}


STAYING = {"stay", "follow"}


def _question_post(request: HttpRequest, persona: Persona, asked: Question) -> HttpResponse:
    action = request.POST.get("action", "next")
    text, follow = _posted(request, "text"), _posted(request, "follow_text").strip()
    entered = {"text": text, "follow_text": follow}
    try:
        result = _answer_store(request, persona, asked, text, follow)
    except Refused as refused:
        context = _question_page(request, persona, asked) | entered | {"fault": str(refused)}
        return render(request, "questionnaires/question.html", context, status=refused.status)
    if result.outcome == "conflict":
        context = _question_page(request, persona, asked) | entered | {"conflict": result, "text": result.joined}
        return render(request, "questionnaires/question.html", context, status=409)
    progress = services.progress_get(persona=persona)
    target = _neighbour(progress, asked, -1 if action == "previous" else 1)
    return redirect("question", persona.pk, (asked if action in STAYING else target or asked).slug)


def _posted(request: HttpRequest, name: str) -> str:
    return request.POST.get(name, "").replace("\r\n", "\n")  # browsers send forms with CRLF


def _answer_store(request: HttpRequest, persona: Persona, asked: Question, text: str, follow: str) -> SaveResult:
    """Saves the text, then what was answered to the follow-up question as a paragraph after it."""
    operation = request.POST.get("operation") or uuid.uuid4().hex
    state = MARKS.get(request.POST.get("action", ""), "")
    base = number(request.POST.get("revision"))
    saved = services.answer_save(
        persona=persona, question=asked, text=text, base_revision=base, operation_id=operation, state=state
    )
    if not follow or saved.outcome == "conflict":
        return saved
    return services.answer_save(
        persona=persona,
        question=asked,
        text=f"{text.rstrip()}\n\n{follow}".lstrip(),
        base_revision=saved.revision,
        operation_id=f"{operation[:56]}-follow",
        state=state,
        source="follow-up",
    )


def number(text: str | None) -> int:
    """The whole number in a form's field, or 0."""
    return int(text) if text and text.isdecimal() and len(text) < 10 else 0


def _neighbour(progress: Progress, asked: Question, distance: int) -> Question | None:
    places = [entry.pk for entry in progress.order]
    place = places.index(asked.pk) + distance if asked.pk in places else 0
    return progress.order[place] if 0 <= place < len(places) else None


def question_context(persona: Persona, asked: Question) -> dict[str, Any]:
    """What the writing screen shows for one question."""
    progress = services.progress_get(persona=persona)
    answer = Answer.objects.filter(persona=persona, question=asked).first()
    topic = next((t for t in progress.topics if any(q.pk == asked.pk for q, _state in t.questions)), None)
    place = next((n for n, (q, _state) in enumerate(topic.questions, 1) if q.pk == asked.pk), 0) if topic else 0
    return {
        "room": "write",
        "persona": persona,
        "question": asked,
        "answer": answer,
        "text": answer.text if answer else "",
        "revision": answer.revision if answer else 0,
        "state": answer.state if answer else Answer.State.OPEN,
        "progress": progress,
        "topic": topic,
        "place": place,
        "previous": _neighbour(progress, asked, -1),
        "next": _neighbour(progress, asked, 1),
        "operation": uuid.uuid4().hex,
        "best": None if persona.is_demo else question_best(persona=persona, progress=progress, but=asked),
        **writing.outline_context(persona=persona, progress=progress, topic=topic),
        **writing.short_answer_context(answer=answer),
    }


@require_POST
def weekly(request: HttpRequest, persona_id: uuid.UUID) -> HttpResponse:
    """Puts the question of the week off (`later`), switches it `off`, or `on` again."""
    persona = persona_or_404(request, persona_id)
    action, today = request.POST.get("action", ""), timezone.localdate()
    if not persona.is_demo and action == "later":
        weekly_put_off(persona=persona, today=today)
    elif not persona.is_demo and action in {"on", "off"}:
        weekly_switch(persona=persona, today=today, on=action == "on")
    back = request.POST.get("next", "")
    return redirect(back if url_has_allowed_host_and_scheme(back, allowed_hosts=None) else "personas")


@require_http_methods(["GET", "POST"])
def question_new(request: HttpRequest, persona_id: uuid.UUID) -> HttpResponse:
    """An own question."""
    persona = persona_or_404(request, persona_id)
    text, fault = request.POST.get("text", request.GET.get("text", "")), ""
    if request.method == "POST":
        try:
            asked = services.question_create(persona=persona, text=text)
            return redirect("question", persona.pk, asked.slug)
        except Refused as refused:
            fault = str(refused)
    context = {"room": "write", "persona": persona, "text": text, "fault": fault}
    return render(request, "questionnaires/question_new.html", context, status=400 if fault else 200)
