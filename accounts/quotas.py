"""Who may use how much. A limit is the person's own, else the installation's; 0 or none means: as much as they like.

`quota_check` asks before something is done, `quota_take` asks and counts in one step, so that two requests at once
cannot both have the last one. What was used is counted in a ledger (accounts.quota_tables.Usage): rows of trainings and
messages can be deleted, and what they cost was spent all the same. What is there to be counted (portraits, megabytes)
the caller counts.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from math import ceil
from typing import Any

from django.conf import settings
from django.db import transaction
from django.db.models import F, Sum
from django.utils import timezone
from django.utils.formats import number_format
from django.utils.translation import gettext as _

from accounts.quota_tables import Kind, Quota, Usage

__all__ = [
    "Kind",
    "QuotaExceeded",
    "default_limit",
    "is_shared",
    "limit_of",
    "quota_check",
    "quota_take",
    "references_open",
    "usage_add",
    "usage_of",
    "usage_of_reference",
    "usage_settle",
]

MONEY = "money"  # both limits of money are about the same dollars
A_DAY = (Kind.TRAININGS, Kind.TRAINING_MINUTES, Kind.CHAT_TOKENS, Kind.MONEY_A_DAY)
# Where people share an installation and nobody chose otherwise.
SHARED_DEFAULTS: Mapping[str, float] = {
    Kind.TRAININGS: 20,
    Kind.TRAINING_MINUTES: 240,
    Kind.CHAT_TOKENS: 200_000,
    Kind.MONEY_A_DAY: 20,
    Kind.MONEY_A_MONTH: 100,
    Kind.PERSONAS: 10,
    Kind.STORAGE_MB: 2000,
    Kind.REQUESTS: 120,
}


class QuotaExceeded(Exception):
    """A limit is reached. The message is a sentence: what is used up, the limit, when it is free again.

    `retry_after`: whole seconds until then; None where time does not help.
    """

    status = 429

    def __init__(self, sentence: str, kind: str, retry_after: int | None = None) -> None:
        super().__init__(sentence)
        self.kind, self.retry_after = kind, retry_after


def is_shared() -> bool:
    """Whether several people use this installation."""
    return getattr(settings, "SIGN_UP", "off") != "off"


def limit_of(*, user: Any, kind: str) -> float | None:
    """The limit that counts for the person; None for none."""
    own = Quota.objects.filter(user=user).values_list(kind, flat=True).first()
    value = default_limit(kind) if own is None else float(own)
    return value or None


def default_limit(kind: str) -> float:
    """The installation's: QUOTA_... where that is set. 0: no limit, as for the one owner of a computer of their own."""
    chosen = getattr(settings, "QUOTAS", {}).get(kind)
    if chosen is not None:
        return float(chosen)
    return SHARED_DEFAULTS[kind] if is_shared() else 0.0


def usage_of(*, user: Any, kind: str) -> float:
    """What the person used of it today, or this month. Of what the caller counts: 0."""
    since = _period(kind)[0]
    rows = Usage.objects.filter(user=user, kind=_ledger(kind), day__gte=since.date())
    return float(rows.aggregate(sum=Sum("amount"))["sum"] or 0.0)


def quota_check(*, user: Any, kind: str, amount: float = 1, used: float | None = None) -> None:
    """QuotaExceeded where `amount` more would be too much. `used`: what there is of portraits or megabytes."""
    limit = limit_of(user=user, kind=kind)
    if limit is None:
        return
    so_far = usage_of(user=user, kind=kind) if used is None else used
    if so_far + amount > limit + 1e-9:
        raise _exceeded(Kind(kind), so_far, amount, limit)


def quota_take(*, user: Any, amounts: Mapping[str, float], reference: str = "") -> None:
    """Counts all `amounts`, by kind, or none of them: then QuotaExceeded. In the caller's transaction.

    With a `reference` they are promises, to be settled (`usage_settle`).
    """
    with transaction.atomic():
        for kind in amounts:  # two at once come one after the other, by a lock of the day's row
            Usage.objects.select_for_update().get(pk=_row(user, _ledger(kind)).pk)
        for kind, amount in amounts.items():
            quota_check(user=user, kind=kind, amount=amount)
        for kind, amount in {_ledger(kind): amount for kind, amount in amounts.items()}.items():
            usage_add(user=user, kind=kind, amount=amount, reference=reference)


def usage_add(*, user: Any, kind: str, amount: float, reference: str = "") -> None:
    """Counts what was used, whatever the limit. `user`: a person or their key."""
    row = _row(user, _ledger(kind), reference)
    Usage.objects.filter(pk=row.pk).update(amount=F("amount") + amount, is_settled=not reference)


def usage_settle(*, reference: str, amounts: Mapping[str, float]) -> None:
    """What was promised under `reference` was really this much, by kind; a kind that is missing stays as promised."""
    rows = Usage.objects.filter(reference=reference)
    for kind, amount in amounts.items():
        rows.filter(kind=_ledger(kind)).update(amount=amount)
    rows.update(is_settled=True)


def references_open(*, prefix: str) -> list[str]:
    """References that begin with `prefix` and wait to be settled."""
    rows = Usage.objects.filter(is_settled=False, reference__startswith=prefix)
    return sorted(set(rows.values_list("reference", flat=True)))


def usage_of_reference(*, reference: str, kind: str) -> float:
    """What stands in the ledger under `reference`."""
    rows = Usage.objects.filter(reference=reference, kind=_ledger(kind))
    return float(rows.aggregate(sum=Sum("amount"))["sum"] or 0.0)


def _row(user: Any, kind: str, reference: str = "") -> Usage:
    key = {"user_id": getattr(user, "pk", user), "kind": kind, "day": timezone.localdate(), "reference": reference}
    return Usage.objects.get_or_create(**key)[0]


def _ledger(kind: str) -> str:
    """Under which name the ledger counts a kind."""
    return MONEY if kind in {Kind.MONEY_A_DAY, Kind.MONEY_A_MONTH} else kind


def _period(kind: str) -> tuple[datetime, datetime]:
    """From when a limit counts, and when it begins anew."""
    today = timezone.localtime().replace(hour=0, minute=0, second=0, microsecond=0)
    if kind != Kind.MONEY_A_MONTH:
        return today, today + timedelta(days=1)
    first = today.replace(day=1)
    return first, (first + timedelta(days=32)).replace(day=1)


def _exceeded(kind: Kind, used: float, amount: float, limit: float) -> QuotaExceeded:
    what = {"what": kind.label, "limit": _number(limit), "used": _number(used), "amount": _number(amount)}
    sentence = _("Your limit is %(limit)s %(what)s; %(used)s are used.") % what
    if used < limit:
        sentence = _("Your limit is %(limit)s %(what)s; %(used)s are used and this would take %(amount)s.") % what
    if kind not in A_DAY and kind != Kind.MONEY_A_MONTH:
        return QuotaExceeded(f"{sentence} {_('Delete what you no longer need, or ask for more.')}", kind)
    free = _period(kind)[1]
    wait = ceil((free - timezone.now()).total_seconds())
    again = {"when": f"{timezone.localtime(free):%d.%m. %H:%M}", "zone": settings.TIME_ZONE}
    return QuotaExceeded(f"{sentence} {_('It is free again on %(when)s (%(zone)s).') % again}", kind, max(1, wait))


def _number(value: float) -> str:
    return number_format(round(value, 2), 0 if float(value).is_integer() else 2)
