"""A plain form that arrives without a session or with an old token: the text is shown again, to be sent again.

Pages with scripts keep drafts on the device. Without scripts a refused request may be the only copy of a text.
"""

from typing import Any

from django.contrib.auth.middleware import LoginRequiredMiddleware
from django.http import HttpRequest, HttpResponse, HttpResponseBase
from django.shortcuts import render
from django.views.csrf import csrf_failure

WRITTEN = {"question": "text", "question_new": "text"}  # forms with words of the person, and the field that holds them


class LoginRequired(LoginRequiredMiddleware):
    """Django's, but what was written is not thrown away on the way to the log-in."""

    def handle_no_permission(  # type: ignore[override]
        self, request: HttpRequest, view_func: Any
    ) -> HttpResponseBase:
        if _has_text(request):
            return _shown_again(request)
        response: HttpResponseBase = super().handle_no_permission(request, view_func)
        return response


def token_refused(request: HttpRequest, reason: str = "") -> HttpResponse:
    """The page of a wrong CSRF token. A text is shown to the site's own forms alone, never to another site's."""
    own = f"{request.scheme}://{request.get_host()}"
    sender = request.headers.get("Origin") or request.headers.get("Referer", "")
    if _has_text(request) and (sender == own or sender.startswith(f"{own}/")):
        return _shown_again(request)
    return csrf_failure(request, reason)


def _has_text(request: HttpRequest) -> bool:
    match = request.resolver_match
    field = WRITTEN.get(match.url_name or "") if match else None
    return request.method == "POST" and field is not None and bool(request.POST.get(field, "").strip())


def _shown_again(request: HttpRequest) -> HttpResponse:
    match = request.resolver_match
    field = WRITTEN[match.url_name or ""] if match else ""
    hidden = [(name, text) for name, text in request.POST.items() if name not in {field, "csrfmiddlewaretoken"}]
    context = {"field": field, "text": request.POST.get(field, ""), "hidden": hidden, "address": request.path}
    return render(request, "questionnaires/unsent.html", context, status=403)
