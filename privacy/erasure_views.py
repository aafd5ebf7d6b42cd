"""Deleting everything, or one portrait: the plan, the word, and the receipt."""

from __future__ import annotations

import uuid
from typing import Any

from allauth.account.decorators import reauthentication_required
from django.contrib.auth import logout
from django.contrib.auth.models import User
from django.http import Http404, HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_GET, require_http_methods

from accounts.claiming import is_claimed
from privacy import tasks
from privacy.erasures import erasure_ask, erasure_find, erasure_plan, stays_open
from privacy.models import Erasure
from privacy.receipts import receipt_text
from questionnaires.models import Persona
from questionnaires.services import Refused
from questionnaires.views import persona_or_404, visitor


def _has_password(request: HttpRequest) -> bool:
    return isinstance(request.user, User) and is_claimed(user=request.user)


@never_cache
@reauthentication_required(enabled=_has_password)  # type: ignore[untyped-decorator]
@require_http_methods(["GET", "POST"])
def erase(request: HttpRequest) -> HttpResponse:
    """Everything of the visitor. Whoever has a password enters it first."""
    owner = visitor(request)
    word = _("delete everything") if stays_open(owner) else owner.get_username()
    return _erase(request, owner, None, word)


@never_cache
@require_http_methods(["GET", "POST"])
def erase_persona(request: HttpRequest, persona_id: uuid.UUID) -> HttpResponse:
    """One portrait."""
    persona = persona_or_404(request, persona_id)
    return _erase(request, visitor(request), persona, persona.name)


def _erase(request: HttpRequest, owner: User, persona: Persona | None, word: str) -> HttpResponse:
    context: dict[str, Any] = {"persona": persona, "word": word, "stays_open": stays_open(owner)}
    if request.method == "POST" and request.POST.get("name", "").strip() == word:
        try:
            erasure, token = erasure_ask(owner=owner, persona=persona)
        except Refused as refused:
            context |= {"plan": erasure_plan(owner=owner, persona=persona), "fault": str(refused)}
            return render(request, "privacy/erase.html", context, status=refused.status)
        tasks.enqueue(erasure)
        if not persona and not erasure.stays_open:
            logout(request)
        return redirect("receipt", token)
    context["plan"] = erasure_plan(owner=owner, persona=persona)
    if request.method == "POST":
        context["fault"] = _("That is not what you were asked to type. Nothing was deleted.")
    return render(request, "privacy/erase.html", context, status=400 if request.method == "POST" else 200)


def _erasure_or_404(token: str) -> Erasure:
    found = erasure_find(token=token)
    if found is None:
        raise Http404
    return found


@never_cache
@require_GET
def receipt(request: HttpRequest, token: str) -> HttpResponse:
    """How far it is, and then the receipt: for whoever has the link, also when the account is gone."""
    erasure = _erasure_or_404(token)
    is_done = erasure.state == Erasure.State.DONE
    text = receipt_text(erasure.receipt) if is_done else ""
    context = {"erasure": erasure, "token": token, "text": text, "is_done": is_done}
    return render(request, "privacy/receipt.html", context)


@never_cache
@require_GET
def receipt_file(request: HttpRequest, token: str, form: str) -> HttpResponse:
    """The receipt as `json` or `txt`."""
    erasure = _erasure_or_404(token)
    if erasure.state != Erasure.State.DONE or form not in {"json", "txt"}:
        raise Http404
    if form == "json":
        response: HttpResponse = JsonResponse(erasure.receipt, json_dumps_params={"indent": 1, "ensure_ascii": False})
    else:
        text = receipt_text(erasure.receipt)
        response = HttpResponse(text, content_type="text/plain; charset=utf-8")
    response["Content-Disposition"] = f'attachment; filename="receipt-{erasure.created_at:%Y-%m-%d}.{form}"'
    return response


receipt.login_required = False  # type: ignore[attr-defined]  # the link's token is the key
receipt_file.login_required = False  # type: ignore[attr-defined]
