"""What can be done with conversations. Keyword-only; each takes rows that belong to the caller."""

from datetime import timedelta
from uuid import UUID

from django.conf import settings
from django.db import transaction
from django.db.models import Max
from django.utils import timezone
from django.utils.translation import gettext as _

from chat.lifecycle import make_way
from chat.models import Conversation, Message
from chat.sharing.visits import Visit
from chat.usage import reply_allow
from questionnaires.dataset import normalise
from questionnaires.models import Persona
from questionnaires.services import Refused
from training.models import PersonaModel

MAX_CHARACTERS = 4000
BARE = "bare"  # the name of the base model without a training, in forms

State = Message.State


def conversation_find(*, persona: Persona, conversation_id: UUID | None = None) -> Conversation | None:
    """The persona's conversation of that id; without an id the one that was active last, no temporary one."""
    rows = Conversation.objects.filter(persona=persona, owner=persona.owner_id, share=None, deleted_at=None)
    return (rows.filter(pk=conversation_id) if conversation_id else rows.filter(is_temporary=False)).first()


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
    *,
    persona: Persona,
    conversation_id: UUID,
    text: str,
    operation_id: str,
    version: PersonaModel | None = None,
    manner: str = "",
    is_temporary: bool = False,
    instead_of: Message | None = None,
    visit: Visit | None = None,
) -> Message:
    """Stores what the person said and a pending reply, and returns the reply; a repeated operation its first one.

    The page chooses the conversation's id, and its first message makes the row, which alone can make it temporary.
    `instead_of` is an earlier message of the person that this one stands beside, on a branch of its own. `visit`: not
    the owner speaks but a visitor of a share, in a conversation of theirs. Refused with a sentence: an empty or long
    text, a reply still under way (409), a conversation of somebody else (404).
    """
    text = normalise(text)[0].strip()
    if not operation_id or len(operation_id) > 64:
        raise Refused(_("The message has no operation id of 1 to 64 characters."))
    if manner and manner not in Conversation.Manner.values:
        raise Refused(_("There is no manner “%(name)s”. Choose strict, natural or free.") % {"name": manner[:20]})
    with transaction.atomic():
        conversation = _locked(persona, conversation_id, is_temporary, visit)
        if seen := conversation.messages.filter(role=Message.Role.PERSON, operation_id=operation_id).first():
            first: Message = seen.children.earliest("number")
            return first
        _check(text)
        make_way(conversation)
        reply_allow(persona=persona, version=version)
        conversation.manner = manner or conversation.manner
        return _post(conversation, text, operation_id, version, instead_of)


def _locked(persona: Persona, conversation_id: UUID, is_temporary: bool, visit: Visit | None) -> Conversation:
    whose = visit.row if visit else {"owner_id": persona.owner_id}
    fresh = {"persona": persona, "is_temporary": is_temporary, **whose}
    Conversation.objects.get_or_create(pk=conversation_id, defaults=fresh)
    row: Conversation = Conversation.objects.select_for_update().get(pk=conversation_id)
    is_mine = (row.share_id, row.visitor) == ((visit.share.pk, visit.visitor) if visit else (None, ""))
    if row.persona_id != persona.pk or row.deleted_at or not is_mine:
        raise Refused(_("There is no such conversation."), status=404)
    return row


def _check(text: str) -> None:
    if not text:
        raise Refused(_("The message is empty. Ask something."))
    if len(text) > MAX_CHARACTERS:
        raise Refused(_("The message is longer than 4000 characters. Please shorten it."), status=413)


def _post(
    conversation: Conversation,
    text: str,
    operation_id: str,
    version: PersonaModel | None,
    instead_of: Message | None,
) -> Message:
    number = (conversation.messages.aggregate(Max("number"))["number__max"] or 0) + 1
    head = conversation.head or conversation.messages.order_by("number").last()
    owner = {"owner_id": conversation.owner_id, "conversation": conversation}
    is_afresh = number > 1 and (conversation.line_next or _is_silent(conversation))
    said = Message.objects.create(
        **owner,
        number=number,
        parent=instead_of.parent if instead_of else head,
        role=Message.Role.PERSON,
        text=text,
        operation_id=operation_id,
        starts_afresh=instead_of.starts_afresh if instead_of else is_afresh,
    )
    reply: Message = Message.objects.create(
        **owner, number=number + 1, parent=said, role=Message.Role.PERSONA, state=State.PENDING, version=version
    )
    conversation.version, conversation.active_at, conversation.head = version, timezone.now(), reply
    conversation.line_next = conversation.line_next and instead_of is not None
    conversation.save(update_fields=["version", "manner", "line_next", "active_at", "head"])
    return reply


def _is_silent(conversation: Conversation) -> bool:
    return timezone.now() - conversation.active_at > timedelta(seconds=settings.SILENCE_SECONDS)


def line_draw(*, conversation: Conversation) -> None:
    """The next message starts afresh."""
    Conversation.objects.filter(pk=conversation.pk).update(line_next=True)
