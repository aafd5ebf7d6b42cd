"""Pages on which the person answers the items: what it is for, one item a screen, and the same ones again."""

import uuid
from typing import Any

from django.http import HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import redirect, render
from django.template.loader import render_to_string
from django.urls import reverse
from django.utils.http import urlencode
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_GET, require_http_methods

from fidelity import answering
from fidelity.answering import KINDS, RETEST, Key, Sitting
from fidelity.cards import card_of, key_of
from fidelity.report_page import ceiling_refresh
from questionnaires.services import Refused
from questionnaires.views import persona_or_404


@never_cache
@require_GET
def items(request: HttpRequest, persona_id: uuid.UUID) -> HttpResponse:
    """What the items are for, which ones to answer, and how far one is."""
    persona = persona_or_404(request, persona_id)
    context = {
        "room": "likeness",
        "persona": persona,
        "sitting": answering.sitting_get(persona=persona),
        "kinds": [(kind, answering.sitting_get(persona=persona, kinds=[kind])) for kind in KINDS],
        "retest": answering.retest_get(persona=persona),
    }
    return render(request, "fidelity/items.html", context)


@never_cache
@require_http_methods(["GET", "POST"])
def items_answer(request: HttpRequest, persona_id: uuid.UUID) -> HttpResponse:
    """One item a screen. `of` names the kinds to be asked, `item` one item to look at again, `after` one to pass."""
    persona = persona_or_404(request, persona_id)
    kinds = [kind for kind in request.GET.getlist("of") if kind in KINDS] or list(KINDS)
    return _sitting(request, answering.sitting_get(persona=persona, kinds=kinds))


@never_cache
@require_http_methods(["GET", "POST"])
def items_again(request: HttpRequest, persona_id: uuid.UUID) -> HttpResponse:
    """The second asking, two weeks later. The first answers are not shown."""
    persona = persona_or_404(request, persona_id)
    sitting = answering.retest_get(persona=persona).sitting
    return _sitting(request, sitting) if sitting.total else redirect("likeness_items", persona.pk)


def _sitting(request: HttpRequest, sitting: Sitting) -> HttpResponse:
    """Shows the item that is next, or saves an answer and goes on. A script gets the card alone, as JSON."""
    if request.method == "GET":
        named = key_of(request.GET.get("item", ""))
        key = named if named in sitting.order else sitting.next_open(key_of(request.GET.get("after", "")))
        return _card(request, sitting, key)
    key = key_of(request.POST.get("item", ""))
    try:
        _save(request, sitting, key)
    except Refused as refused:
        return _card(request, sitting, key if key in sitting.order else sitting.next_open(), refused)
    saved = Sitting(sitting.persona, sitting.round, sitting.order, {**sitting.values, key: _number(request)})
    if saved.round == RETEST and saved.done == saved.total:
        ceiling_refresh(persona=saved.persona)
    if _wants_json(request):
        return _card(request, saved, saved.next_open(key))
    return redirect(_address(request, sitting, {"after": ":".join(key)}))


def _save(request: HttpRequest, sitting: Sitting, key: Key) -> None:
    if key not in sitting.order:
        raise Refused(_("This item is not asked here. Go on with the one below."))
    answering.item_answer_save(
        persona=sitting.persona,
        kind=key[0],
        item=key[1],
        value=_number(request),
        round=sitting.round,
        seconds=_seconds(request.POST.get("seconds", "")),
    )


def _number(request: HttpRequest) -> int:
    """The answer that was sent; -1, which no item has, for what is no number."""
    text = request.POST.get("value", "")
    return int(text) if text.isascii() and text.isdecimal() and len(text) < 3 else -1


def _seconds(text: str) -> float:
    whole, _point, part = text.partition(".")
    is_number = whole.isascii() and whole.isdecimal() and len(whole) < 9 and (not part or part.isdecimal())
    return float(f"{whole}.{part[:3] or 0}") if is_number else 0.0


def _card(request: HttpRequest, sitting: Sitting, key: Key | None, fault: Refused | None = None) -> HttpResponse:
    context = _context(request, sitting, key) | {"fault": str(fault) if fault else ""}
    status = fault.status if fault else 200
    if not _wants_json(request):
        return render(request, "fidelity/answer.html", context, status=status)
    html = render_to_string("fidelity/answer.html#card", context, request).strip()
    return JsonResponse({"card": html, "done": sitting.done, "fault": context["fault"]}, status=status)


def _context(request: HttpRequest, sitting: Sitting, key: Key | None) -> dict[str, Any]:
    back = sitting.before(key)
    return {
        "room": "likeness",
        "persona": sitting.persona,
        "sitting": sitting,
        "is_retest": sitting.round == RETEST,
        "card": card_of(sitting, key) if key else None,
        "here": _address(request, sitting),
        "back": _address(request, sitting, {"item": ":".join(back)}) if back else "",
        "pass": _address(request, sitting, {"after": ":".join(key)}) if key else "",
    }


def _address(request: HttpRequest, sitting: Sitting, more: dict[str, str] | None = None) -> str:
    name = "likeness_again" if sitting.round == RETEST else "likeness_answer"
    query = [("of", kind) for kind in request.GET.getlist("of") if kind in KINDS] + list((more or {}).items())
    return reverse(name, args=(sitting.persona.pk,)) + (f"?{urlencode(query)}" if query else "")


def _wants_json(request: HttpRequest) -> bool:
    return request.headers.get("Accept", "") == "application/json"
