"""Personal API tokens: made once, kept as a hash, checked with each request of a program.

    token, secret = token_create(owner=user, name="notebook", scopes=["read", "train"])
    token = token_check(request, "train")      # TokenRefused (401, 403) with a sentence

The secret has 256 random bits, so a plain SHA-256 keeps it as safe as a slow hash would keep a password.
"""

import hashlib
import secrets
from collections.abc import Sequence
from datetime import timedelta

from django.conf import settings
from django.contrib.auth.models import User
from django.db.models import Q
from django.http import HttpRequest
from django.utils import timezone
from django.utils.translation import gettext as _

from api.models import ApiToken
from questionnaires.owned import OwnedQuerySet
from questionnaires.services import Refused

SCOPES = ("read", "write", "train", "chat")  # write: answers and personas, by the REST API (api.rest)
START = "sk-persona-"
SHOWN = len(START) + 6  # characters of a key that the page shows again
MAX_NAME = 80
MAX_TOKENS = 50  # usable ones, of one person
LONGEST_DAYS = 3650
USE_NOTED_EVERY = timedelta(minutes=1)


class TokenRefused(Exception):
    """No way in with this key; the message is a sentence. `status` is 401 or 403, `code` as OpenAI has it."""

    def __init__(self, status: int, code: str, message: str) -> None:
        super().__init__(message)
        self.status, self.code, self.message = status, code, message


def token_create(*, owner: User, name: str, scopes: Sequence[str], days: int | None = None) -> tuple[ApiToken, str]:
    """A new token and its secret, which nobody can be shown again. `days` until it ends; None: never. Refused."""
    title = " ".join(name.split())
    if not title or len(title) > MAX_NAME:
        raise Refused(_("Give the key a name of at most %(n)d characters.") % {"n": MAX_NAME})
    wanted = [scope for scope in SCOPES if scope in scopes]
    if not wanted or set(scopes) - set(SCOPES):
        raise Refused(_("Choose what the key may do: %(names)s.") % {"names": ", ".join(SCOPES)})
    if days is not None and not 1 <= days <= LONGEST_DAYS:
        raise Refused(_("A key lasts from 1 to %(n)d days.") % {"n": LONGEST_DAYS})
    if tokens_usable(owner=owner).count() >= MAX_TOKENS:
        raise Refused(_("You have %(n)d keys. Revoke one that is not used any more.") % {"n": MAX_TOKENS}, 409)
    secret = START + secrets.token_urlsafe(32)
    token = ApiToken.objects.create(
        owner=owner,
        name=title,
        digest=_digest(secret),
        prefix=secret[:SHOWN],
        scopes=wanted,
        expires_at=timezone.now() + timedelta(days=days) if days else None,
    )
    return token, secret


def tokens_usable(*, owner: User) -> OwnedQuerySet:
    """Those that still open the door."""
    rows = ApiToken.objects.for_owner(owner).filter(revoked_at=None)
    return rows.filter(Q(expires_at=None) | Q(expires_at__gt=timezone.now()))


def token_revoke(*, token: ApiToken) -> None:
    """From now on it opens nothing. The row stays, so that its owner sees when it was last used."""
    ApiToken.objects.filter(pk=token.pk, revoked_at=None).update(revoked_at=timezone.now())


def token_check(request: HttpRequest, scope: str) -> ApiToken:
    """The token that the request carries as a Bearer, with its owner. TokenRefused without one that may do `scope`.

    A session's cookie is no token: another site's page could send it along.
    """
    if settings.SECURE_SSL_REDIRECT and not request.is_secure():
        raise TokenRefused(403, "insecure", _("Send the key over https alone. Revoke this one: others may have it."))
    secret = _bearer(request)
    if not secret:
        raise TokenRefused(401, "missing_api_key", _("Send your key: the header Authorization: Bearer YOUR_KEY."))
    token: ApiToken | None = ApiToken.objects.select_related("owner").filter(digest=_digest(secret)).first()
    if token is None or not token.owner.is_active:
        raise TokenRefused(401, "invalid_api_key", _("There is no such key here. Make one on the page For programs."))
    now = timezone.now()
    if token.revoked_at or (token.expires_at and token.expires_at <= now):
        raise TokenRefused(401, "invalid_api_key", _("This key was revoked, or its time is over. Make a new one."))
    if scope not in token.scopes:
        sentence = _("This key may not do that: it needs the scope %(scope)s. Make one that has it.")
        raise TokenRefused(403, "insufficient_permissions", sentence % {"scope": scope})
    if token.last_used_at is None or now - token.last_used_at > USE_NOTED_EVERY:
        ApiToken.objects.filter(pk=token.pk).update(last_used_at=now)
    return token


def _bearer(request: HttpRequest) -> str:
    kind, _space, secret = request.headers.get("Authorization", "").partition(" ")
    return secret.strip() if kind.lower() == "bearer" else ""


def _digest(secret: str) -> str:
    return hashlib.sha256(secret.encode("utf-8", "surrogateescape")).hexdigest()
