"""The door before each visitor's view: it opens by the address, not by a log-in, and looks the same when shut."""

from __future__ import annotations

import secrets
from collections.abc import Callable
from functools import wraps
from typing import Any

from asgiref.sync import iscoroutinefunction, sync_to_async
from django.conf import settings
from django.contrib.auth.decorators import login_not_required
from django.http import HttpRequest, HttpResponseBase, JsonResponse
from django.shortcuts import render
from django.utils.translation import gettext as _

from chat.sharing.shares import SILENT_FOR
from chat.sharing.visits import Visit, visit_find

KEY_BYTES = 32
View = Callable[..., Any]

# Other sites get no address: the site's policy is "same-origin". "no-referrer" would have browsers send forms with
# "Origin: null" (https://fetch.spec.whatwg.org/#append-a-request-origin-header), which the CSRF check refuses.
HEADERS = {"X-Robots-Tag": "noindex, nofollow", "Referrer-Policy": "same-origin"}


def for_visitors(view: View) -> View:
    """Calls `view(request, visit, ...)` for the `token` of the address, or answers 404, always in the same words."""
    if iscoroutinefunction(view):

        @wraps(view)
        async def opened(request: HttpRequest, token: str, **places: Any) -> HttpResponseBase:
            visit = await sync_to_async(_visit)(request, token)
            answer = await view(request, visit, **places) if visit else await sync_to_async(nothing_here)(request)
            return _marked(answer)

        return login_not_required(opened)

    @wraps(view)
    def opened_plain(request: HttpRequest, token: str, **places: Any) -> HttpResponseBase:
        visit = _visit(request, token)
        return _marked(view(request, visit, **places) if visit else nothing_here(request))

    return login_not_required(opened_plain)


def _visit(request: HttpRequest, token: str) -> Visit | None:
    return visit_find(token=token, user=request.user, key=request.COOKIES.get(cookie_name(), ""))


def nothing_here(request: HttpRequest) -> HttpResponseBase:
    """The answer to a wrong, revoked or expired address."""
    if request.content_type == "application/json":
        return JsonResponse({"error": _("This talk is closed: its time is over, or it was ended.")}, status=404)
    return render(request, "chat/shared_gone.html", status=404)


def _marked(answer: HttpResponseBase) -> HttpResponseBase:
    """No robot keeps it, no cache does, and no other site hears of the address."""
    for name, value in HEADERS.items():
        answer[name] = value
    answer.headers.setdefault("Cache-Control", "no-store, private")
    return answer


def cookie_name() -> str:
    """A cookie knows no port: two installations must not share one."""
    return f"visitor_{settings.PORT}"


def key_given(request: HttpRequest, answer: HttpResponseBase, visit: Visit) -> HttpResponseBase:
    """The page, with the key by which this browser alone finds its talks again; it says nothing of the visitor."""
    if visit.guest_id is None:
        answer.set_cookie(
            cookie_name(),
            request.COOKIES.get(cookie_name()) or secrets.token_urlsafe(KEY_BYTES),
            max_age=SILENT_FOR,
            path="/with/",
            secure=settings.SESSION_COOKIE_SECURE or request.is_secure(),
            httponly=True,
            samesite="Lax",
        )
    return answer
