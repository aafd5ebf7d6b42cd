"""What programs ask about this installation."""

import hmac
from ipaddress import ip_address

from django.conf import settings
from django.http import Http404, HttpRequest, HttpResponse, JsonResponse
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe
from prometheus_client import CONTENT_TYPE_PLAIN_0_0_4

from accounts.rates import address_of
from operations.metrics import metrics_text
from operations.readiness import PARTS, parts_get

BY_A_PROXY = ("X-Forwarded-For", "Forwarded", "X-Real-IP", "Via")


@never_cache
@require_safe
def ready(request: HttpRequest) -> JsonResponse:
    """{"ready": bool, "parts": {...}}, 200 or 503. `?parts=database,storage` asks for these alone."""
    names = [name for name in request.GET.get("parts", "").split(",") if name] or list(PARTS)
    if unknown := sorted(set(names) - set(PARTS)):
        sentence = f"There is no part “{unknown[0][:20]}”. There are: {', '.join(PARTS)}."
        return JsonResponse({"error": sentence}, status=400)
    parts = parts_get(names)
    is_ready = all(part.ok for part in parts.values())
    body = {"ready": is_ready, "parts": {name: part.as_json() for name, part in parts.items()}}
    response = JsonResponse(body, status=200 if is_ready else 503)
    response._has_been_logged = True  # type: ignore[attr-defined]  # Django logs a 503 as a defect, every ten seconds
    return response


@never_cache
@require_safe
def metrics(request: HttpRequest) -> HttpResponse:
    """For Prometheus: with METRICS_TOKEN as a bearer, or, where none is set, from this computer. 404 for others."""
    if not _may_read(request):
        raise Http404
    return HttpResponse(metrics_text(), content_type=CONTENT_TYPE_PLAIN_0_0_4)


def _may_read(request: HttpRequest) -> bool:
    if settings.METRICS_TOKEN:
        wanted = f"Bearer {settings.METRICS_TOKEN}".encode()
        return hmac.compare_digest(request.headers.get("Authorization", "").encode(), wanted)
    try:
        is_near = ip_address(address_of(request)).is_loopback
    except ValueError:
        return False
    return is_near and not any(header in request.headers for header in BY_A_PROXY)  # else: from anywhere


for _view in (ready, metrics):
    _view.login_required = False  # type: ignore[attr-defined]
