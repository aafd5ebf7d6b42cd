"""What an account may do with its persona: the services of the web's chat, called for a Telegram account."""

from __future__ import annotations

import re
import uuid

from django.db import transaction
from django.utils.translation import gettext as _

from chat import running, services
from chat.models import Conversation, Message, TelegramAccount, TelegramDelivery
from chat.translation.languages import language_name
from chat.translation.services import AUTO, OFF, mode_choose, mode_of
from questionnaires.services import Refused

SOURCE = "telegram"
REMEMBERED = 400  # replies of an account that can still be corrected by an answer to them
OFFERED_LANGUAGES = ("en", "ru", "de", "fr", "es")  # as buttons; /lang takes any

_CORRECTION = re.compile(
    r"\s*(?:на самом деле|i would say|i'd say|i’d say|я бы сказал[аи]?|я бы ответил[аи]?)\s*[:：,—–-]\s*(.+)",
    re.IGNORECASE | re.DOTALL,
)


def message_take(*, account: TelegramAccount, text: str, update_id: int) -> TelegramDelivery:
    """Stores a message and its pending reply, once however often it comes. Refused as on the web."""
    conversation = conversation_of(account)
    version = services.version_suggested(persona=account.persona, conversation=conversation)
    with transaction.atomic():
        reply = services.message_post(
            persona=account.persona,
            conversation_id=account.conversation_id,
            text=text,
            operation_id=f"telegram-{update_id}",
            version=version,
        )
        fields = {"owner_id": account.owner_id, "account": account}
        delivery, _is_new = TelegramDelivery.objects.get_or_create(reply=reply, defaults=fields)
    delivery.account = account
    return delivery


def deliveries_open() -> list[TelegramDelivery]:
    """Replies that did not arrive whole, oldest first."""
    rows = TelegramDelivery.objects.filter(done_at=None, account__blocked_at=None)
    return list(rows.select_related("account__persona", "account__owner", "reply__conversation__persona"))


def conversation_of(account: TelegramAccount) -> Conversation | None:
    """None before its first message, and once it was deleted on the site."""
    return services.conversation_find(persona=account.persona, conversation_id=account.conversation_id)


def conversation_begin(*, account: TelegramAccount) -> None:
    """A new one; it gets its row with its first message."""
    account.conversation_id = uuid.uuid4()
    account.save(update_fields=["conversation_id"])


def conversation_line(*, account: TelegramAccount) -> None:
    """What was said before is no context any more."""
    if conversation := conversation_of(account):
        services.line_draw(conversation=conversation)


def conversation_usable(*, account: TelegramAccount) -> None:
    """Another one in the place of one that was deleted on the site: what is deleted takes no more messages."""
    if Conversation.objects.filter(pk=account.conversation_id).exclude(deleted_at=None).exists():
        conversation_begin(account=account)


def reply_stop(*, account: TelegramAccount) -> bool:
    """Whether there was a reply to stop."""
    rows = Message.objects.filter(conversation=account.conversation_id, state__in=Message.RUNNING)
    replies = list(rows)
    for reply in replies:
        running.reply_stop(reply=reply)
    return bool(replies)


def versions_listed(*, account: TelegramAccount) -> tuple[str, list[tuple[str, str]]]:
    """The one in use, and (name, id) of all that can be chosen."""
    versions = services.versions_offered(persona=account.persona)
    used = services.version_suggested(persona=account.persona, conversation=conversation_of(account))
    names = [(_("Version %(n)d") % {"n": version.number}, str(version.pk)) for version in versions]
    bare = (_("Bare model with your notes, untrained"), services.BARE)
    now = next((name for name, key in names if used and key == str(used.pk)), bare[0])
    return now, [*names, bare]


def version_set(*, account: TelegramAccount, name: str) -> str:
    """By its id, its number or "bare"; what it is called. Refused where it is none."""
    if name.isdecimal():
        by_number = {str(each.number): str(each.pk) for each in services.versions_offered(persona=account.persona)}
        if name not in by_number:
            raise Refused(_("There is no such version. /model lists them."))
        name = by_number[name]
    version = services.version_choose(persona=account.persona, name=name)
    Conversation.objects.filter(pk=_row(account).pk).update(version=version)
    return versions_listed(account=account)[0]


def modes_listed(*, account: TelegramAccount) -> tuple[str, list[tuple[str, str]]]:
    """The mode in use, and (name, mode) of those that are offered."""
    mode = mode_of(persona=account.persona, conversation=conversation_of(account))
    languages = [code for code in OFFERED_LANGUAGES if code != account.persona.language[:2]]
    offered = [(_mode_name(each), each) for each in (OFF, AUTO, *languages)]
    return _mode_name(mode), offered


def mode_set(*, account: TelegramAccount, mode: str) -> str:
    """Off, auto or a language's code; what it is called. Refused where it is none, or no translator is set up."""
    mode_choose(persona=account.persona, conversation=_row(account), mode=mode.lower())
    return _mode_name(mode.lower())


def _mode_name(mode: str) -> str:
    return {OFF: _("off"), AUTO: _("automatic")}.get(mode) or language_name(mode)


def _row(account: TelegramAccount) -> Conversation:
    """The conversation, made where there is none yet: a choice needs a row to stand in."""
    conversation_usable(account=account)
    fresh = {
        "owner_id": account.owner_id,
        "persona": account.persona,
        "version": services.version_current(persona=account.persona),
    }
    return Conversation.objects.get_or_create(pk=account.conversation_id, defaults=fresh)[0]


def correction_of(text: str) -> str:
    """The words after “I would say:”; empty for any other message."""
    match = _CORRECTION.fullmatch(text)
    return match[1].strip() if match else ""


def reply_find(*, account: TelegramAccount, message_id: int) -> Message | None:
    """The reply that a Telegram message shows, or a part of it."""
    rows = TelegramDelivery.objects.filter(account=account).select_related("reply__conversation__persona")
    rows = rows.select_related("reply__parent", "reply__version")
    for delivery in rows.order_by("-created_at")[:REMEMBERED]:
        if message_id in delivery.message_ids:
            found: Message = delivery.reply
            return found
    return None


def reply_corrected(*, account: TelegramAccount, message_id: int) -> Message:
    """The reply that a correction is about. Refused for a guest, and for a message that is no reply."""
    if account.is_guest or account.persona.is_demo:
        raise Refused(_("Only the person themself can say what they would say."), status=403)
    reply = reply_find(account=account, message_id=message_id)
    if reply is None:
        raise Refused(_("Reply to one of my messages with it, so that I know what you mean."))
    return reply
