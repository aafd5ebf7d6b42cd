"""What the bot says for itself, in the language of the person's Telegram."""

from __future__ import annotations

from django.utils.translation import gettext as _

from chat.models import Message, TelegramAccount

State = Message.State
WRITING = " …"  # at the end of a reply that goes on


def commands() -> list[tuple[str, str]]:
    """Command and what it does, as Telegram's menu shows them."""
    return [
        ("new", _("Begin a new conversation")),
        ("stop", _("Stop the reply")),
        ("model", _("Choose who answers")),
        ("lang", _("Choose the translation")),
        ("help", _("What can be done here")),
    ]


def greeting(account: TelegramAccount) -> str:
    if account.is_guest:
        sentence = _("You can talk to %(name)s's portrait now. Its owner can read this conversation.")
    else:
        sentence = _("You can talk to %(name)s now. The conversation is on your site, too.")
    afresh = _("What was said before is no context any more. Write something, or /help.")
    return f"{sentence % {'name': account.persona.name}}\n\n{afresh}"


def help_text(account: TelegramAccount) -> str:
    lines = [_("A model's portrait of %(name)s answers here, not a person.") % {"name": account.persona.name}, ""]
    lines += [f"/{name} – {what}" for name, what in commands()]
    if not account.is_guest:
        lines += ["", correction_hint()]
    return "\n".join(lines)


def correction_hint() -> str:
    return _("Was a reply not you? Reply to it with “I would say: …” and your own words; it learns them at once.")


def stranger() -> str:
    return _("This is a private portrait. If it is yours, open Telegram in its chat on your site and send me the code.")


def wrong_code() -> str:
    return _("This code is wrong, used or older than a quarter of an hour. Make a new one on the site.")


def text_only() -> str:
    return _("I can read text alone. Please write it.")


def too_fast() -> str:
    return _("One at a time, please: that was too much for a minute. The last messages were not read.")


def reply_text(reply: Message, account: TelegramAccount) -> str:
    """A finished reply, both texts where it was translated."""
    words = reply.text
    if reply.translation:
        words = f"{reply.translation}\n\n({reply.text})"
    elif reply.translation_fault:
        words = f"{reply.text}\n\n({reply.translation_fault})"
    return "\n\n".join(part for part in (words, _ending(reply, account)) if part)


def _ending(reply: Message, account: TelegramAccount) -> str:
    if reply.state == State.UNKNOWN:
        return _never_told(reply, account)
    if reply.state == State.STOPPED:
        return _("(stopped)")
    if reply.error:
        return reply.error
    return _("The reply broke off here. Ask again.") if reply.state == State.CUT else ""


def _never_told(reply: Message, account: TelegramAccount) -> str:
    if account.is_guest or account.persona.is_demo:
        return _("It was never told that.")
    if question := reply.offer.get("question"):
        return _("I never told it that. Nobody has answered “%(question)s” yet. To answer now, reply to this message with “I would say: …”.") % {"question": question}  # fmt: skip  # noqa: E501
    return _("I never told it that. To tell it now, reply to this message with “I would say: …”.")
