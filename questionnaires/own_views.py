"""Pages of a persona's own questions and own questionnaires."""

import uuid
from typing import Any
from urllib.parse import urlencode

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import ngettext
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from questionnaires import own_questionnaires, own_questions, services
from questionnaires.models import Answer, Persona, Question, Questionnaire, Topic, localised
from questionnaires.services import Refused
from questionnaires.views import number, persona_or_404


def own_question_or_404(persona: Persona, slug: str) -> Question:
    """A question that the persona brought itself; those of the bank are nobody's to change."""
    return get_object_or_404(Question, persona=persona, slug=slug)


def questionnaire_or_404(persona: Persona, questionnaire_id: uuid.UUID) -> Questionnaire:
    """One of the persona's own questionnaires."""
    return get_object_or_404(Questionnaire, persona=persona, slug=str(questionnaire_id))


@require_GET
def own_questions_page(request: HttpRequest, persona_id: uuid.UUID) -> HttpResponse:
    """The persona's own questions, each to be worded anew or deleted."""
    persona = persona_or_404(request, persona_id)
    context = {"room": "write", "persona": persona, "own": own_questions.own_questions_get(persona=persona)}
    return render(request, "questionnaires/own_questions.html", context)


@require_http_methods(["GET", "POST"])
def question_edit(request: HttpRequest, persona_id: uuid.UUID, slug: str) -> HttpResponse:
    """Words an own question anew; its answer stays."""
    persona = persona_or_404(request, persona_id)
    asked = own_question_or_404(persona, slug)
    text, fault, status = asked.in_language(persona.language)["text"], "", 200
    if request.method == "POST":
        text = request.POST.get("text", "")
        try:
            own_questions.own_question_edit(persona=persona, question=asked, text=text)
            messages.success(request, _("The question is worded anew. Its answer stays as it is."))
            return redirect("question", persona.pk, asked.slug)
        except Refused as refused:
            fault, status = str(refused), refused.status
    context = {"room": "write", "persona": persona, "question": asked, "text": text, "fault": fault}
    return render(request, "questionnaires/question_edit.html", context, status=status)


@require_http_methods(["GET", "POST"])
def question_delete(request: HttpRequest, persona_id: uuid.UUID, slug: str) -> HttpResponse:
    """Shows what goes with an own question, then deletes it."""
    persona = persona_or_404(request, persona_id)
    asked = own_question_or_404(persona, slug)
    if request.method == "POST":
        try:
            own_questions.own_question_delete(persona=persona, question=asked)
            messages.success(request, _("The question was deleted."))
        except Refused as refused:
            messages.error(request, str(refused))
        return redirect("own_questions", persona.pk)
    answer = Answer.objects.filter(persona=persona, question=asked).first()
    context = {"room": "write", "persona": persona, "question": asked, "answer": answer}
    return render(request, "questionnaires/question_delete.html", context)


@require_http_methods(["GET", "POST"])
def questionnaire_new(request: HttpRequest, persona_id: uuid.UUID) -> HttpResponse:
    """A new own questionnaire, empty or a copy."""
    persona = persona_or_404(request, persona_id)
    entered = {name: request.POST.get(name, "") for name in ("title", "purpose", "copy_of")}
    fault, status = "", 200
    if request.method == "POST":
        try:
            made = own_questionnaires.questionnaire_create(persona=persona, **entered)
            return redirect("questionnaire", persona.pk, made.pk)
        except Refused as refused:
            fault, status = str(refused), refused.status
    entered["copy_of"] = entered["copy_of"] or request.GET.get("copy_of", "")
    choices = services.questionnaires_get(persona=persona)
    context = {"room": "write", "persona": persona, "fault": fault, "choices": choices, **entered}
    return render(request, "questionnaires/questionnaire_new.html", context, status=status)


@require_http_methods(["GET", "POST"])
def questionnaire(request: HttpRequest, persona_id: uuid.UUID, questionnaire_id: uuid.UUID) -> HttpResponse:
    """The questions of an own questionnaire in order, and the pool to choose more from. POST names it anew."""
    persona = persona_or_404(request, persona_id)
    chosen = questionnaire_or_404(persona, questionnaire_id)
    if request.method == "POST":
        title, purpose = request.POST.get("title", ""), request.POST.get("purpose", "")
        try:
            own_questionnaires.questionnaire_rename(questionnaire=chosen, title=title, purpose=purpose)
            messages.success(request, _("Saved."))
            return redirect("questionnaire", persona.pk, chosen.pk)
        except Refused as refused:
            entered = {"title": title, "purpose": purpose, "fault": str(refused)}
            context = questionnaire_context(request, persona, chosen) | entered
            return render(request, "questionnaires/questionnaire.html", context, status=refused.status)
    return render(request, "questionnaires/questionnaire.html", questionnaire_context(request, persona, chosen))


