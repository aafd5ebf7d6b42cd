"""What can be done with conversations. Keyword-only; each takes rows that belong to the caller."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from django.conf import settings
from django.db import transaction
from django.db.models import OuterRef, Q, Subquery
from django.utils import timezone
from django.utils.translation import gettext as _

from chat.models import Conversation, Message
from questionnaires.dataset import Turn, normalise
from questionnaires.models import Persona
from questionnaires.services import Refused
from training.models import PersonaModel

MAX_CHARACTERS = 4000
STALE_AFTER = timedelta(seconds=20)  # a reply is written to every second; older: its process died
EARLIER = 50  # conversations in the list
BARE = "bare"  # the name of the base model without a training, in forms

CHARACTERS_A_TOKEN = 3.5  # English in the bundled model's vocabulary
TURN_TOKENS = 900  # of its window of 2048: the note, the question and the reply need the rest
TURNS_IN_PROMPT = 0  # trained on single turns, it does worse with earlier ones in its prompt; docs/chat.md has figures

State = Message.State


def conversation_find(*, persona: Persona, conversation_id: UUID | None = None) -> Conversation | None:
    """The persona's conversation of that id; without an id the one that was active last."""
    rows = Conversation.objects.filter(persona=persona, owner=persona.owner_id)
    return (rows.filter(pk=conversation_id) if conversation_id else rows).first()


def conversations_earlier(*, persona: Persona, current: UUID) -> list[dict[str, Any]]:
    """The other conversations, last active first: id, when, and the first words of each."""
    said = Message.objects.filter(conversation=OuterRef("pk"), role=Message.Role.PERSON).order_by("number")
    rows = Conversation.objects.filter(persona=persona).exclude(pk=current)
    words = rows.annotate(words=Subquery(said.values("text")[:1]))[:EARLIER]
    return list(words.values("id", "active_at", "words"))


def version_current(*, persona: Persona) -> PersonaModel | None:
    return PersonaModel.objects.filter(persona=persona, is_current=True).first()


def version_suggested(*, persona: Persona, conversation: Conversation | None) -> PersonaModel | None:
    """The version that the conversation is held with, or the current one if that was made since or it is archived."""
    current = version_current(persona=persona)
    if conversation is None or (conversation.version and conversation.version.archived_at):
        return current
    newer = current and current.created_at > conversation.active_at
    return current if newer else conversation.version


def versions_offered(*, persona: Persona) -> list[PersonaModel]:
    """What the chat can be held with, newest first: archived versions are not in the way."""
    return list(PersonaModel.objects.filter(persona=persona, archived_at=None).select_related("connection"))


def version_choose(*, persona: Persona, name: str) -> PersonaModel | None:
    """The version of a form's field: an id, "bare" (none), or empty for the current one."""
    if name == BARE:
        return None
    if not name:
        return version_current(persona=persona)
    try:
        found: PersonaModel | None = PersonaModel.objects.filter(persona=persona, pk=UUID(name)).first()
    except ValueError:
        found = None
    if found is None:
        raise Refused(_("This version was deleted. Choose another one."))
    return found


def message_post(
    *, persona: Persona, conversation_id: UUID, text: str, operation_id: str, version: PersonaModel | None = None
) -> Message:
    """Stores what the person said and a pending reply, and returns the reply; a repeated operation its first one.

    The page chooses the conversation's id, and its first message makes the row. Refused with a sentence: an empty or
    long text, a reply still under way (409), a conversation of somebody else (404).
    """
    text = normalise(text)[0].strip()
    if not operation_id or len(operation_id) > 64:
        raise Refused(_("The message has no operation id of 1 to 64 characters."))
    with transaction.atomic():
        conversation = _locked(persona, conversation_id)
        if seen := conversation.messages.filter(role=Message.Role.PERSON, operation_id=operation_id).first():
            return conversation.messages.get(number=seen.number + 1)
        _check(text)
        _make_way(conversation)
        return _post(conversation, text, operation_id, version)


def _locked(persona: Persona, conversation_id: UUID) -> Conversation:
    Conversation.objects.get_or_create(pk=conversation_id, defaults={"owner_id": persona.owner_id, "persona": persona})
    row: Conversation = Conversation.objects.select_for_update().get(pk=conversation_id)
    if row.persona_id != persona.pk:
        raise Refused(_("There is no such conversation."), status=404)
    return row


