"""Who comes in to talk with a shared persona, and by which key they are known again."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from django.contrib.auth.models import AbstractBaseUser, AnonymousUser
from django.db.models import Q, QuerySet

from chat.models import PersonaShare, ShareGuest
from chat.sharing.addresses import emails_of

Somebody = AbstractBaseUser | AnonymousUser


@dataclass(frozen=True)
class Visit:
    """A visitor at an open share.

    `token` is what stands in the address: a link's token, or the id of a share with named people. `visitor` is a digest
    of the key that a link's visitor has in a cookie, or of a named person's account; empty where there is no key yet.
    """

    share: PersonaShare
    token: str
    visitor: str
    guest_id: int | None = None

    @property
    def row(self) -> dict[str, Any]:
        """Fields of a new conversation. It has no owner, and its words go to no translator."""
        whose = {"owner_id": None, "share": self.share, "visitor": self.visitor, "guest_id": self.guest_id}
        return whose | {"translation": "off"}


def token_digest(token: str) -> str:
    return hashlib.sha256(f"share:{token}".encode()).hexdigest()


def visit_find(*, token: str, user: Somebody, key: str) -> Visit | None:
    """The visit of that address, or None: wrong, revoked, expired and somebody else's look the same."""
    rows = PersonaShare.objects.filter(owner__is_active=True).select_related("persona", "version")
    share = rows.filter(kind=PersonaShare.Kind.LINK, digest=token_digest(token)).first()
    if share is not None:
        return Visit(share, token, _visitor(share, f"key:{key}") if key else "") if share.is_open else None
    if not user.is_authenticated or (share_id := _uuid(token)) is None:
        return None
    mine = Q(owner=user.pk) | Q(pk__in=_named_in(user))  # the owner may look at what the others see
    share = rows.filter(mine, kind=PersonaShare.Kind.PEOPLE, pk=share_id).first()
    if share is None or not share.is_open:
        return None
    return Visit(share, token, _visitor(share, f"user:{user.pk}"), user.pk)


def shares_with(*, user: Somebody) -> list[PersonaShare]:
    """The open shares that name the user."""
    rows = PersonaShare.objects.filter(kind=PersonaShare.Kind.PEOPLE, pk__in=_named_in(user), owner__is_active=True)
    return [share for share in rows.select_related("persona", "version") if share.is_open]


def _named_in(user: Somebody) -> QuerySet[ShareGuest, Any]:
    """By an address that is known to be theirs."""
    return ShareGuest.objects.filter(email__in=emails_of(user)).values("share")


def _visitor(share: PersonaShare, key: str) -> str:
    """Of this share alone: the digests of one visitor at two shares have nothing in common."""
    return hashlib.sha256(f"{share.pk}:{key}".encode()).hexdigest()


def _uuid(text: str) -> UUID | None:
    try:
        return UUID(text)
    except ValueError:
        return None
