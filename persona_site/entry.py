"""The way in: a link with a one-time token becomes a session of the owner, as Jupyter does it; and who is new is shown
around by the demo persona."""

import hashlib
import secrets
from datetime import timedelta

from allauth.account.signals import user_signed_up
from allauth.usersessions.signals import on_user_logged_in
from django.conf import settings
from django.contrib.auth import get_user_model, login
from django.contrib.auth.hashers import make_password
from django.contrib.auth.models import User
from django.dispatch import receiver
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_GET, require_http_methods

from persona_site.models import EntryToken
from questionnaires.demo import demo_create
from questionnaires.models import Question

TOKEN_LIFE = timedelta(hours=12)
OWNER = "owner"


def owner_get() -> User:
    """The person to whom this installation belongs; made without a password on first use.

    They run it where nobody else does.
    """
    owner, made = get_user_model().objects.get_or_create(
        username=OWNER, defaults={"is_active": True, "is_staff": True, "password": make_password(None)}
    )
    if made and Question.objects.exists():
        demo_create(owner=owner)
    if not made and not get_user_model().objects.filter(is_staff=True, is_active=True).exists():
        owner.is_active = owner.is_staff = True
        owner.save(update_fields=["is_active", "is_staff"])
    return owner


@receiver(user_signed_up)
def welcome(user: User, **_values: object) -> None:
    """Somebody new finds the demo persona on the shelf, as the owner did."""
    if Question.objects.exists():
        demo_create(owner=user)


def _digest(token: str) -> str:
    return hashlib.sha256(token.encode()).hexdigest()


def entry_link() -> str:
    """A new link that works once, within 12 hours. Only the token's SHA-256 is stored."""
    token = secrets.token_urlsafe(32)
    EntryToken.objects.filter(expires_at__lt=timezone.now()).delete()
    EntryToken.objects.create(digest=_digest(token), owner=owner_get(), expires_at=timezone.now() + TOKEN_LIFE)
    return f"{settings.SITE_URL}/open/?token={token}"


@never_cache
@require_http_methods(["GET"])
def open_view(request: HttpRequest) -> HttpResponse:
    """Turns the token into a session. A used token still opens for somebody who is inside already."""
    digest = _digest(request.GET.get("token", ""))
    token = (
        EntryToken.objects.filter(digest=digest, expires_at__gte=timezone.now(), owner__is_active=True)
        .select_related("owner")
        .first()
    )
    if token and EntryToken.objects.filter(pk=token.pk).delete()[0]:
        login(request, token.owner, backend="django.contrib.auth.backends.ModelBackend")
        on_user_logged_in(None, request=request)  # so that this browser stands in the list of those
        return redirect("home")
    if request.user.is_authenticated:
        return redirect("home")
    return render(request, "locked.html", {"used": True}, status=403)


@never_cache
@require_GET
def locked_view(request: HttpRequest) -> HttpResponse:
    """What anybody sees who comes without a session."""
    return render(request, "locked.html", status=403)


@require_GET
def health_view(request: HttpRequest) -> HttpResponse:
    """200 as soon as requests are answered."""
    return HttpResponse("ok", content_type="text/plain")


for _view in (open_view, locked_view, health_view):
    _view.login_required = False  # type: ignore[attr-defined]
