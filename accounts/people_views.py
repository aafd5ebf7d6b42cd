"""Pages for administrators: people and invitations. Nobody else finds them."""

import uuid
from collections.abc import Callable
from functools import wraps
from typing import Any

from django.conf import settings
from django.contrib import messages
from django.contrib.auth.models import User
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from accounts.adapter import INVITATION, Adapter
from accounts.audit import audit_record
from accounts.forms import QuotaForm
from accounts.invitations import LIFE, invitation_create, invitation_find, invitation_revoke, invitations_open
from accounts.people import name_of, people_list, person_change
from accounts.quota_tables import Quota
from accounts.quotas import default_limit, usage_of
from accounts.refusing import Refused
from accounts.views import visitor

View = Callable[..., HttpResponse]


def staff_only(view: View) -> View:
    """Not found for anybody but an administrator."""

    @wraps(view)
    def guarded(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        if not visitor(request).is_staff:
            raise Http404
        return view(request, *args, **kwargs)

    return guarded


@never_cache
@require_GET
@staff_only
def people(request: HttpRequest) -> HttpResponse:
    """Who is here, and who is invited."""
    return render(request, "accounts/people.html", _context(request))


def _context(request: HttpRequest) -> dict[str, Any]:
    return {
        "people": people_list(),
        "invitations": invitations_open().select_related("invited_by"),
        "sign_up": settings.SIGN_UP,
        "days": LIFE.days,
    }


CHANGES = {
    "deactivate": {"is_active": False},
    "activate": {"is_active": True},
    "promote": {"is_staff": True},
    "demote": {"is_staff": False},
}


@require_POST
@staff_only
def person(request: HttpRequest, pk: int) -> HttpResponse:
    """Lets somebody in or out, or makes them an administrator or not."""
    found = get_object_or_404(User, pk=pk)
    change = CHANGES.get(request.POST.get("change", ""))
    if change is None:
        return HttpResponse(_("This can be done to nobody."), status=400, content_type="text/plain")
    try:
        person_change(person=found, by=visitor(request), **change)
    except Refused as refused:
        messages.error(request, str(refused))
    return redirect("people")


@never_cache
@require_http_methods(["GET", "POST"])
@staff_only
def limits(request: HttpRequest, pk: int) -> HttpResponse:
    """How much a person may use, beside what the installation gives and what they used."""
    found = get_object_or_404(User, pk=pk)
    form = QuotaForm(request.POST or None, instance=Quota.objects.filter(user=found).first() or Quota(user=found))
    if request.method == "POST" and form.is_valid():
        form.save()
        audit_record(action="limits-changed", actor=visitor(request), subject=found)
        messages.success(request, _("The limits are kept."))
        return redirect("people")
    rows = [(field, default_limit(field.name), usage_of(user=found, kind=field.name)) for field in form]
    context = {"form": form, "rows": rows, "name": name_of(found)}
    return render(request, "accounts/limits.html", context, status=400 if form.is_bound else 200)


@never_cache
@require_POST
@staff_only
def invite(request: HttpRequest) -> HttpResponse:
    """Makes an invitation and shows its link, once."""
    try:
        if settings.SIGN_UP == "off":
            raise Refused(
                _("Invitations open nothing while SIGN_UP is off. Set it to invitation and start again."), 409
            )
        row, token = invitation_create(by=visitor(request), email=request.POST.get("email", ""))
    except Refused as refused:
        return render(request, "accounts/people.html", _context(request) | {"fault": refused}, status=refused.status)
    made = {"link": f"{_base(request)}/invitation/?token={token}", "row": row}
    return render(request, "accounts/people.html", _context(request) | {"made": made})


def _base(request: HttpRequest) -> str:
    return settings.PUBLIC_URL or f"{request.scheme}://{request.get_host()}"


@require_POST
@staff_only
def revoke(request: HttpRequest, invitation_id: uuid.UUID) -> HttpResponse:
    """The link opens nothing from now on."""
    if not invitation_revoke(pk=invitation_id, by=visitor(request)):
        raise Http404
    messages.success(request, _("The invitation was revoked."))
    return redirect("people")


@never_cache
@require_GET
def invitation(request: HttpRequest) -> HttpResponse:
    """Keeps the invitation for the form that follows. It is used up by the account alone, not by looking."""
    found = invitation_find(token=request.GET.get("token", ""))
    if found is None or settings.SIGN_UP == "off":
        fault = _("This invitation has been used, revoked or is too old. Ask for another one.")
        return render(request, "account/signup_closed.html", {"fault": fault}, status=404)
    request.session[INVITATION] = str(found.pk)
    if found.email:
        Adapter(request).stash_verified_email(request, found.email)  # who invites vouches for the address
    return redirect("account_signup")


invitation.login_required = False  # type: ignore[attr-defined]
