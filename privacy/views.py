"""What is kept of a person, for how long, and what was done with it."""

from __future__ import annotations

from typing import Any

from django.conf import settings
from django.contrib import messages
from django.core.paginator import Paginator
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_GET, require_POST

from accounts.audit import AuditEvent, events_about, events_by_others
from privacy.audit_words import act_in_words
from privacy.erasures import stays_open
from privacy.models import ArchiveJob
from privacy.retention import CHOICES, retention_get, retention_set
from questionnaires.services import Refused
from questionnaires.views import visitor

SHOWN = 50
ARCHIVES_SHOWN = 5


@never_cache
@require_GET
def privacy(request: HttpRequest) -> HttpResponse:
    """Everything about a person's own data on one page."""
    owner = visitor(request)
    return render(request, "privacy/privacy.html", privacy_context(owner))


def privacy_context(owner: Any) -> dict[str, Any]:
    jobs = list(ArchiveJob.objects.for_owner(owner)[:ARCHIVES_SHOWN])
    kept = retention_get(owner=owner).as_days()
    return {
        "ended": [job for job in jobs if not job.is_active],
        "active": next((job for job in jobs if job.is_active), None),
        "settings": [(name, title, hint, kept[name]) for name, title, hint in _retention_words()],
        "choices": CHOICES,
        "stays_open": stays_open(owner),
        "is_single": settings.SIGN_UP == "off",
    }


def _retention_words() -> list[tuple[str, str, str]]:
    return [
        ("conversations", _("Conversations"), _("Since the last word in them; with every branch.")),
        ("revisions", _("Earlier texts of answers"), _("The answer as it stands now always stays.")),
        (
            "frozen_rows",
            _("What a training learned from (frozen rows)"),
            _("The versions stay; what they learned from can no longer be compared."),
        ),
    ]


@require_POST
def retention(request: HttpRequest) -> HttpResponse:
    """How long things are kept."""
    try:
        retention_set(
            owner=visitor(request), days={name: request.POST.get(name, "") for name, *_w in _retention_words()}
        )
    except Refused as refused:
        messages.error(request, str(refused))
    else:
        messages.success(request, _("Noted. What is older goes within the next six hours."))
    return redirect("privacy")


@never_cache
@require_GET
def trail(request: HttpRequest) -> HttpResponse:
    """What was done with the visitor's account and data."""
    return _trail(request, events_about(subject=visitor(request)), "privacy/trail.html")


@never_cache
@require_GET
def people_trail(request: HttpRequest) -> HttpResponse:
    """What was done to people's accounts by somebody else; for whoever runs the site."""
    if not visitor(request).is_staff:
        raise Http404
    return _trail(request, events_by_others(), "privacy/people_trail.html")


def _trail(request: HttpRequest, events: Any, template: str) -> HttpResponse:
    page = Paginator(events, SHOWN).get_page(request.GET.get("page"))
    rows = [(event, act_in_words(event.action), _who(event), _target(event)) for event in page]
    return render(request, template, {"page": page, "rows": rows})


def _target(event: AuditEvent) -> str:
    """What it was done to, as in "archive 58b324b8": enough to tell two apart."""
    kind, _colon, key = event.target.partition(":")
    return f"{kind} {key[:8]}".strip()


def _who(event: AuditEvent) -> str:
    if event.actor is None:
        return _("nobody who was logged in")
    return _("yourself") if event.actor == event.subject else event.actor.get_username()
