"""A person's own account, and the way by which the owner of a computer gets one."""

from typing import Any

from allauth.account.models import EmailAddress
from allauth.mfa.models import Authenticator
from allauth.usersessions.models import UserSession
from django.conf import settings
from django.contrib import messages
from django.contrib.auth import update_session_auth_hash
from django.contrib.auth.models import User
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.debug import sensitive_post_parameters
from django.views.decorators.http import require_GET, require_http_methods

from accounts.claiming import account_claim, is_claimed
from accounts.people import name_of
from accounts.refusing import Refused


def visitor(request: HttpRequest) -> User:
    """Who is logged in; the middleware lets nobody else in."""
    if not isinstance(request.user, User):
        raise PermissionDenied
    return request.user


@never_cache
@require_GET
def account(request: HttpRequest) -> HttpResponse:
    """Everything about the visitor's account on one page."""
    return render(request, "accounts/account.html", _context(visitor(request)))


def _context(user: User) -> dict[str, Any]:
    kinds = list(Authenticator.objects.filter(user=user).values_list("type", flat=True))
    return {
        "name": name_of(user),
        "address": EmailAddress.objects.filter(user=user, primary=True).first(),
        "is_claimed": is_claimed(user=user),
        "passkeys": kinds.count(Authenticator.Type.WEBAUTHN),
        "has_app": Authenticator.Type.TOTP in kinds,
        "has_codes": Authenticator.Type.RECOVERY_CODES in kinds,
        "sessions": UserSession.objects.filter(user=user).count(),
        "sign_up": settings.SIGN_UP,
    }


@sensitive_post_parameters("password")
@never_cache
@require_http_methods(["GET", "POST"])
def claim(request: HttpRequest) -> HttpResponse:
    """The owner chooses an e-mail address and a password."""
    user, fault = visitor(request), None
    if request.method == "POST":
        try:
            user = account_claim(
                user=user, email=request.POST.get("email", ""), password=request.POST.get("password", "")
            )
            update_session_auth_hash(request, user)  # this browser stays inside; others must come again
            messages.success(request, _("You can log in with your e-mail address and password from now on."))
            return redirect("account")
        except Refused as refused:
            fault = refused
    elif is_claimed(user=user):
        return redirect("account")
    context = {"fault": fault, "email": request.POST.get("email", "")}
    return render(request, "accounts/claim.html", context, status=fault.status if fault else 200)
