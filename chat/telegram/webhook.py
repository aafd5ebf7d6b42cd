"""Telegram's own call with an update, where the site has a public address. It is stored; the bot's process answers."""

from __future__ import annotations

import hashlib
import hmac
import json

from django.conf import settings
from django.http import Http404, HttpRequest, HttpResponse
from django.urls import reverse
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_POST

from chat.telegram.inbox import bot_name, updates_store

MAX_BYTES = 512 * 1024
HEADER = "X-Telegram-Bot-Api-Secret-Token"


def secret_of(token: str) -> str:
    """What Telegram repeats in each call; made from the token, so that there is nothing to keep."""
    return hmac.new(settings.SECRET_KEY.encode(), f"telegram:{token}".encode(), hashlib.sha256).hexdigest()


def path() -> str:
    return reverse("telegram_webhook")


@csrf_exempt
@require_POST
def webhook(request: HttpRequest) -> HttpResponse:
    """404 where no webhook is set up, 403 for another secret, 413 and 400 for a body that is no update; else 200."""
    if not (settings.TELEGRAM_TOKEN and settings.PUBLIC_URL):
        raise Http404
    if not hmac.compare_digest(request.headers.get(HEADER, "").encode(), secret_of(settings.TELEGRAM_TOKEN).encode()):
        return HttpResponse("The secret does not fit.", status=403, content_type="text/plain")
    if int(request.headers.get("content-length") or 0) > MAX_BYTES:
        return HttpResponse("The body is too long.", status=413, content_type="text/plain")
    try:
        update = json.loads(request.body)
        number = update["update_id"]
    except (ValueError, KeyError, TypeError):
        number = None
    if not isinstance(number, int) or isinstance(number, bool):
        return HttpResponse("This is no update.", status=400, content_type="text/plain")
    updates_store(bot=bot_name(settings.TELEGRAM_TOKEN), updates=[update])
    return HttpResponse(status=200)


webhook.login_required = False  # type: ignore[attr-defined]  # the secret is the proof