def questionnaire_context(request: HttpRequest, persona: Persona, chosen: Questionnaire) -> dict[str, Any]:
    """What the page of an own questionnaire shows. `find` in the address narrows the pool."""
    items = [item.question for item in chosen.items.select_related("question__topic")]
    find = " ".join(request.GET.get("find", "").split())[:200]
    return {
        "room": "write",
        "persona": persona,
        "questionnaire": chosen,
        "title": localised(chosen.title),
        "purpose": chosen.line,
        "items": items,
        "find": find,
        "pool": _pool(persona, {question.pk for question in items}, find.casefold().split()),
        "moved": request.GET.get("moved", ""),
        "way": request.GET.get("way", ""),
        "out": own_questionnaires.pool_get(persona=persona).filter(slug=request.GET.get("out", "")).first(),
        "place": request.GET.get("place", ""),
    }


def _pool(persona: Persona, taken: set[int], words: list[str]) -> list[tuple[str, list[Question]]]:
    """Titles of topics with the questions that are not in the questionnaire and hold all of the words."""
    topics: dict[Topic | None, list[Question]] = {}
    for question in own_questionnaires.pool_get(persona=persona):
        if question.pk not in taken and all(word in question.text.casefold() for word in words):
            topics.setdefault(question.topic, []).append(question)
    return [
        (localised(topic.title) if topic else _("Your own questions"), questions) for topic, questions in topics.items()
    ]


WAYS = {"up": -1, "down": 1}


@require_POST
def questionnaire_order(request: HttpRequest, persona_id: uuid.UUID, questionnaire_id: uuid.UUID) -> HttpResponse:
    """Moves the question `slug` one place `up` or `down`, or takes it out (`way` is `out`)."""
    persona = persona_or_404(request, persona_id)
    chosen = questionnaire_or_404(persona, questionnaire_id)
    way, _space, slug = request.POST.get("move", "").partition(" ")
    back = {"way": way, "moved": slug} if way in WAYS else {}
    try:
        if way in WAYS:
            own_questionnaires.item_move(questionnaire=chosen, slug=slug, places=WAYS[way])
        elif way == "out":
            place = own_questionnaires.item_remove(questionnaire=chosen, slug=slug)
            back = {} if place is None else {"out": slug, "place": str(place)}
    except Refused as refused:
        messages.error(request, str(refused))
    # The page comes back with the focus on the same button, so that it can be pressed again, or on that of the undo.
    address = reverse("questionnaire", args=[persona.pk, chosen.pk])
    return redirect(f"{address}?{urlencode(back)}#{back.get('moved', 'order')}")


@require_POST
def questionnaire_add(request: HttpRequest, persona_id: uuid.UUID, questionnaire_id: uuid.UUID) -> HttpResponse:
    """Puts the ticked questions at the end, and a new own one if its text is given."""
    persona = persona_or_404(request, persona_id)
    chosen = questionnaire_or_404(persona, questionnaire_id)
    slugs = request.POST.getlist("question")
    try:
        if text := request.POST.get("text", "").strip():
            slugs.append(services.question_create(persona=persona, text=text).slug)
        place = number(request.POST["place"]) if "place" in request.POST else None
        added = own_questionnaires.items_add(questionnaire=chosen, slugs=slugs, place=place)
        text = ngettext("%(n)d question was added.", "%(n)d questions were added.", added) % {"n": added}
        messages.success(request, text)
    except Refused as refused:
        messages.error(request, str(refused))
    return redirect(reverse("questionnaire", args=[persona.pk, chosen.pk]) + "#order")


@require_http_methods(["GET", "POST"])
def questionnaire_delete(request: HttpRequest, persona_id: uuid.UUID, questionnaire_id: uuid.UUID) -> HttpResponse:
    """Asks, then deletes the selection; questions and answers stay."""
    persona = persona_or_404(request, persona_id)
    chosen = questionnaire_or_404(persona, questionnaire_id)
    if request.method == "POST":
        try:
            own_questionnaires.questionnaire_delete(questionnaire=chosen)
            messages.success(request, _("The questionnaire was deleted. Its questions and answers stay."))
        except Refused as refused:
            messages.error(request, str(refused))
        return redirect("questionnaires", persona.pk)
    context = {"room": "write", "persona": persona, "questionnaire": chosen}
    return render(request, "questionnaires/questionnaire_delete.html", context)
