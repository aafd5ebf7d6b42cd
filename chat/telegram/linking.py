"""Who may talk to a persona in Telegram: accounts that were linked by a one-time code from the site."""

from __future__ import annotations

import hashlib
import secrets
import uuid
from datetime import timedelta

from django.conf import settings
from django.db import transaction
from django.utils import timezone

from chat.models import TelegramAccount, TelegramCode
from questionnaires.models import Persona

VALID_FOR = timedelta(minutes=15)
ALPHABET = "ABCDEFGHJKMNPQRSTUVWXYZ23456789"  # without what looks alike
LENGTH = 10  # 49 bits, and five guesses an hour


def code_make(*, persona: Persona, is_guest: bool = False) -> str:
    """A new code; it is not stored, only its hash. Codes that ran out go."""
    TelegramCode.objects.filter(expires_at__lt=timezone.now()).delete()
    code = "".join(secrets.choice(ALPHABET) for _place in range(LENGTH))
    TelegramCode.objects.create(
        owner_id=persona.owner_id,
        persona=persona,
        digest=_digest(code),
        is_guest=is_guest,
        expires_at=timezone.now() + VALID_FOR,
    )
    return code


def code_redeem(*, code: str, user_id: int, name: str, language: str) -> TelegramAccount | None:
    """Links the account; None for a code that is wrong, used or too old. A linked account changes its persona."""
    now = timezone.now()
    with transaction.atomic():
        rows = TelegramCode.objects.filter(
            digest=_digest(code), used_at=None, expires_at__gte=now, owner__is_active=True
        )
        if not rows.update(used_at=now):  # of two that come at once, one gets it
            return None
        found = TelegramCode.objects.select_related("persona").get(digest=_digest(code))
        fields = {
            "owner_id": found.owner_id,
            "persona": found.persona,
            "is_guest": found.is_guest,
            "name": name[:120],
            "language": language,
            "conversation_id": uuid.uuid4(),
            "created_at": now,
            "blocked_at": None,
        }
        account, _is_new = TelegramAccount.objects.update_or_create(user_id=user_id, defaults=fields)
        return account


def account_find(*, user_id: int) -> TelegramAccount | None:
    """The linked account. None as well while the owner's account on the site is closed."""
    rows = TelegramAccount.objects.select_related("persona", "owner")
    return rows.filter(user_id=user_id, owner__is_active=True).first()


def account_unlink(*, account: TelegramAccount) -> None:
    """The bot knows it no more; what was said stays in the conversations."""
    account.delete()


def account_blocked(*, account: TelegramAccount) -> None:
    """The person blocked the bot: nothing is sent until they write again."""
    TelegramAccount.objects.filter(pk=account.pk).update(blocked_at=timezone.now())


def account_greet(*, account: TelegramAccount, language: str) -> None:
    """What an update tells of the account: that it hears, and in which language."""
    if account.blocked_at or account.language != language:
        account.blocked_at, account.language = None, language
        account.save(update_fields=["blocked_at", "language"])


def _digest(code: str) -> str:
    """Keyed, so that a copy of the database is not searched for codes."""
    plain = "".join(code.upper().split()).replace("-", "")
    return hashlib.sha256(f"{settings.SEALING_KEY}:telegram:{plain}".encode()).hexdigest()
