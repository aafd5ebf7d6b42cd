"""Invitations: links that make one account, within seven days. The token's digest is kept, never the token."""

import hashlib
import secrets
import uuid
from datetime import timedelta

from django.conf import settings
from django.contrib.auth.models import User
from django.db import models
from django.db.models import QuerySet
from django.utils import timezone
from django.utils.translation import gettext as _

from accounts.addresses import address_free
from accounts.audit import audit_record
from accounts.refusing import Refused

LIFE = timedelta(days=7)
OPEN_AT_MOST = 200


class Invitation(models.Model):
    """One account may be made with it; with an `email`, for that address alone."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    digest = models.CharField(max_length=64, unique=True)  # SHA-256 of the token
    email = models.EmailField(blank=True)
    invited_by = models.ForeignKey(settings.AUTH_USER_MODEL, null=True, on_delete=models.SET_NULL, related_name="+")
    created_at = models.DateTimeField(auto_now_add=True)
    expires_at = models.DateTimeField()
    used_at = models.DateTimeField(null=True, blank=True)
    used_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, blank=True, on_delete=models.SET_NULL, related_name="+"
    )

    class Meta:
        app_label = "accounts"
        ordering = ["-created_at"]

    def __str__(self) -> str:
        return f"invitation until {self.expires_at:%F}"


def invitations_open() -> QuerySet[Invitation]:
    """Those that still make an account, newest first."""
    return Invitation.objects.filter(used_at=None, expires_at__gt=timezone.now())


def invitation_create(*, by: User, email: str = "") -> tuple[Invitation, str]:
    """A new invitation and its token, which cannot be had again."""
    email = address_free(email) if email.strip() else ""
    if invitations_open().count() >= OPEN_AT_MOST:
        raise Refused(_("There are %d open invitations already. Revoke some first.") % OPEN_AT_MOST)
    token = secrets.token_urlsafe(32)
    row = Invitation.objects.create(digest=_digest(token), email=email, invited_by=by, expires_at=timezone.now() + LIFE)
    audit_record(action="invitation-made", actor=by, target=f"invitation:{row.pk}")
    return row, token


def invitation_find(*, token: str) -> Invitation | None:
    """The open invitation of that token."""
    return invitations_open().filter(digest=_digest(token)).first()


def invitation_get(*, pk: str) -> Invitation | None:
    """The invitation with that id, if it is still open."""
    return invitations_open().filter(pk=pk).first() if pk else None


def invitation_use(*, invitation: Invitation, user: User) -> None:
    """Refused if somebody was faster, or it was revoked meanwhile: of two sign-ups at once one gets it."""
    used = invitations_open().filter(pk=invitation.pk).update(used_at=timezone.now(), used_by=user)
    if not used:
        raise Refused(_("This invitation has been used, revoked or is too old. Ask for another one."), status=410)
    audit_record(action="invitation-used", actor=user, target=f"invitation:{invitation.pk}")


def invitation_revoke(*, pk: uuid.UUID, by: User) -> bool:
    """Whether there was an open one to revoke."""
    gone = bool(invitations_open().filter(pk=pk).delete()[0])
    if gone:
        audit_record(action="invitation-revoked", actor=by, target=f"invitation:{pk}")
    return gone


def _digest(token: str) -> str:
    return hashlib.sha256(token.encode()).hexdigest()
