"""The conversations of a persona as a shelf: listed, searched, named, deleted with a way back, and taken along."""

import json
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from django.db.models import OuterRef, Q, QuerySet, Subquery
from django.utils import timezone
from django.utils.translation import gettext as _

from chat.branches import path_get
from chat.models import Conversation, Message
from questionnaires.dataset import normalise
from questionnaires.models import Persona
from questionnaires.search import marked
from questionnaires.services import Refused

EARLIER = 50  # conversations in the list
MOST_FOUND = 60
MAX_TITLE = 120
AROUND, SHOWN = 60, 180  # characters before the first word found, and in all
UNDO_FOR = timedelta(minutes=10)
TEMPORARY_FOR = timedelta(minutes=30)  # of silence
CLOSED_FOR = timedelta(minutes=1)  # a page that is loaded again closes and opens within seconds


def kept(persona: Persona) -> QuerySet[Conversation]:
    """What is neither deleted nor temporary, nor a visitor's."""
    rows: QuerySet[Conversation] = Conversation.objects.filter(
        persona=persona, share=None, deleted_at=None, is_temporary=False
    )
    return rows


def conversations_earlier(*, persona: Persona, current: UUID) -> list[dict[str, Any]]:
    """The other conversations, last active first: id, when, its title, and the first words of each."""
    said = Message.objects.filter(conversation=OuterRef("pk"), role=Message.Role.PERSON).order_by("number")
    words = kept(persona).exclude(pk=current).annotate(words=Subquery(said.values("text")[:1]))[:EARLIER]
    return [dict(row) for row in words.values("id", "active_at", "title", "words")]


def conversation_rename(*, conversation: Conversation, title: str) -> None:
    """An empty title: it goes by its first words again."""
    title = " ".join(normalise(title)[0].split())
    if len(title) > MAX_TITLE:
        raise Refused(_("The name is longer than 120 characters. Please shorten it."))
    Conversation.objects.filter(pk=conversation.pk).update(title=title)


def conversation_delete(*, conversation: Conversation) -> None:
    """Out of sight at once; gone for good when `conversations_purge` runs some minutes later."""
    Conversation.objects.filter(pk=conversation.pk).update(deleted_at=timezone.now())


def conversation_restore(*, persona: Persona, conversation_id: UUID) -> Conversation:
    """Brings a deleted conversation back. Refused (404) when it is gone for good."""
    rows = Conversation.objects.filter(persona=persona, share=None, pk=conversation_id)
    rows.update(deleted_at=None)
    found: Conversation | None = rows.first()
    if found is None:
        raise Refused(_("This conversation is gone for good."), status=404)
    return found


def conversation_close(*, conversation: Conversation) -> None:
    """The page of a temporary conversation was left: it goes unless it is opened again within a minute."""
    Conversation.objects.filter(pk=conversation.pk, is_temporary=True).update(closed_at=timezone.now())


def conversation_open(*, conversation: Conversation) -> None:
    """The page is looked at."""
    if conversation.closed_at:
        Conversation.objects.filter(pk=conversation.pk).update(closed_at=None)


def conversations_purge(*, now: datetime | None = None) -> int:
    """Deletes for good, for everybody, what was deleted or is temporary and over. Returns how many."""
    now = now or timezone.now()
    over = Q(closed_at__lt=now - CLOSED_FOR) | Q(active_at__lt=now - TEMPORARY_FOR)
    rows = Conversation.objects.filter(Q(deleted_at__lt=now - UNDO_FOR) | Q(over, is_temporary=True))
    count = len(keys := list(rows.values_list("pk", flat=True)))
    Conversation.objects.filter(pk__in=keys).delete()
    return count


@dataclass(frozen=True)
class Found:
    """A message with all words in it. `parts` alternate: not a word that was found, one, not..."""

    message: Message
    parts: list[str]

    @property
    def title(self) -> str:
        return self.message.conversation.title


def conversations_search(*, persona: Persona, text: str) -> list[Found]:
    """Messages of kept conversations with all words of `text` in them or in the title, newest first.

    Compared in Python, since SQLite knows the case of Latin letters alone.
    """
    words = text.casefold().split()
    if not words:
        return []
    rows = Message.objects.filter(conversation__in=kept(persona)).exclude(text="").select_related("conversation")
    found = []
    for message in rows.order_by("-created_at", "-number").iterator():
        whole = f"{message.conversation.title}\n{message.text}".casefold()
        if all(word in whole for word in words):
            found.append(Found(message, marked(_excerpt(message.text, words), words)))
        if len(found) == MOST_FOUND:
            break
    return found


def _excerpt(text: str, words: list[str]) -> str:
    """The text from a little before the first word found."""
    start = max(0, min((at for word in words if (at := text.casefold().find(word)) >= 0), default=0) - AROUND)
    cut = text[start : start + SHOWN]
    return f"{'… ' if start else ''}{cut}{'…' if start + SHOWN < len(text) else ''}"


def export_json(*, conversation: Conversation) -> str:
    """All branches: each message with its parent, and which one is the head."""
    rows = conversation.messages.select_related("version")
    whole = {
        "persona": conversation.persona.name,
        "title": conversation.title,
        "begun": conversation.created_at.isoformat(),
        "manner": conversation.manner,
        "head": str(conversation.head_id or ""),
        "messages": [_message_row(message) for message in rows],
    }
    return json.dumps(whole, ensure_ascii=False, indent=1) + "\n"


def _message_row(message: Message) -> dict[str, Any]:
    return {
        "id": str(message.pk),
        "parent": str(message.parent_id) if message.parent_id else None,
        "role": message.role,
        "state": message.state,
        "text": message.text,
        "translation": message.translation,
        "at": message.created_at.isoformat(),
        "starts_afresh": message.starts_afresh,
        "version": message.version.number if message.version else None,
        "sources": [source["question"] for source in message.sources],
    }


def export_markdown(*, conversation: Conversation) -> str:
    """The chosen branch, as a reader would print it. What was said is quoted, so that it cannot forge a heading."""
    persona = conversation.persona.name
    lines = [f"# {conversation.title or _('Conversation with %(name)s') % {'name': persona}}", ""]
    for message in path_get(conversation=conversation):
        if message.starts_afresh:
            lines += ["---", ""]
        who = _("You") if message.role == Message.Role.PERSON else persona
        never = _("I never told it that.") if message.state == Message.State.UNKNOWN else "…"
        said = "\n\n".join(part for part in (message.text or never, message.translation) if part)
        lines += [f"**{who}** · {timezone.localtime(message.created_at):%Y-%m-%d %H:%M}", ""]
        lines += [f"> {line}".rstrip() for line in said.splitlines()] + [""]
    return "\n".join(lines)
