"""The Telegram page of a persona: a one-time code, and who is linked."""

from __future__ import annotations

import uuid
from datetime import timedelta

from django.conf import settings
from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods, require_POST

from chat.models import TelegramAccount, TelegramBot
from chat.pages import persona_or_404
from chat.telegram.inbox import bot_name
from chat.telegram.linking import account_unlink, code_make

RECENT = timedelta(minutes=2)  # the bot hears of Telegram about twice a minute


@never_cache
@require_http_methods(["GET", "POST"])
def telegram(request: HttpRequest, persona_id: uuid.UUID) -> HttpResponse:
    """The page; POST shows a new code, this one time."""
    persona = persona_or_404(request, persona_id)
    bot = TelegramBot.objects.filter(bot=bot_name(settings.TELEGRAM_TOKEN)).first() if settings.TELEGRAM_TOKEN else None
    code, is_guest = "", request.POST.get("who") == "guest"
    if request.method == "POST" and settings.TELEGRAM_TOKEN:
        code = code_make(persona=persona, is_guest=is_guest)
    context = {
        "room": "chat",
        "persona": persona,
        "has_token": bool(settings.TELEGRAM_TOKEN),
        "bot": bot,
        "is_awake": bool(bot and (settings.PUBLIC_URL or bot.seen_at > timezone.now() - RECENT)),
        "code": code,
        "is_guest": is_guest,
        "accounts": TelegramAccount.objects.for_owner(request.user).filter(persona=persona),
    }
    return render(request, "chat/telegram.html", context)


@require_POST
def telegram_unlink(request: HttpRequest, persona_id: uuid.UUID, account_id: uuid.UUID) -> HttpResponse:
    persona = persona_or_404(request, persona_id)
    rows = TelegramAccount.objects.for_owner(request.user).filter(persona=persona)
    account_unlink(account=get_object_or_404(rows, pk=account_id))
    messages.success(request, _("The account is unlinked: the bot does not answer it any more."))
    return redirect("telegram", persona.pk)
