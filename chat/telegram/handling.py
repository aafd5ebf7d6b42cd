"""What an update asks for: a command, a button, a message, a correction. Groups, bots, other kinds are left alone."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass

import telegram
from django.utils import translation
from django.utils.translation import gettext as _
from telegram.constants import ChatType

from chat.corrections import correction_save
from chat.models import TelegramAccount, TelegramDelivery
from chat.telegram import linking, talking, words
from chat.telegram.api import Api, Button, Rejected, TelegramAway
from chat.telegram.database import ask
from chat.telegram.delivery import insist
from chat.telegram.limits import Limits
from chat.translation.errors import TranslationFailed
from chat.translation.interpreting import text_hear
from questionnaires.services import Refused

VERSION, LANGUAGE = "v:", "l:"  # before what a button sends
IN_A_ROW = 2
Buttons = Sequence[Sequence[Button]]


@dataclass(frozen=True)
class Post:
    """A message or a pressed button of a private chat."""

    user: telegram.User
    text: str | None
    moment: float  # Unix seconds
    replied_to: int | None = None  # a message of ours
    query: str = ""  # id of a pressed button

    @property
    def language(self) -> str:
        return "ru" if (self.user.language_code or "").startswith("ru") else "en"

    @property
    def command(self) -> tuple[str, str]:
        """Name and argument, as in "/lang de" or "/lang@bot de"; empty for no command."""
        if not self.text or not self.text.startswith("/"):
            return "", ""
        name, _space, argument = self.text[1:].partition(" ")
        return name.partition("@")[0].lower(), argument.strip()


def post_of(update: telegram.Update) -> Post | None:
    """None for what is not for us: groups, channels, other bots, edited messages."""
    if query := update.callback_query:
        chat = query.message.chat if query.message else None
        if chat is None or chat.type != ChatType.PRIVATE:
            return None
        return Post(query.from_user, query.data, query.message.date.timestamp(), query=query.id)  # type: ignore[union-attr]
    message = update.message
    if (
        message is None
        or message.from_user is None
        or message.from_user.is_bot
        or message.chat.type != ChatType.PRIVATE
    ):
        return None
    replied = message.reply_to_message
    return Post(message.from_user, message.text, message.date.timestamp(), replied.message_id if replied else None)


class Handler:
    """Answers posts, but for the replies of the persona."""

    def __init__(self, api: Api) -> None:
        self._api, self._limits = api, Limits()
        self._commands: dict[str, Callable[[TelegramAccount, str], Awaitable[None]]] = {
            "start": self._start,
            "help": self._help,
            "new": self._new,
            "stop": self._stop,
            "model": self._model,
            "lang": self._lang,
        }

    async def handle(self, post: Post, update_id: int) -> TelegramDelivery | None:
        """Does what a post asks for; a stored message whose reply is to be delivered, if it is one. Raises Gone."""
        with translation.override(post.language):
            account = await ask(linking.account_find, user_id=post.user.id)
            if post.command[0] == "start" and post.command[1]:
                await self._link(post)
            elif account is None:
                await self._stranger(post)
            else:
                await ask(linking.account_greet, account=account, language=post.language)
                return await self._known(post, account, update_id)
        return None

    async def _known(self, post: Post, account: TelegramAccount, update_id: int) -> TelegramDelivery | None:
        try:
            if post.query or post.command[0] or not post.text:
                await self._act(post, account)
            elif not self._limits.may_speak(post.user.id, post.moment):
                if self._limits.is_first_too_much(post.user.id, post.moment):
                    await self._say(account, words.too_fast())
            elif correction := talking.correction_of(post.text):
                await self._correct(account, post.replied_to, correction)
            else:
                return await self._take(account, post.text, update_id)
        except (Refused, TranslationFailed) as refused:
            await self._say(account, str(refused))
        return None

    async def _take(self, account: TelegramAccount, text: str, update_id: int) -> TelegramDelivery | None:
        """None where this very update was answered before."""
        await ask(talking.conversation_usable, account=account)
        row = await ask(talking.message_take, account=account, text=text, update_id=update_id)
        return None if row.done_at else row

    async def _act(self, post: Post, account: TelegramAccount) -> None:
        name, argument = post.command
        if post.query:
            await self._pressed(post, account)
        elif name:
            await self._commands.get(name, self._help)(account, argument)
        else:
            await self._say(account, words.text_only())

    async def _link(self, post: Post) -> None:
        if not self._limits.may_guess(post.user.id, post.moment):
            return
        fields = {"user_id": post.user.id, "name": post.user.full_name, "language": post.language}
        account = await ask(linking.code_redeem, code=post.command[1], **fields)
        await self._send(post.user.id, words.greeting(account) if account else words.wrong_code())

    async def _stranger(self, post: Post) -> None:
        """A stranger's plain code is taken, too: not everybody sends it after /start."""
        text = (post.text or "").strip()
        if len(text) == linking.LENGTH and text.isalnum() and text.isascii():
            as_command = Post(post.user, f"/start {text}", post.moment)
            await self._link(as_command)
        elif self._limits.may_be_told(post.user.id, post.moment):
            await self._send(post.user.id, words.stranger())

    async def _say(self, account: TelegramAccount, text: str, buttons: Buttons = ()) -> None:
        await self._send(account.user_id, text, buttons)

    async def _send(self, chat: int, text: str, buttons: Buttons = ()) -> None:
        """However long Telegram is away: what was done is not done again for its answer's sake."""
        await insist(lambda: self._api.send(chat, text, buttons))

    async def _start(self, account: TelegramAccount, _argument: str) -> None:
        await ask(talking.conversation_line, account=account)
        await self._say(account, words.greeting(account))

    async def _help(self, account: TelegramAccount, _argument: str) -> None:
        await self._say(account, words.help_text(account))

    async def _new(self, account: TelegramAccount, _argument: str) -> None:
        await ask(talking.conversation_begin, account=account)
        await self._say(account, _("A new conversation. The earlier one stays on the site."))

    async def _stop(self, account: TelegramAccount, _argument: str) -> None:
        if not await ask(talking.reply_stop, account=account):
            await self._say(account, _("There is no reply to stop."))

    async def _model(self, account: TelegramAccount, argument: str) -> None:
        if argument:
            return await self._version(account, argument)
        now, offered = await ask(talking.versions_listed, account=account)
        sentence = _("%(name)s answers now. Who shall answer?") % {"name": now}
        await self._say(account, sentence, _rows([(name, VERSION + key) for name, key in offered]))
        return None

    async def _version(self, account: TelegramAccount, name: str) -> None:
        chosen = await ask(talking.version_set, account=account, name=name)
        await self._say(account, _("%(name)s answers from now on.") % {"name": chosen})

    async def _lang(self, account: TelegramAccount, argument: str) -> None:
        if argument:
            return await self._mode(account, argument)
        now, offered = await ask(talking.modes_listed, account=account)
        sentence = _("Translation: %(mode)s. Choose, or write for example /lang it.") % {"mode": now}
        await self._say(account, sentence, _rows([(name, LANGUAGE + mode) for name, mode in offered]))
        return None

    async def _mode(self, account: TelegramAccount, mode: str) -> None:
        chosen = await ask(talking.mode_set, account=account, mode=mode)
        await self._say(account, _("Translation: %(mode)s.") % {"mode": chosen})

    async def _pressed(self, post: Post, account: TelegramAccount) -> None:
        with suppress(TelegramAway, Rejected):  # its clock ends by itself, too
            await self._api.pressed(post.query)
        data = post.text or ""
        if data.startswith(VERSION):
            await self._version(account, data.removeprefix(VERSION))
        elif data.startswith(LANGUAGE):
            await self._mode(account, data.removeprefix(LANGUAGE))

    async def _correct(self, account: TelegramAccount, message_id: int | None, text: str) -> None:
        reply = await ask(talking.reply_corrected, account=account, message_id=message_id or 0)
        heard = await text_hear(reply_id=reply.pk, text=text)
        await ask(correction_save, reply=reply, text=heard, source=talking.SOURCE)
        await self._say(account, _("Learned. Ask again, and it answers with your words."))


def _rows(buttons: list[Button]) -> list[list[Button]]:
    return [buttons[place : place + IN_A_ROW] for place in range(0, len(buttons), IN_A_ROW)]
