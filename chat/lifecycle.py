"""The life of a reply in the database: claimed once, kept up every second, ended, and mended after a crash."""

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from django.db.models import Q
from django.utils import timezone
from django.utils.translation import gettext as _

from chat.models import Conversation, Message
from chat.usage import reply_charge
from questionnaires.services import Refused

STALE_AFTER = timedelta(seconds=20)  # a reply is written to every second; older: its process died

State = Message.State


def reply_claim(*, reply: Message) -> bool:
    """Whether the caller is the one who answers: of several, one conditional UPDATE finds the pending row."""
    rows = Message.objects.filter(pk=reply.pk, state=State.PENDING)
    return rows.update(state=State.STREAMING, heartbeat_at=timezone.now()) == 1


def replies_beat(*, texts: Mapping[UUID, str]) -> set[UUID]:
    """Stores what came so far of several replies and that their process lives; which of them should go on."""
    rows = Message.objects.filter(pk__in=list(texts), state=State.STREAMING)
    alive = set(rows.filter(stop_requested=False).values_list("pk", flat=True))
    now = timezone.now()
    changed = [Message(pk=key, text=texts[key], heartbeat_at=now) for key in alive]
    rows.bulk_update(changed, ["text", "heartbeat_at"])
    return alive


def reply_finish(*, reply_id: UUID, fields: dict[str, Any]) -> None:
    """The end of a claimed reply: `fields` are its state and whatever else is known of it."""
    if Message.objects.filter(pk=reply_id, state=State.STREAMING).update(**fields):
        reply_charge(reply_id=reply_id, state=str(fields["state"]), figures=fields.get("figures") or {})
    Conversation.objects.filter(messages=reply_id).update(active_at=timezone.now())


def reply_stop(*, reply: Message) -> None:
    """Asks the process that writes it to stop; a reply that nobody works on stops at once."""
    Message.objects.filter(pk=reply.pk, state=State.PENDING).update(state=State.STOPPED)
    Message.objects.filter(pk=reply.pk, state=State.STREAMING).update(stop_requested=True)


def replies_repair(*, conversation: Conversation, now: datetime | None = None) -> int:
    """Replies whose process died without a word are cut: what came is kept. Returns how many."""
    dead = Q(heartbeat_at=None) | Q(heartbeat_at__lt=(now or timezone.now()) - STALE_AFTER)
    return conversation.messages.filter(dead, state=State.STREAMING).update(
        state=State.CUT, error=_("The reply broke off: the program that wrote it was stopped.")
    )


def make_way(conversation: Conversation) -> None:
    """A reply that nobody works on ends here; one under way has to end first."""
    replies_repair(conversation=conversation)
    rows = conversation.messages.filter(role=Message.Role.PERSONA)
    rows.filter(state=State.PENDING).update(state=State.CUT)
    if rows.filter(state=State.STREAMING).exists():
        raise Refused(_("The reply before is not finished. Wait for its end, or stop it."), status=409)
