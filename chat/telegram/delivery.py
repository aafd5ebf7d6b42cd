"""One reply on its way into a chat: shown while it grows, by edits, and whole at the end, whatever comes between."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from functools import partial
from typing import Any

from django.utils import timezone

from chat.models import Message, TelegramDelivery
from chat.replies import reply_stream
from chat.telegram.api import Api, Flooded, Gone, Rejected, TelegramAway
from chat.telegram.database import ask
from chat.telegram.linking import account_blocked
from chat.telegram.splitting import split
from chat.telegram.words import WRITING, reply_text

logger = logging.getLogger(__name__)

EDIT_SECONDS = 1.0  # Telegram takes about one edit a second in a chat
TYPING_SECONDS = 4.0  # its "typing" lasts five
FIRST_PAUSE, LONGEST_PAUSE = 1.0, 30.0  # between tries while Telegram is away


class Delivery:
    """Shows the reply of `row` in its account's chat."""

    def __init__(self, api: Api, row: TelegramDelivery) -> None:
        self._api, self._row, self._chat = api, row, row.account.user_id
        self._text = ""
        self._shown: list[str] = [""] * len(row.message_ids)  # a restarted bot does not know what is there
        self._quiet_until = self._typed_at = 0.0

    async def run(self) -> None:
        """Returns when the reply stands in the chat whole, or the chat is gone. Cancelled, it is taken up again."""
        try:
            await self._stream()
            await self._finish(await ask(_reply_of, row=self._row))
        except Gone:
            await ask(account_blocked, account=self._row.account)
        await ask(_close, row=self._row)

    async def _stream(self) -> None:
        reader = asyncio.create_task(self._read())
        try:
            while not reader.done():
                await self._while_it_grows()
                await asyncio.wait({reader}, timeout=EDIT_SECONDS)
            reader.result()
        finally:
            reader.cancel()

    async def _read(self) -> None:
        async for name, data in reply_stream(reply=self._row.reply):
            if name == "text":
                self._text += data["text"]
            elif name == "full":
                self._text = data["text"]
            elif name == "again":
                self._text = ""

    async def _while_it_grows(self) -> None:
        """An edit that fails is left out: the next one says more."""
        now = asyncio.get_running_loop().time()
        if now < self._quiet_until:
            return
        try:
            if self._text.strip():
                await self._show(self._text + WRITING)
            elif now - self._typed_at >= TYPING_SECONDS:
                self._typed_at = now
                await self._api.typing(self._chat)
        except Flooded as flooded:
            self._quiet_until = now + flooded.seconds
        except (TelegramAway, Rejected):
            self._quiet_until = now + EDIT_SECONDS

    async def _finish(self, reply: Message | None) -> None:
        """Until Telegram has it: a pause while it is away or wants one."""
        if reply is None:  # deleted on the site meanwhile
            return
        text = reply_text(reply, self._row.account)
        await insist(lambda: self._show(text))
        for message_id in self._row.message_ids[len(split(text)) :]:  # the reply was longer while it grew
            await insist(partial(self._api.delete, self._chat, message_id))

    async def _show(self, text: str) -> None:
        """The text in as many messages as it needs; only what changed is sent."""
        for place, part in enumerate(split(text)):
            if place >= len(self._shown):
                await self._new(part)
            elif self._shown[place] != part:
                await self._change(place, part)

    async def _new(self, part: str) -> None:
        message_id = await self._api.send(self._chat, part)
        self._shown.append(part)
        self._row.message_ids = [*self._row.message_ids, message_id]
        await ask(_store, row=self._row)

    async def _change(self, place: int, part: str) -> None:
        try:
            await self._api.edit(self._chat, self._row.message_ids[place], part)
        except Rejected:  # the person deleted it
            message_id = await self._api.send(self._chat, part)
            self._row.message_ids[place] = message_id
            await ask(_store, row=self._row)
        self._shown[place] = part


async def insist(call: Callable[[], Awaitable[object]]) -> None:
    """Until Telegram takes it: a pause while it is away or wants one. What it will never take is left."""
    pause = FIRST_PAUSE
    while True:
        try:
            await call()
            return
        except Flooded as flooded:
            await asyncio.sleep(flooded.seconds)
        except TelegramAway:
            await asyncio.sleep(pause)
            pause = min(2 * pause, LONGEST_PAUSE)
        except Rejected as rejected:
            logger.warning("Telegram does not take a call: %s", rejected)
            return


def _reply_of(row: TelegramDelivery) -> Message | None:
    return Message.objects.filter(pk=row.reply_id).first()


def _store(row: TelegramDelivery) -> None:
    _update(row, message_ids=row.message_ids)


def _close(row: TelegramDelivery) -> None:
    _update(row, done_at=timezone.now())


def _update(row: TelegramDelivery, **fields: Any) -> None:
    TelegramDelivery.objects.filter(pk=row.pk).update(**fields)
