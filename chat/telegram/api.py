"""Telegram's Bot API through python-telegram-bot, as far as this bot needs it. Its many errors become four."""

from __future__ import annotations

import asyncio
import logging
import os
import re
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import Any

import telegram
from telegram import error as errors
from telegram.constants import ChatAction
from telegram.request import HTTPXRequest

os.environ.setdefault("PTB_TIMEDELTA", "true")  # the library's coming way to tell times
logging.getLogger("httpx").setLevel(logging.WARNING)  # it logs addresses, and the token is part of them

KINDS = ["message", "callback_query"]
CONNECT_SECONDS, READ_SECONDS = 5.0, 12.0
GAP_SECONDS = 0.04  # between two calls: Telegram takes about 30 a second
Button = tuple[str, str]  # what it shows, and what it sends back


class TelegramAway(Exception):
    """It cannot be reached or has a fault; trying later makes sense."""


class Flooded(TelegramAway):
    """It wants a pause."""

    def __init__(self, seconds: float) -> None:
        super().__init__(f"a pause of {seconds:g} seconds")
        self.seconds = seconds


class Gone(Exception):
    """The person blocked the bot, or the chat is gone."""


class Rejected(Exception):
    """Telegram does not take this call, and would not later."""


class TokenRefused(Exception):
    """The token is nobody's."""


class Api:
    """Calls of one bot, one after another with a small gap, from any number of tasks."""

    def __init__(self, token: str, address: str) -> None:
        self._bot = telegram.Bot(
            token,
            base_url=f"{address}/bot",
            base_file_url=f"{address}/file/bot",
            request=HTTPXRequest(connect_timeout=CONNECT_SECONDS, read_timeout=READ_SECONDS, pool_timeout=READ_SECONDS),
        )
        self._next = 0.0

    async def open(self) -> str:
        """The bot's username."""
        async with _translated():
            await self._bot.initialize()
        return str(self._bot.username)

    async def close(self) -> None:
        await self._bot.shutdown()

    async def receive(self, offset: int | None, seconds: int) -> list[dict[str, Any]]:
        """Updates from `offset` on, as they are, waited for up to `seconds`.

        Not through `get_updates`, which gives none at all if one of them is not as the library expects it. Telegram
        reads a method's name in any case; in this one the library does not point to its own.
        """
        wanted = {"timeout": seconds, "allowed_updates": KINDS} | ({} if offset is None else {"offset": offset})
        async with _translated():
            found: Any = await self._bot.do_api_request(
                "getupdates", api_kwargs=wanted, read_timeout=READ_SECONDS + seconds
            )
        return [each for each in found if isinstance(each, dict) and isinstance(each.get("update_id"), int)]

    def read(self, payload: dict[str, Any]) -> telegram.Update:
        """An update as the library reads it. Rejected where it is none."""
        try:
            return telegram.Update.de_json(payload, self._bot)
        except (TypeError, KeyError, ValueError, AttributeError, OverflowError) as error:
            raise Rejected("an update that cannot be read") from error

    async def poll_only(self) -> None:
        """No webhook, or polling is refused."""
        async with _translated():
            await self._bot.delete_webhook()

    async def call_me(self, address: str, secret: str) -> None:
        """Telegram posts updates to `address`, with the secret in a header."""
        async with _translated():
            await self._bot.set_webhook(address, allowed_updates=KINDS, secret_token=secret, max_connections=4)

    async def menu(self, commands: Sequence[tuple[str, str]], language: str) -> None:
        async with _translated():
            await self._bot.set_my_commands(commands, language_code=language)

    async def typing(self, chat: int) -> None:
        await self._wait()
        async with _translated():
            await self._bot.send_chat_action(chat, ChatAction.TYPING)

    async def send(self, chat: int, text: str, buttons: Sequence[Sequence[Button]] = ()) -> int:
        """The message's id. Plain text: nothing in a person's or a model's words is markup."""
        await self._wait()
        rows = [[telegram.InlineKeyboardButton(shown, callback_data=data) for shown, data in row] for row in buttons]
        async with _translated():
            message = await self._bot.send_message(
                chat,
                text,
                reply_markup=telegram.InlineKeyboardMarkup(rows) if rows else None,
                link_preview_options=_no_preview(text),
            )
        return message.message_id

    async def edit(self, chat: int, message_id: int, text: str) -> None:
        """Rejected where the message is not there any more."""
        await self._wait()
        try:
            async with _translated():
                await self._bot.edit_message_text(
                    text,
                    chat_id=chat,
                    message_id=message_id,
                    link_preview_options=_no_preview(text),
                )
        except Rejected as rejected:
            if "not modified" not in str(rejected):
                raise

    async def delete(self, chat: int, message_id: int) -> None:
        await self._wait()
        async with _translated():
            await self._bot.delete_message(chat, message_id)

    async def pressed(self, query_id: str) -> None:
        """Ends the little clock on a button."""
        await self._wait()
        async with _translated():
            await self._bot.answer_callback_query(query_id)

    async def _wait(self) -> None:
        now = asyncio.get_running_loop().time()
        self._next = max(now, self._next) + GAP_SECONDS
        await asyncio.sleep(self._next - GAP_SECONDS - now)


def _no_preview(text: str) -> telegram.LinkPreviewOptions | None:
    """A page that a reply names is not fetched by Telegram for a picture of it."""
    return telegram.LinkPreviewOptions(is_disabled=True) if re.search(r"\w\.\w", text) else None


@asynccontextmanager
async def _translated() -> AsyncIterator[None]:
    """No message of these errors is logged: some repeat the token."""
    try:
        yield
    except errors.RetryAfter as error:
        pause: Any = error.retry_after
        raise Flooded(pause.total_seconds()) from None
    except (errors.InvalidToken, errors.EndPointNotFound):
        raise TokenRefused from None
    except errors.Forbidden:
        raise Gone from None
    except errors.BadRequest as error:  # a NetworkError to the library
        raise (Gone if "chat not found" in str(error).lower() else Rejected)(str(error).lower()) from None
    except errors.TelegramError as error:
        raise TelegramAway(type(error).__name__) from None
