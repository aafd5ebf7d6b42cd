"""The bot's process: receives updates, has each worked on once, delivers replies, tells the news."""

from __future__ import annotations

import asyncio
import contextvars
import logging
from collections import defaultdict
from collections.abc import Coroutine
from contextlib import suppress
from typing import Any

from django.conf import settings
from django.utils import translation
from django.utils.translation import gettext as _

from chat.models import TelegramAccount, TelegramDelivery, TelegramUpdate
from chat.telegram import inbox, linking, news, talking, webhook, words
from chat.telegram.api import Api, Flooded, Gone, Rejected, TelegramAway, TokenRefused
from chat.telegram.database import ask
from chat.telegram.delivery import FIRST_PAUSE, LONGEST_PAUSE, Delivery, insist
from chat.telegram.handling import Handler, Post, post_of

logger = logging.getLogger(__name__)

POLL_SECONDS = 25  # that Telegram holds a question for updates open
LOOK_SECONDS = 0.5  # between two looks at the rows, which the web's process fills where there is a webhook
NEWS_SECONDS = 10.0
REFUSED_SECONDS = 60.0  # before a refused token is tried again
DEFECTS = (TypeError, ValueError, KeyError, AttributeError, RuntimeError)
LAST_SECONDS = 8.0  # that a reply under way may take when the bot is stopped


class Bot:
    """One bot for the time of `run`."""

    def __init__(self, token: str, address: str) -> None:
        self.name = inbox.bot_name(token)
        self._api = Api(token, address)
        self._handler = Handler(self._api)
        self._secret = webhook.secret_of(token)
        self._taken: set[int] = set()  # updates that are worked on
        self._chats: defaultdict[int, asyncio.Lock] = defaultdict(asyncio.Lock)
        self._tasks: set[asyncio.Task[None]] = set()
        self._woken = asyncio.Event()

    async def run(self, stop: asyncio.Event) -> None:
        """Until `stop` is set; replies under way may end then."""
        loops = [asyncio.create_task(each()) for each in (self._receive, self._work, self._tell)]
        stopping = asyncio.create_task(stop.wait())
        try:
            await asyncio.wait({*loops, stopping}, return_when=asyncio.FIRST_COMPLETED)
            for loop in loops:
                if loop.done():
                    loop.result()  # a defect: the process ends with it and is started again
            if self._tasks:
                await asyncio.wait(self._tasks, timeout=LAST_SECONDS)
        finally:
            ending = [*loops, stopping, *self._tasks]
            for task in ending:
                task.cancel()
            await asyncio.gather(*ending, return_exceptions=True)
            await self._api.close()

    async def _receive(self) -> None:
        pause, opened = FIRST_PAUSE, False
        while True:
            try:
                if not opened:
                    await self._open()
                    opened = True
                await (self._rest() if settings.PUBLIC_URL else self._poll())
                pause = FIRST_PAUSE
            except TokenRefused:
                opened = False
                await self._trouble(
                    _("Telegram refuses the token. Take it from @BotFather and set TELEGRAM_TOKEN anew.")
                )
                await asyncio.sleep(REFUSED_SECONDS)
            except Flooded as flooded:
                await asyncio.sleep(flooded.seconds)
            except (TelegramAway, Rejected, Gone) as away:
                await self._trouble(_why(away))
                await asyncio.sleep(pause)
                pause = min(2 * pause, LONGEST_PAUSE)

    async def _open(self) -> None:
        username = await self._api.open()
        if settings.PUBLIC_URL:
            await self._api.call_me(settings.PUBLIC_URL + webhook.path(), self._secret)
        else:
            await self._api.poll_only()
        for language in ("en", "ru"):
            with translation.override(language), suppress(TelegramAway, Rejected):  # the bot works without its menu
                await self._api.menu(words.commands(), language)
        await ask(inbox.bot_seen, bot=self.name, username=username)
        logger.info("The bot @%s listens.", username)

    async def _poll(self) -> None:
        offset = await ask(inbox.offset_get, bot=self.name)
        updates = await self._api.receive(offset, POLL_SECONDS)
        await ask(inbox.updates_store, bot=self.name, updates=updates)
        await ask(inbox.bot_seen, bot=self.name)
        self._woken.set()

    async def _rest(self) -> None:
        """Where Telegram calls by itself."""
        await asyncio.sleep(NEWS_SECONDS)

    async def _trouble(self, sentence: str) -> None:
        logger.warning("%s", sentence)
        await ask(inbox.bot_trouble, bot=self.name, sentence=sentence)

    async def _work(self) -> None:
        for row in await ask(talking.deliveries_open):
            self._begin(self._resume(row))
        while True:
            self._woken.clear()
            for update in await ask(inbox.updates_open, bot=self.name):
                if update.update_id not in self._taken:
                    self._taken.add(update.update_id)
                    self._begin(self._handle(update))
            with suppress(TimeoutError):
                async with asyncio.timeout(LOOK_SECONDS):
                    await self._woken.wait()

    async def _handle(self, update: TelegramUpdate) -> None:
        """One update, once: after a defect, too, it is done. Stopped before its end, it is begun again later."""
        number = update.update_id
        try:
            post = post_of(self._api.read(update.payload))
            if post is None:
                await self._done(number)
            elif post.command[0] == "stop":  # it does not wait for the reply that it stops
                await self._handler.handle(post, number)
                await self._done(number)
            else:
                await self._in_turn(post, number)
        except (Rejected, Gone, *DEFECTS):
            logger.exception("An update could not be answered.")
            await self._done(number)
        finally:
            self._taken.discard(number)

    async def _in_turn(self, post: Post, number: int) -> None:
        """Messages of a chat one after another, each with its reply."""
        async with self._chats[post.user.id]:
            row = await self._handler.handle(post, number)
            await self._done(number)
            if row is not None:
                await self._deliver(row)

    async def _resume(self, row: TelegramDelivery) -> None:
        """A reply that the last stop, or crash, left on its way."""
        async with self._chats[row.account.user_id]:
            await self._deliver(row)

    async def _deliver(self, row: TelegramDelivery) -> None:
        with translation.override(row.account.language):
            await Delivery(self._api, row).run()

    async def _done(self, number: int) -> None:
        await ask(inbox.update_done, bot=self.name, update_id=number)

    def _begin(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.get_running_loop().create_task(work, context=contextvars.copy_context())
        self._tasks.add(task)
        task.add_done_callback(self._ended)

    def _ended(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        if not task.cancelled() and (error := task.exception()):
            logger.error("a task of the bot failed", exc_info=error)

    async def _tell(self) -> None:
        while True:
            for row, text in await ask(news.news_collect):
                if text:
                    await self._told(row.account, text)
                await ask(news.news_sent, news=row)
            await ask(news.news_forget)
            await ask(inbox.updates_forget, bot=self.name)
            await asyncio.sleep(NEWS_SECONDS)

    async def _told(self, account: TelegramAccount, text: str) -> None:
        try:
            await insist(lambda: self._api.send(account.user_id, text))
        except Gone:
            await ask(linking.account_blocked, account=account)


def _why(away: Exception) -> str:
    if str(away) == "Conflict":
        return _("Another program asks for this bot's messages. Stop it, or make a token of its own for this one.")
    return _("Telegram cannot be reached (%(reason)s). It is tried again.") % {"reason": str(away)[:80]}
