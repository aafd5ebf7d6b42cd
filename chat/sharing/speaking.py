"""What a visitor can do: say something, read their own talks, take one along, delete it."""

from __future__ import annotations

from datetime import timedelta
from typing import Any
from uuid import UUID

from django.db import transaction
from django.db.models import F, Max, OuterRef, QuerySet, Subquery
from django.utils import timezone
from django.utils.translation import gettext as _

from chat import running
from chat.branches import path_get
from chat.models import Conversation, Message, PersonaShare
from chat.services import message_post, version_current
from chat.sharing.visits import Visit
from chat.usage import reply_allow
from questionnaires.models import Answer
from questionnaires.services import Refused
from training.models import PersonaModel

GAP = timedelta(seconds=2)  # between two messages of a visitor
A_MINUTE = 30  # messages of all visitors of a share: a new key is had by dropping a cookie
EARLIER = 20  # talks in a visitor's list
MINUTE, DAY = timedelta(minutes=1), timedelta(days=1)


def visit_post(*, visit: Visit, conversation_id: UUID, text: str, operation_id: str) -> Message:
    """As `message_post`, within the share's limits; a repeated operation counts once. Refused with a sentence."""
    if not visit.visitor:
        raise Refused(_("Your browser keeps no cookies, so your talk could not be found again. Allow them here."), 403)
    with transaction.atomic():
        talk = talks_of(visit=visit).filter(pk=conversation_id).first()
        if talk is None or not talk.messages.filter(operation_id=operation_id).exists():
            _count(visit, is_new=talk is None)
        return message_post(
            persona=visit.share.persona,
            conversation_id=conversation_id,
            text=text,
            operation_id=operation_id,
            version=version_of(share=visit.share),
            manner=visit.share.manner,
            visit=visit,
        )


def _count(visit: Visit, *, is_new: bool) -> None:
    """Refused (429) for one too many. Whatever refuses the message later takes the count back with it."""
    try:
        reply_allow(persona=visit.share.persona, version=version_of(share=visit.share))
    except Refused:  # how much that is, is the owner's affair
        raise _used_up() from None
    now = timezone.now()
    rows = PersonaShare.objects.filter(pk=visit.share.pk)
    rows.exclude(day_began__gt=now - DAY).update(day_began=now, day_messages=0)
    rows.exclude(minute_began__gt=now - MINUTE).update(minute_began=now, minute_messages=0)
    today = rows.filter(day_messages__lt=F("daily_messages"))
    fresh = {name: F(name) + 1 for name in ("messages", "day_messages", "minute_messages")}
    if not today.exists():
        raise _used_up()
    free = today.filter(minute_messages__lt=A_MINUTE)
    if _is_hasty(visit) or not free.update(**fresh, talks=F("talks") + int(is_new)):
        raise Refused(_("That was very fast. Wait two seconds, then send it again."), 429, retry_after=2)


def _used_up() -> Refused:
    return Refused(_("Today's messages are used up here. Come back tomorrow."), 429)


def _is_hasty(visit: Visit) -> bool:
    rows = Message.objects.filter(conversation__in=talks_of(visit=visit), role=Message.Role.PERSON)
    last = rows.aggregate(last=Max("created_at"))["last"]
    return last is not None and timezone.now() - last < GAP


def version_of(*, share: PersonaShare) -> PersonaModel | None:
    """Who answers; None is the bare model with the person's notes, as long as nothing was trained."""
    return version_current(persona=share.persona) if share.follows_current else share.version


def talks_of(*, visit: Visit) -> QuerySet[Conversation]:
    """The visitor's own conversations, last active first; none for a visitor without a key."""
    rows: QuerySet[Conversation] = Conversation.objects.filter(share=visit.share, visitor=visit.visitor)
    return rows.exclude(visitor="")


def talks_earlier(*, visit: Visit, current: UUID) -> list[dict[str, Any]]:
    """The visitor's other talks: id, when, and the first words of each."""
    said = Message.objects.filter(conversation=OuterRef("pk"), role=Message.Role.PERSON).order_by("number")
    rows = talks_of(visit=visit).exclude(pk=current).annotate(words=Subquery(said.values("text")[:1]))
    return [dict(row) for row in rows.values("id", "active_at", "words")[:EARLIER]]


def reply_find(*, visit: Visit, conversation_id: UUID, reply_id: UUID) -> Message | None:
    rows = Message.objects.filter(conversation__in=talks_of(visit=visit), conversation=conversation_id)
    found = rows.filter(role=Message.Role.PERSONA, pk=reply_id).select_related("conversation__share", "parent")
    reply: Message | None = found.first()
    return reply


def talk_delete(*, talk: Conversation) -> None:
    """Gone at once and for good."""
    for reply in talk.messages.filter(state__in=Message.RUNNING):
        running.reply_stop(reply=reply)
    talk.delete()


def quote_of(*, reply: Message, share: PersonaShare) -> Answer | None:
    """The answer that a reply rests on, where the share lets it be read and it still may be used."""
    if not share.may_quote or not reply.sources:
        return None
    rows = Answer.objects.filter(persona=share.persona_id, state=Answer.State.ANSWERED, pk=reply.sources[0]["answer"])
    found: Answer | None = rows.select_related("question__topic").first()
    is_allowed = found is not None and (share.all_topics or (found.question.topic_id or "own") in share.topics)
    return found if is_allowed else None


def label_of(*, share: PersonaShare) -> str:
    """What stands above the talk, and goes along with each copy of it."""
    words = _("AI portrait of %(name)s: a language model's words, made from their own answers. It can be wrong.")
    return words % {"name": share.persona.name}


def talk_as_text(*, talk: Conversation, share: PersonaShare) -> str:
    """The talk as plain text, under its label."""
    name = share.persona.name
    lines = [label_of(share=share), f"{timezone.localtime(talk.created_at):%Y-%m-%d %H:%M}", ""]
    for message in path_get(conversation=talk):
        is_visitor = message.role == Message.Role.PERSON
        never = never_told(share=share) if message.state == Message.State.UNKNOWN else "…"
        who = _("You") if is_visitor else _("AI portrait of %(name)s") % {"name": name}
        lines += [f"{who}:", *(f"  {line}".rstrip() for line in (message.text or never).splitlines()), ""]
    return "\n".join(lines)


def never_told(*, share: PersonaShare) -> str:
    """Whether it was never told or is not shared is nobody's business."""
    return _("%(name)s told me nothing about that for this talk.") % {"name": share.persona.name}
