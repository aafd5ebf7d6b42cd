"""A provider's call that something happened to a job. It is only a bell: what happened is fetched from the provider."""

import json
import uuid
from typing import Any

from django.http import Http404, HttpRequest, HttpResponse
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_POST

from questionnaires.services import Refused
from training import tasks
from training.connections import webhook_secret_of
from training.models import Connection
from training.providers.openai_compatible import is_genuine
from training.sweeping import run_wake

MAX_BYTES = 64 * 1024
ABOUT_JOBS = "fine_tuning.job."


@csrf_exempt
@require_POST
def webhook(request: HttpRequest, connection_id: uuid.UUID) -> HttpResponse:
    """404 for a connection without a secret, 413 for a long body, 400 for another signature; else 200."""
    secret = _secret(connection_id)
    if int(request.headers.get("content-length") or 0) > MAX_BYTES:
        return HttpResponse("The body is too long.", status=413, content_type="text/plain")
    payload = request.body
    if len(payload) > MAX_BYTES:
        return HttpResponse("The body is too long.", status=413, content_type="text/plain")
    if not is_genuine(payload, request.headers, secret):
        return HttpResponse("The signature does not fit.", status=400, content_type="text/plain")
    for run_id in run_wake(connection=Connection(pk=connection_id), job_id=job_of_call(payload)):
        tasks.enqueue(run_id)
    return HttpResponse(status=200)


webhook.login_required = False  # type: ignore[attr-defined]  # the signature is the proof


def _secret(connection_id: uuid.UUID) -> str:
    connection = Connection.objects.filter(pk=connection_id).first()
    if connection is None or not connection.sealed_webhook_secret:
        raise Http404
    try:
        return webhook_secret_of(connection)
    except Refused:
        raise Http404 from None


def job_of_call(payload: bytes) -> str:
    """The job's id in a call about a job; empty for any other call."""
    try:
        told: Any = json.loads(payload)
        if str(told["type"]).startswith(ABOUT_JOBS):
            return str(told["data"]["id"])[:200]
    except (ValueError, KeyError, TypeError):
        pass
    return ""
