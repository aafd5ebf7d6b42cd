"""What the owner can do with the shares of a persona: make one, look at the counts, end one."""

from __future__ import annotations

import secrets
from collections.abc import Collection
from dataclasses import dataclass, field
from datetime import timedelta
from uuid import UUID

from django.core.exceptions import ValidationError
from django.core.validators import validate_email
from django.db import transaction
from django.db.models import Count, Q
from django.utils import timezone
from django.utils.translation import gettext as _

from chat import running
from chat.models import Conversation, Message, PersonaShare, ShareGuest
from chat.sharing.addresses import can_name_people
from chat.sharing.visits import token_digest
from questionnaires.dataset import normalise
from questionnaires.models import Answer, Persona, Topic
from questionnaires.services import Refused
from training.models import PersonaModel

LIVES = (1, 7, 30, 90, 0)  # days; 0: until it is revoked
MOST_DAILY = 10_000
MOST_GUESTS = 50
MAX_LABEL = 80
OWN_QUESTIONS = "own"
SILENT_FOR = timedelta(days=30)  # after which a visitor's talk goes; their cookie lives as long

Kind, Manner = PersonaShare.Kind, PersonaShare.Manner


@dataclass(frozen=True)
class Terms:
    """What a share allows. `topics`: slugs, None for all; `version`: None for the one in use, whichever that is."""

    kind: str = Kind.LINK
    label: str = ""
    manner: str = Manner.NATURAL
    topics: Collection[str] | None = None
    may_quote: bool = False
    version: PersonaModel | None = None
    days: int = 30
    daily_messages: int = 100
    emails: tuple[str, ...] = field(default=())


def share_create(*, persona: Persona, terms: Terms) -> tuple[PersonaShare, str]:
    """The share and what its address ends with: of a link the token, which is kept nowhere and shown this once.

    Refused with a sentence for terms that make no sense. A strict persona quotes, so it may.
    """
    _check(terms)
    topics = None if terms.topics is None else _topics(persona, terms.topics)
    emails = _emails(terms.emails) if terms.kind == Kind.PEOPLE else ()
    token = secrets.token_urlsafe(32) if terms.kind == Kind.LINK else ""
    with transaction.atomic():
        share = PersonaShare.objects.create(
            owner_id=persona.owner_id,
            persona=persona,
            kind=terms.kind,
            digest=token_digest(token) if token else None,
            label=_label(terms.label),
            manner=terms.manner,
            all_topics=topics is None,
            topics=topics or [],
            may_quote=terms.may_quote or terms.manner == Manner.STRICT,
            follows_current=terms.version is None,
            version=terms.version,
            expires_at=timezone.now() + timedelta(days=terms.days) if terms.days else None,
            daily_messages=terms.daily_messages,
        )
        rows = [ShareGuest(owner_id=persona.owner_id, share=share, email=email) for email in emails]
        ShareGuest.objects.bulk_create(rows)
    return share, token or str(share.pk)


def _check(terms: Terms) -> None:
    if terms.kind not in Kind.values or (terms.kind == Kind.PEOPLE and not can_name_people()):
        raise Refused(_("Choose whom it is for: whoever has the link, or people of this installation."))
    if terms.manner not in Manner.values:
        raise Refused(_("Choose how it speaks: natural or strict."))
    if terms.days not in LIVES:
        raise Refused(_("Choose for how long it is open."))
    if not 1 <= terms.daily_messages <= MOST_DAILY:
        raise Refused(_("A day can have 1 to %(most)d messages.") % {"most": MOST_DAILY})


def _label(text: str) -> str:
    label = " ".join(normalise(text)[0].split())
    if len(label) > MAX_LABEL:
        raise Refused(_("The note is longer than 80 characters. Please shorten it."))
    return label


def _topics(persona: Persona, slugs: Collection[str]) -> list[str]:
    known = {topic.slug for topic in topics_offered(persona=persona)}
    chosen = sorted(known & set(slugs))
    if not chosen:
        raise Refused(_("Choose at least one topic, or all of them."))
    return chosen


def _emails(typed: Collection[str]) -> tuple[str, ...]:
    emails = tuple(dict.fromkeys(email.strip().lower() for email in typed if email.strip()))
    if not 1 <= len(emails) <= MOST_GUESTS:
        raise Refused(_("Name 1 to %(most)d people, an e-mail address a line.") % {"most": MOST_GUESTS})
    for email in emails:
        try:
            validate_email(email)
        except ValidationError:
            raise Refused(_("“%(text)s” is no e-mail address.") % {"text": email[:80]}) from None
    return emails


@dataclass(frozen=True)
class TopicOffered:
    slug: str
    title: str
    answers: int


def topics_offered(*, persona: Persona) -> list[TopicOffered]:
    """The topics that the persona has answers in, as the bank has them; the own questions last."""
    is_told = Q(questions__answers__persona=persona, questions__answers__state=Answer.State.ANSWERED)
    rows = Topic.objects.annotate(told=Count("questions__answers", filter=is_told)).filter(told__gt=0)
    found = [TopicOffered(topic.slug, str(topic), topic.told) for topic in rows]
    own = Answer.objects.filter(persona=persona, state=Answer.State.ANSWERED, question__topic=None).count()
    return [*found, TopicOffered(OWN_QUESTIONS, _("Your own questions"), own)] if own else found


def shares_get(*, persona: Persona) -> list[PersonaShare]:
    """Newest first, with the people named."""
    rows = PersonaShare.objects.filter(persona=persona, owner=persona.owner_id).select_related("version")
    return list(rows.prefetch_related("guests"))


def share_revoke(*, share: PersonaShare) -> None:
    """Nobody comes in from now on, replies under way end, and what visitors said is deleted: nobody can read it."""
    PersonaShare.objects.filter(pk=share.pk, revoked_at=None).update(revoked_at=timezone.now())
    visits_delete(share_ids=[share.pk])


def visits_delete(*, share_ids: Collection[UUID]) -> int:
    """Deletes all talks of these shares; how many."""
    talks = Conversation.objects.filter(share__in=list(share_ids))
    for reply in Message.objects.filter(conversation__in=talks, state__in=Message.RUNNING):
        running.reply_stop(reply=reply)
    count = len(keys := list(talks.values_list("pk", flat=True)))
    Conversation.objects.filter(pk__in=keys).delete()
    return count


def visits_purge() -> int:
    """Deletes the talks of shares that are over, and those that were silent for a month; how many."""
    now = timezone.now()
    over = PersonaShare.objects.filter(Q(expires_at__lte=now) | ~Q(revoked_at=None), conversations__isnull=False)
    count = visits_delete(share_ids=set(over.values_list("pk", flat=True)))
    silent = Conversation.objects.filter(share__isnull=False, active_at__lt=now - SILENT_FOR)
    keys = list(silent.values_list("pk", flat=True))
    Conversation.objects.filter(pk__in=keys).delete()
    return count + len(keys)