def _check(text: str) -> None:
    if not text:
        raise Refused(_("The message is empty. Ask something."))
    if len(text) > MAX_CHARACTERS:
        raise Refused(_("The message is longer than 4000 characters. Please shorten it."), status=413)


def _make_way(conversation: Conversation) -> None:
    """A reply that nobody works on ends here; one under way has to end first."""
    replies_repair(conversation=conversation)
    rows = conversation.messages.filter(role=Message.Role.PERSONA)
    rows.filter(state=State.PENDING).update(state=State.CUT)
    if rows.filter(state=State.STREAMING).exists():
        raise Refused(_("The reply before is not finished. Wait for its end, or stop it."), status=409)


def _post(conversation: Conversation, text: str, operation_id: str, version: PersonaModel | None) -> Message:
    last = conversation.messages.order_by("-number").first()
    number = last.number + 1 if last else 1
    owner = {"owner_id": conversation.owner_id, "conversation": conversation}
    Message.objects.create(
        **owner,
        number=number,
        role=Message.Role.PERSON,
        text=text,
        operation_id=operation_id,
        starts_afresh=last is not None and (conversation.line_next or _is_silent(conversation)),
    )
    conversation.version, conversation.line_next, conversation.active_at = version, False, timezone.now()
    conversation.save(update_fields=["version", "line_next", "active_at"])
    return Message.objects.create(
        **owner, number=number + 1, role=Message.Role.PERSONA, state=State.PENDING, version=version
    )


def _is_silent(conversation: Conversation) -> bool:
    return timezone.now() - conversation.active_at > timedelta(seconds=settings.SILENCE_SECONDS)


def line_draw(*, conversation: Conversation) -> None:
    """The next message starts afresh."""
    Conversation.objects.filter(pk=conversation.pk).update(line_next=True)


def conversation_delete(*, conversation: Conversation) -> None:
    conversation.delete()


def reply_claim(*, reply: Message) -> bool:
    """Whether the caller is the one who answers: of several, one conditional UPDATE finds the pending row."""
    rows = Message.objects.filter(pk=reply.pk, state=State.PENDING)
    return rows.update(state=State.STREAMING, heartbeat_at=timezone.now()) == 1


def reply_beat(*, reply_id: UUID, text: str) -> bool:
    """Stores what came so far and that its process lives; whether the reply should go on."""
    rows = Message.objects.filter(pk=reply_id, state=State.STREAMING)
    alive = rows.update(text=text, heartbeat_at=timezone.now()) == 1
    return alive and not rows.filter(stop_requested=True).exists()


def reply_goes_on(*, reply_id: UUID) -> bool:
    """False once the person pressed stop, or the row is gone."""
    return Message.objects.filter(pk=reply_id, state=State.STREAMING, stop_requested=False).exists()


def reply_finish(*, reply_id: UUID, fields: dict[str, Any]) -> None:
    """The end of a claimed reply: `fields` are its state and whatever else is known of it."""
    Message.objects.filter(pk=reply_id, state=State.STREAMING).update(**fields)
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


@dataclass(frozen=True)
class Dialogue:
    """What a reply is an answer to: the message, the one before it, and earlier turns that fit the prompt."""

    text: str
    context: str | None
    turns: tuple[Turn, ...]


def dialogue_get(*, reply: Message) -> Dialogue:
    """The message before `reply` with its context: nothing from before the last line."""
    earlier = list(reply.conversation.messages.filter(number__lt=reply.number).order_by("-number")[:80])
    asked, *before = earlier
    if asked.starts_afresh:
        return Dialogue(asked.text, None, ())
    for place, message in enumerate(before):
        if message.starts_afresh:
            before = before[: place + 1]
            break
    said = next((message.text for message in before if message.role == Message.Role.PERSON), None)
    return Dialogue(asked.text, said, turns_fitting(before)[-TURNS_IN_PROMPT:] if TURNS_IN_PROMPT else ())


def turns_fitting(before: list[Message], tokens: int = TURN_TOKENS) -> tuple[Turn, ...]:
    """Whole turns, oldest first, of messages given newest first: as many of the newest as fit into `tokens`."""
    turns: list[Turn] = []
    room = tokens * CHARACTERS_A_TOKEN
    for reply, asked in zip(before[::2], before[1::2], strict=False):
        if reply.state not in {State.DONE, State.STOPPED} or not reply.text:
            continue
        room -= len(asked.text) + len(reply.text)
        if room < 0:
            break
        turns.insert(0, Turn(asked.text, reply.text))
    return tuple(turns)
