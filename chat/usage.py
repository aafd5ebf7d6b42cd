"""What replies cost: tokens, and at a provider dollars, counted for the owner of the persona, whoever asked."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from accounts.quotas import Kind, quota_check, usage_add
from chat.models import Message
from chat.signals import reply_ended
from questionnaires.models import Persona
from questionnaires.save_result import within_limits
from training.connections import preset_of
from training.models import PersonaModel


def reply_allow(*, persona: Persona, version: PersonaModel | None) -> None:
    """Refused (429) where the day's tokens, or at a provider the day's or the month's dollars, are used up."""
    with within_limits():
        quota_check(user=persona.owner_id, kind=Kind.CHAT_TOKENS)
        if version is not None and version.connection_id:
            quota_check(user=persona.owner_id, kind=Kind.MONEY_A_DAY, amount=0.01)
            quota_check(user=persona.owner_id, kind=Kind.MONEY_A_MONTH, amount=0.01)


def reply_charge(*, reply_id: UUID, state: str, figures: dict[str, Any]) -> None:
    """Counts a reply that has ended."""
    reply_ended.send(sender=Message, state=state, figures=figures)
    tokens = figures.get("tokens", 0)
    rows = Message.objects.filter(pk=reply_id).select_related("conversation__persona", "version__connection")
    reply = rows.first() if tokens else None
    if reply is None:
        return
    owner = reply.conversation.persona.owner_id
    usage_add(user=owner, kind=Kind.CHAT_TOKENS, amount=tokens)
    if dollars := dollars_of(reply.version, figures):
        usage_add(user=owner, kind=Kind.MONEY_A_DAY, amount=dollars)


def dollars_of(version: PersonaModel | None, figures: dict[str, Any]) -> float:
    """Of a reply of a version at a provider, by the preset's prices; 0 where they are not known."""
    if version is None or version.connection is None:
        return 0.0
    offer = preset_of(version.connection).offer(version.base_model)
    if offer is None:
        return 0.0
    heard, said = figures.get("prompt_tokens", 0), figures.get("tokens", 0)
    return float((heard * (offer.input or 0.0) + said * (offer.output or 0.0)) / 1e6)
