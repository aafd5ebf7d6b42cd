"""Updates as rows: stored when they are received, worked on once, emptied when done."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping
from datetime import timedelta
from typing import Any

from django.db.models import Max
from django.utils import timezone

from chat.models import TelegramBot, TelegramUpdate

KEPT = timedelta(days=3)  # Telegram keeps an update for a day; longer here, so that none comes twice


def bot_name(token: str) -> str:
    """A name for the bot of a token that gives the token away to nobody."""
    return hashlib.sha256(token.encode()).hexdigest()[:16]


def updates_store(*, bot: str, updates: Iterable[Mapping[str, Any]]) -> int:
    """Stores those that were never seen; how many."""
    rows = [TelegramUpdate(bot=bot, update_id=each["update_id"], payload=dict(each)) for each in updates]
    before = TelegramUpdate.objects.filter(bot=bot).count()
    TelegramUpdate.objects.bulk_create(rows, ignore_conflicts=True)
    return TelegramUpdate.objects.filter(bot=bot).count() - before


def updates_open(*, bot: str) -> list[TelegramUpdate]:
    """What is to be worked on, oldest first."""
    return list(TelegramUpdate.objects.filter(bot=bot, done_at=None).order_by("update_id")[:100])


def update_done(*, bot: str, update_id: int) -> None:
    """The words are in the conversation now, or nowhere."""
    rows = TelegramUpdate.objects.filter(bot=bot, update_id=update_id)
    rows.update(done_at=timezone.now(), payload={})


def offset_get(*, bot: str) -> int | None:
    """From where Telegram shall tell; None where nothing was ever received."""
    last = TelegramUpdate.objects.filter(bot=bot).aggregate(Max("update_id"))["update_id__max"]
    return None if last is None else last + 1


def updates_forget(*, bot: str) -> None:
    """Old rows go, but for the newest, which says where to go on."""
    old = TelegramUpdate.objects.filter(done_at__lt=timezone.now() - KEPT)
    old.exclude(bot=bot, update_id=(offset_get(bot=bot) or 0) - 1).delete()


def bot_seen(*, bot: str, username: str = "") -> None:
    """Telegram answered."""
    fields = {"seen_at": timezone.now(), "trouble": ""} | ({"username": username} if username else {})
    TelegramBot.objects.update_or_create(bot=bot, defaults=fields)


def bot_trouble(*, bot: str, sentence: str) -> None:
    TelegramBot.objects.update_or_create(bot=bot, defaults={"trouble": sentence})
