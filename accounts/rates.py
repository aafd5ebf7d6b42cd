"""How often something expensive may be asked for: counted a minute, by person and by address.

Counters stand in the cache (Redis, or this process alone while Redis is away): a limiter that is down limits nobody,
and no page fails for it.
"""

from __future__ import annotations

import time
from typing import Any

from django.conf import settings
from django.core.cache import cache
from django.http import HttpRequest
from django.utils.translation import gettext as _

from accounts.quotas import Kind, QuotaExceeded, is_shared, limit_of

SHARED_POSTS = 30  # expensive requests a minute of a person
AN_ADDRESS = 4  # times as many of one address: a household, a school


def rate_check(*, action: str, who: str, limit: float | None, seconds: int = 60) -> None:
    """Counts one more; QuotaExceeded when `who` did it more than `limit` times in this window of `seconds`."""
    if not limit:
        return
    window, rest = divmod(time.time(), seconds)
    key = f"rate:{action}:{who}:{window:.0f}"
    cache.add(key, 0, timeout=2 * seconds)
    try:
        count = cache.incr(key)
    except ValueError:  # it went in this very moment
        return
    if count > limit:
        wait = max(1, round(seconds - rest))
        sentence = _("That was too often: more than %(limit)d times in %(seconds)d seconds. Wait %(wait)d seconds.")
        raise QuotaExceeded(sentence % {"limit": limit, "seconds": seconds, "wait": wait}, "rate", wait)


def expensive_check(*, request: HttpRequest, action: str) -> None:
    """One limit for the person and a wider one for their address: on a message, a training, an import."""
    limit = posts_a_minute()
    if not limit:
        return
    user: Any = request.user
    if user.is_authenticated:
        rate_check(action=action, who=f"user{user.pk}", limit=limit)
    rate_check(action=action, who=f"address{address_of(request)}", limit=AN_ADDRESS * limit)


def requests_check(*, user: Any) -> None:
    """Of programs, with a token: so many a minute."""
    rate_check(action="api", who=f"user{user.pk}", limit=limit_of(user=user, kind=Kind.REQUESTS))


def posts_a_minute() -> int:
    chosen: int | None = getattr(settings, "EXPENSIVE_POSTS", None)
    return chosen if chosen is not None else SHARED_POSTS if is_shared() else 0


def address_of(request: HttpRequest) -> str:
    """The visitor's IP address, as the web server knows it (uvicorn believes a proxy on this computer)."""
    return str(request.META.get("REMOTE_ADDR", ""))
