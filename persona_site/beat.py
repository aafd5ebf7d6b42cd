"""One beat among several: each machine's worker carries one, and whoever holds a lease in the broker ticks.

Two beats would do no harm, since every task finds out what is left to do, but each would do everything twice.
"""

import logging
from typing import Any

import redis
from celery.beat import PersistentScheduler
from django.conf import settings

logger = logging.getLogger(__name__)

LEASE_SECONDS, LOOK_SECONDS = 20, 5.0
KEY = "persona:beat"
# Renews the lease of this machine, or takes a free one: one step, so that two cannot both find it free.
TAKE = """
local holder = redis.call('get', KEYS[1])
if holder and holder ~= ARGV[1] then return 0 end
redis.call('set', KEYS[1], ARGV[1], 'EX', ARGV[2])
return 1
"""


class SharedScheduler(PersistentScheduler):  # type: ignore[misc]
    """Ticks while this machine holds the lease; else looks again in some seconds."""

    def __init__(self, *arguments: Any, **named: Any) -> None:
        self._broker = redis.Redis.from_url(settings.REDIS_URL, socket_timeout=3, socket_connect_timeout=3)
        super().__init__(*arguments, **named)

    def tick(self, *arguments: Any, **named: Any) -> float:
        if not self._holds_lease():
            return LOOK_SECONDS
        return min(LOOK_SECONDS, float(super().tick(*arguments, **named)))

    def _holds_lease(self) -> bool:
        try:
            return bool(self._broker.eval(TAKE, 1, KEY, settings.HOST_NAME, LEASE_SECONDS))
        except redis.RedisError as error:
            logger.warning("The broker is away (%s); the beat waits.", type(error).__name__)
            return False
