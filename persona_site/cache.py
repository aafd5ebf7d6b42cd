"""The cache: in Redis, and in this process alone as long as Redis is away.

What is kept here may be lost at any time: counters of rate limits, heartbeats of pages. Django's own backend raises
when the server is gone, and then a page would fail for a counter. This one notes the trouble, counts in the process's
memory and asks Redis again after some seconds.
"""

import logging
import time
from collections.abc import Callable
from functools import cache
from typing import Any

from django.core.cache.backends.locmem import LocMemCache
from django.core.cache.backends.redis import RedisCache, RedisCacheClient
from redis.backoff import NoBackoff
from redis.exceptions import RedisError
from redis.retry import Retry

logger = logging.getLogger(__name__)

AWAY_SECONDS = 5.0  # how long Redis is left alone after it failed: a request must not wait for it each time
SOCKET_SECONDS = 0.5


@cache
def _client(servers: tuple[str, ...]) -> RedisCacheClient:
    """One a process. Django makes one a thread, or a coroutine, and each opens connections of its own."""
    options: dict[str, Any] = {"socket_timeout": SOCKET_SECONDS, "socket_connect_timeout": SOCKET_SECONDS}
    return RedisCacheClient(list(servers), **options, retry=Retry(NoBackoff(), 0))


class _Away:
    """Until when Redis is not asked, for the whole process."""

    until = 0.0


class ForgivingCache(RedisCache):
    """Django's RedisCache, with a memory of the process in its place while the server is away."""

    def __init__(self, server: str, params: dict[str, Any]) -> None:
        super().__init__(server, params)
        self._local = LocMemCache("away", params)

    @property
    def _cache(self) -> RedisCacheClient:
        return _client(tuple(self._servers))  # type: ignore[attr-defined]  # of Django, not in its stubs

    def _tried(self, name: str, *arguments: Any, **options: Any) -> Any:
        method: Callable[..., Any] = getattr(super(), name)
        if time.monotonic() >= _Away.until:
            try:
                return method(*arguments, **options)
            except (RedisError, OSError) as error:
                _Away.until = time.monotonic() + AWAY_SECONDS
                logger.warning("The cache is away (%s); this process counts for itself.", type(error).__name__)
        return getattr(self._local, name)(*arguments, **options)

    def add(self, *arguments: Any, **options: Any) -> Any:
        return self._tried("add", *arguments, **options)

    def get(self, *arguments: Any, **options: Any) -> Any:
        return self._tried("get", *arguments, **options)

    def set(self, *arguments: Any, **options: Any) -> Any:
        return self._tried("set", *arguments, **options)

    def touch(self, *arguments: Any, **options: Any) -> Any:
        return self._tried("touch", *arguments, **options)

    def delete(self, *arguments: Any, **options: Any) -> Any:
        return self._tried("delete", *arguments, **options)

    def get_many(self, *arguments: Any, **options: Any) -> Any:
        return self._tried("get_many", *arguments, **options)

    def has_key(self, *arguments: Any, **options: Any) -> Any:
        return self._tried("has_key", *arguments, **options)

    def incr(self, *arguments: Any, **options: Any) -> Any:
        return self._tried("incr", *arguments, **options)

    def set_many(self, *arguments: Any, **options: Any) -> Any:
        return self._tried("set_many", *arguments, **options)

    def delete_many(self, *arguments: Any, **options: Any) -> Any:
        return self._tried("delete_many", *arguments, **options)

    def clear(self) -> None:
        """What the cache holds, and nothing else: Django's would empty the whole database, the queues included."""
        self._local.clear()
        if time.monotonic() >= _Away.until:
            try:
                server = self._cache.get_client(None, write=True)
                for key in server.scan_iter(match=f"{self.key_prefix}:*", count=500):
                    server.delete(key)
            except (RedisError, OSError):
                _Away.until = time.monotonic() + AWAY_SECONDS
