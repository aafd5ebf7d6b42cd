"""Deleting everything: a plan first, then the person's word, then a worker that carries it out (privacy.erasing)."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from datetime import timedelta
from uuid import UUID

from django.conf import settings
from django.contrib.auth.models import User
from django.contrib.sessions.models import Session
from django.db import transaction
from django.utils import timezone
from django.utils.translation import gettext as _

from accounts.audit import audit_record
from privacy.erasure_scope import Scope, size_of
from privacy.models import Erasure
from privacy.receipts import token_digest, token_make
from questionnaires.models import Persona
from questionnaires.services import Refused

RECEIPT_KEPT = timedelta(days=30)


@dataclass(frozen=True)
class Elsewhere:
    """What is at a provider. No host: the connection was deleted, so nothing there can be reached."""

    host: str
    counts: dict[str, int]


@dataclass(frozen=True)
class Plan:
    """What goes, as the page shows it before the person confirms."""

    personas: list[str]
    answers: int
    conversations: int
    versions: int
    rows: int
    bytes: int
    active_runs: int
    telegram: int
    elsewhere: list[Elsewhere] = field(default_factory=list)


def stays_open(owner: User) -> bool:
    """Whether the account is left empty: the one of a laptop, which nobody signed up for."""
    first = User.objects.order_by("pk").first()
    return settings.SIGN_UP == "off" and first == owner and not owner.has_usable_password()


def erasure_plan(*, owner: User, persona: Persona | None = None) -> Plan:
    scope = Scope(owner, persona.pk if persona else None)
    counts = scope.counts()
    by_host: dict[str, Counter[str]] = {}
    for leftover in scope.leftovers():
        by_host.setdefault(leftover.host, Counter())[leftover.kind] += 1
    return Plan(
        personas=list(scope.personas.values_list("name", flat=True)),
        answers=counts.get("questionnaires.Answer", 0),
        conversations=counts.get("chat.Conversation", 0),
        versions=counts.get("training.PersonaModel", 0),
        rows=sum(counts.values()),
        bytes=sum(size_of(folder)[1] for folder in scope.folders()),
        active_runs=sum(run.is_active for run in scope.runs),
        telegram=scope.telegram().count(),
        elsewhere=[Elsewhere(host, dict(kinds)) for host, kinds in by_host.items()],
    )


def erasure_ask(*, owner: User, persona: Persona | None = None) -> tuple[Erasure, str]:
    """Queues it and returns the token of its receipt, which is shown once. From now on nobody comes in. The caller
    rings. Refused while it is under way already: its receipt's link was given then.
    """
    scope = Erasure.Scope.PERSONA if persona else Erasure.Scope.ACCOUNT
    token, digest = token_make()
    with transaction.atomic():
        locked = User.objects.select_for_update().get(pk=owner.pk)
        active = Erasure.objects.filter(account=owner.pk, state__in=Erasure.ACTIVE)
        if active.filter(persona=persona.pk if persona else None).exists():
            raise Refused(_("It is being deleted already."), 409)
        erasure = Erasure.objects.create(
            account=owner.pk,
            scope=scope,
            persona=persona.pk if persona else None,
            stays_open=stays_open(owner),
            digest=digest,
        )
        target = f"persona:{persona.pk}" if persona else f"account:{owner.pk}"
        audit_record(action=f"{scope}-erasure-asked", actor=owner, target=target)
        if not persona and not erasure.stays_open:
            locked.is_active = False
            locked.save(update_fields=["is_active"])
            erasure.receipt = {"sessions": sessions_end(owner)}
            erasure.save(update_fields=["receipt"])
    return erasure, token


def sessions_end(owner: User) -> int:
    """Logs the account out everywhere; how many sessions there were."""
    keys = [each.pk for each in Session.objects.iterator() if _account_of(each) == str(owner.pk)]
    return Session.objects.filter(pk__in=keys).delete()[0]


def _account_of(session: Session) -> str:
    return str(session.get_decoded().get("_auth_user_id", ""))


def erasure_find(*, token: str) -> Erasure | None:
    """By its receipt's token, as long as that is kept."""
    return Erasure.objects.filter(digest=token_digest(token)).first()


def erasures_expire() -> int:
    """Receipts whose 30 days are over go."""
    return Erasure.objects.filter(expires_at__lt=timezone.now()).delete()[0]


def erasure_of(*, persona: UUID) -> Erasure | None:
    """The one under way."""
    return Erasure.objects.filter(persona=persona, state__in=Erasure.ACTIVE).first()
