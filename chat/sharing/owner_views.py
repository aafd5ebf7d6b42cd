"""The owner's page: with whom a persona is shared, on which terms, and how much it is used."""

from __future__ import annotations

import uuid

from django.conf import settings
from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods, require_POST

from accounts.audit import audit_record
from chat.models import PersonaShare
from chat.pages import persona_or_404
from chat.services import version_choose, version_current, versions_offered
from chat.sharing import shares
from chat.sharing.addresses import can_name_people
from questionnaires.models import Persona
from questionnaires.services import Refused

ALL_TOPICS, CURRENT = "all", "current"


@never_cache
@require_http_methods(["GET", "POST"])
def sharing(request: HttpRequest, persona_id: uuid.UUID) -> HttpResponse:
    """The shares, and a form for one; POST shows the new address, a link's this one time."""
    persona = persona_or_404(request, persona_id)
    if request.method == "GET":
        return _page(request, persona)
    try:
        share, token = shares.share_create(persona=persona, terms=_terms(request, persona))
    except Refused as refused:
        return _page(request, persona, fault=refused)
    audit_record(action="share-made", actor=request.user, target=f"share:{share.pk}")
    return _page(request, persona, made=share, address=_address(request, token))


def _terms(request: HttpRequest, persona: Persona) -> shares.Terms:
    form = request.POST
    version = form.get("version", CURRENT)
    return shares.Terms(
        kind=form.get("kind", ""),
        label=form.get("label", ""),
        manner=form.get("manner", ""),
        topics=None if form.get("which") == ALL_TOPICS else form.getlist("topic"),
        may_quote="quote" in form,
        version=None if version == CURRENT else version_choose(persona=persona, name=version),
        days=_number(form.get("days", "")),
        daily_messages=_number(form.get("daily", "")),
        emails=tuple(form.get("emails", "").splitlines()),
    )


def _number(text: str) -> int:
    """-1, which no field takes, for anything but a short whole number."""
    text = text.strip()
    return int(text) if text.isascii() and text.isdecimal() and len(text) < 7 else -1


def _address(request: HttpRequest, token: str) -> str:
    path = reverse("shared", args=[token])
    return f"{settings.PUBLIC_URL}{path}" if settings.PUBLIC_URL else request.build_absolute_uri(path)


def _page(
    request: HttpRequest,
    persona: Persona,
    *,
    fault: Refused | None = None,
    made: PersonaShare | None = None,
    address: str = "",
) -> HttpResponse:
    context = {
        "room": "chat",
        "persona": persona,
        "shares": shares.shares_get(persona=persona),
        "topics": shares.topics_offered(persona=persona),
        "versions": versions_offered(persona=persona),
        "current": version_current(persona=persona),
        "lives": shares.LIVES,
        "can_name_people": can_name_people(),
        "is_reachable": bool(settings.PUBLIC_URL) or can_name_people(),
        "made": made,
        "address": address,
        "fault": str(fault) if fault else "",
        "typed": request.POST if fault else {"days": "30", "daily": "100", "which": ALL_TOPICS},
        "chosen": request.POST.getlist("topic"),
    }
    return render(request, "chat/sharing.html", context, status=fault.status if fault else 200)


@require_POST
def share_revoke(request: HttpRequest, persona_id: uuid.UUID, share_id: uuid.UUID) -> HttpResponse:
    """Ends it at once; again, it stays ended."""
    persona = persona_or_404(request, persona_id)
    share = get_object_or_404(PersonaShare.objects.for_owner(request.user), pk=share_id, persona=persona)
    if share.revoked_at is None and not share.is_expired:
        shares.share_revoke(share=share)
        audit_record(action="share-revoked", actor=request.user, target=f"share:{share.pk}")
        messages.success(request, _("The sharing is ended: nobody comes in any more, and what was said is deleted."))
    return redirect("sharing", persona.pk)


@require_POST
def share_delete(request: HttpRequest, persona_id: uuid.UUID, share_id: uuid.UUID) -> HttpResponse:
    """Takes a share that is over off the list, with its counts."""
    persona = persona_or_404(request, persona_id)
    share = get_object_or_404(PersonaShare.objects.for_owner(request.user), pk=share_id, persona=persona)
    shares.share_revoke(share=share)
    share.delete()
    audit_record(action="share-deleted", actor=request.user, target=f"share:{share_id}")
    return redirect("sharing", persona.pk)
