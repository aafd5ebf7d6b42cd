"""The page of whoever runs this installation."""

from django.contrib.auth.models import User
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_GET

from accounts.quotas import is_shared
from operations.health import health_get


@never_cache
@require_GET
def installation_health(request: HttpRequest) -> HttpResponse:
    """For administrators; where nobody signs up, for the owner of the computer. Others find nothing."""
    if not _runs_it(request.user):
        raise Http404
    return render(request, "operations/health.html", health_get())


def _runs_it(user: object) -> bool:
    if not isinstance(user, User):
        return False
    return user.is_staff or (not is_shared() and user == User.objects.order_by("pk").first())
