"""What programs ask about this installation."""

from django.http import HttpRequest, JsonResponse
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe

from operations.readiness import PARTS, parts_get


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


ready.login_required = False  # type: ignore[attr-defined]
