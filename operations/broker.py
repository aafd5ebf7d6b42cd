"""The broker, asked directly: whether it answers, and how much waits in its queues."""

from __future__ import annotations

from functools import cache
from typing import Any, cast

import redis
from celery import current_app
from django.conf import settings
from redis.backoff import NoBackoff
from redis.retry import Retry

SECONDS = 1.0  # a look must not wait for a broker that is away
BINDING = "_kombu.binding."  # kombu's name of the set that makes a queue known
OWN = ("celeryev", "celery.pidbox")  # of Celery itself

PRIORITIES = ("", *(f"\x06\x16{step}" for step in (3, 6, 9)))  # kombu keeps a list for each step

BrokerError = redis.exceptions.RedisError


@cache
def _client(address: str) -> Any:
    options = {"socket_timeout": SECONDS, "socket_connect_timeout": SECONDS, "retry": Retry(NoBackoff(), 0)}
    return redis.Redis.from_url(address, **cast(dict[str, Any], options))


def client() -> Any:
    """A client of the broker. Its calls raise BrokerError after a second."""
    return _client(settings.REDIS_URL or f"unix://{settings.VALKEY_SOCKET}")


def queue_names() -> list[str]:
    """Queues that this installation rings in: those that tasks are sent to, and those that workers told of."""
    routes = (current_app.conf.task_routes or {}).values()
    names = {current_app.conf.task_default_queue, *(route["queue"] for route in routes if "queue" in route)}
    told = {key.decode().removeprefix(BINDING) for key in client().keys(f"{BINDING}*")}
    return sorted(names | {name for name in told if not name.startswith(OWN) and "pidbox" not in name})


def queue_lengths() -> dict[str, int]:
    """Messages that wait, by queue. BrokerError where the broker is away."""
    return {name: sum(int(client().llen(name + step)) for step in PRIORITIES) for name in queue_names()}
