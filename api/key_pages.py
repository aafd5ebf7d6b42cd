"""The page "For programs": keys are made and revoked there, and it shows the two lines that a program changes."""

import uuid
from dataclasses import dataclass
from typing import Any

from django.conf import settings
from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods, require_POST

from accounts.audit import audit_record
from api.models import ApiToken
from api.openai.model_names import chat_base
from api.tokens import SCOPES, token_create, token_revoke, tokens_usable
from questionnaires.services import Refused
from questionnaires.views import visitor

DAYS = ("30", "90", "365", "")  # "": no end
PLACE_OF_KEY = "YOUR_KEY"


@dataclass(frozen=True)
class Scope:
    """A thing that a key may do, as the form offers it."""

    name: str
    label: str
    is_chosen: bool


@never_cache
@require_http_methods(["GET", "POST"])
def programs(request: HttpRequest) -> HttpResponse:
    """The keys. A new one is shown by the answer that made it, and never again."""
    if request.method == "GET":
        return _page(request)
    owner, days = visitor(request), request.POST.get("days", "")
    try:
        token, secret = token_create(
            owner=owner,
            name=request.POST.get("name", ""),
            scopes=request.POST.getlist("scopes"),
            days=int(days) if days in DAYS and days else None,
        )
    except Refused as refused:
        return _page(request, fault=str(refused), status=refused.status)
    audit_record(action="token-made", actor=owner, target=f"token:{token.pk}")
    return _page(request, made=token, secret=secret)


@require_POST
def key_revoke(request: HttpRequest, token_id: uuid.UUID) -> HttpResponse:
    token: ApiToken = get_object_or_404(ApiToken.objects.for_owner(request.user), pk=token_id)
    token_revoke(token=token)
    audit_record(action="token-revoked", actor=visitor(request), target=f"token:{token.pk}")
    messages.success(request, _("“%(name)s” opens nothing any more.") % {"name": token.name})
    return redirect("programs")


def _page(
    request: HttpRequest, *, fault: str = "", made: ApiToken | None = None, secret: str = "", status: int = 200
) -> HttpResponse:
    again = request.POST if fault else {}
    chosen = set(request.POST.getlist("scopes")) if fault else set(SCOPES)
    context: dict[str, Any] = {
        "keys": tokens_usable(owner=visitor(request)),
        "labels": scope_labels(),
        "scopes": [Scope(name, label, name in chosen) for name, label in scope_labels().items()],
        "name": again.get("name", ""),
        "days": again.get("days", "90"),
        "days_offered": DAYS,
        "fault": fault,
        "made": made,
        "secret": secret,
        "key": secret or PLACE_OF_KEY,
        "address": f"{site_address(request)}/v1",
        "model": chat_base(),
    }
    return render(request, "api/programs.html", context, status=status)


def site_address(request: HttpRequest) -> str:
    """Where programs find this installation, without a slash at the end."""
    return str(settings.PUBLIC_URL) or request.build_absolute_uri("/").rstrip("/")


def scope_labels() -> dict[str, str]:
    """What a key may do, in words, by scope."""
    return {
        "read": _("Look (read): see files, trainings, models and, by the REST API, your answers"),
        "write": _("Write (write): save answers and make portraits by the REST API"),
        "train": _("Train (train): upload files, start, pause and cancel trainings, delete files and models"),
        "chat": _("Talk (chat): ask your models and portraits"),
    }
