"""What a visitor's reply may rest on: only the answers that the share names ever reach the model."""

from collections.abc import Sequence

from django.utils.translation import gettext as _

from chat.errors import EngineError
from chat.grounding import Told
from chat.models import Conversation, PersonaShare
from chat.told import told_recent


class SharingEnded(EngineError):
    """The share was revoked, or its time is over."""


def told_in(*, conversation: Conversation) -> list[Told]:
    """The answers for a reply in this conversation: all for the owner. SharingEnded for a visitor who came too late."""
    told = told_recent(persona=conversation.persona)
    if conversation.share_id is None:
        return told
    share = PersonaShare.objects.get(pk=conversation.share_id)
    if not share.is_open:
        raise SharingEnded(_("The sharing has ended."))
    return told_allowed(share=share, told=told)


def told_allowed(*, share: PersonaShare, told: Sequence[Told]) -> list[Told]:
    return [each for each in told if share.all_topics or each.chapter in share.topics]
