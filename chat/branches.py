"""The tree of a conversation: which branch is shown, and how a message gets a sibling."""

from dataclasses import dataclass
from uuid import UUID

from django.db import transaction
from django.db.models import Max
from django.utils.translation import gettext as _

from chat.lifecycle import make_way
from chat.models import Conversation, Message
from questionnaires.services import Refused
from training.models import PersonaModel

State = Message.State


@dataclass(frozen=True)
class Place:
    """Which of the messages said at the same point one is, counted from 1, and its neighbours."""

    number: int
    total: int
    previous: UUID | None
    next: UUID | None


def path_get(*, conversation: Conversation) -> list[Message]:
    """The chosen branch from its first message to its last one, each with its `place` among its siblings."""
    rows = list(conversation.messages.select_related("version", "correction"))
    by_id = {message.pk: message for message in rows}
    siblings: dict[UUID | None, list[UUID]] = {}
    for message in rows:
        siblings.setdefault(message.parent_id, []).append(message.pk)
    last = by_id.get(conversation.head_id) or (rows[-1] if rows else None)
    path = _upwards(last, by_id)[::-1]
    for message in path:
        message.place = _place(message.pk, siblings[message.parent_id])
        message.conversation = conversation
    return path


def _upwards(message: Message | None, by_id: dict[UUID, Message]) -> list[Message]:
    """The message and those before it; each gets its parent's row, so that nobody has to look it up."""
    path: list[Message] = []
    while message is not None:
        path.append(message)
        message.parent = parent = by_id.get(message.parent_id) if message.parent_id else None
        message = parent
    return path


def _place(key: UUID, siblings: list[UUID]) -> Place:
    at = siblings.index(key)
    after = siblings[at + 1] if at + 1 < len(siblings) else None
    return Place(at + 1, len(siblings), siblings[at - 1] if at else None, after)


def placed(*, message: Message) -> Message:
    """The message with its `place`."""
    rows = Message.objects.filter(conversation=message.conversation_id, parent=message.parent_id).order_by("number")
    message.place = _place(message.pk, list(rows.values_list("pk", flat=True)))
    return message


def ancestors_get(*, message: Message) -> list[Message]:
    """What was said before `message` on its branch, newest first; one query at most, none on a path of `path_get`."""
    found: list[Message] = []
    while Message.parent.is_cached(message) and (parent := message.parent):
        message = parent
        found.append(message)
    if message.parent_id:
        by_id = {row.pk: row for row in Message.objects.filter(conversation=message.conversation_id)}
        found += _upwards(by_id[message.pk], by_id)[1:]
    return found


def branch_choose(*, message: Message) -> None:
    """Shows the branch of `message`, down to what was said last on it; it is the context of what comes next."""
    children: dict[UUID | None, UUID] = {}
    for key, parent in message.conversation.messages.order_by("number").values_list("pk", "parent"):
        children[parent] = key  # the newest one stays
    head = message.pk
    while head in children:
        head = children[head]
    Conversation.objects.filter(pk=message.conversation_id).update(head=head)


def reply_again(*, reply: Message, version: PersonaModel | None, manner: str = "") -> Message:
    """Another reply to the same message, beside `reply`. Refused (409) while one is under way."""
    with transaction.atomic():
        conversation = Conversation.objects.select_for_update().get(pk=reply.conversation_id)
        make_way(conversation)
        siblings = Message.objects.filter(conversation=conversation, parent=reply.parent_id)
        number = conversation.messages.aggregate(Max("number"))["number__max"] + 1
        fresh = Message.objects.create(
            owner_id=reply.owner_id,
            conversation=conversation,
            parent_id=reply.parent_id,
            number=number,
            role=Message.Role.PERSONA,
            state=State.PENDING,
            version=version,
            attempt=siblings.exclude(text="").count(),
        )
        kept = manner if manner in Conversation.Manner.values else conversation.manner
        Conversation.objects.filter(pk=conversation.pk).update(head=fresh, manner=kept)
        return fresh


def can_go_on(reply: Message) -> bool:
    """Whether the rest of a reply that was cut, stopped or too long can be asked for; a provider's cannot."""
    is_short = reply.state in {State.CUT, State.STOPPED} or reply.figures.get("finish") == "length"
    is_here = reply.version is None or not (reply.version.connection_id or reply.version.remote_model)
    return bool(reply.text) and is_short and is_here and not reply.is_running


def reply_continue(*, reply: Message) -> Message:
    """Has a reply written on from where it ended. Refused if it is whole, or not the last word of its branch."""
    with transaction.atomic():
        conversation = Conversation.objects.select_for_update().get(pk=reply.conversation_id)
        make_way(conversation)
        reply.refresh_from_db(fields=["state", "text", "figures"])
        if not can_go_on(reply) or reply.children.exists():
            raise Refused(_("This reply is whole; there is nothing to write on."), status=409)
        rows = Message.objects.filter(pk=reply.pk)
        rows.update(state=State.PENDING, error="", stop_requested=False, heartbeat_at=None)
        Conversation.objects.filter(pk=conversation.pk).update(head=reply)
    reply.refresh_from_db(fields=["state", "error", "stop_requested", "heartbeat_at"])
    return reply
