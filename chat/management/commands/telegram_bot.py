"""`manage.py telegram_bot`: the persona in Telegram, until it is stopped."""

import asyncio
import signal
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError

from chat.telegram.bot import Bot


class Command(BaseCommand):
    help = "Answers in Telegram. TELEGRAM_TOKEN names the bot; docs/telegram.md says how to get one."

    def handle(self, *_: Any, **__: Any) -> None:
        if not settings.TELEGRAM_TOKEN:
            raise CommandError("TELEGRAM_TOKEN is not set. Get a token from @BotFather; docs/telegram.md says how.")
        asyncio.run(_run())


async def _run() -> None:
    stop = asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    await Bot(settings.TELEGRAM_TOKEN, settings.TELEGRAM_API_URL).run(stop)
