"""Rings a worker, without making whoever rings wait for a broker that is away."""

import logging
from typing import Any

from celery import current_app
from kombu.exceptions import OperationalError

logger = logging.getLogger(__name__)

PUBLISH_SECONDS = 2  # a click must not wait for a broker that is away


def publish(task: Any, *arguments: str, countdown: float = 0.0, queue: str = "", priority: int = 0) -> bool:
    """Whether the message was taken; if not, the sweep rings later. `queue`: another than the task's own.

    `priority`: 0 comes first, 9 last.
    """
    options = {
        **(current_app.conf.broker_transport_options or {}),
        "socket_timeout": PUBLISH_SECONDS,
        "socket_connect_timeout": PUBLISH_SECONDS,
        "max_retries": 0,
    }
    try:
        with current_app.connection_for_write(connect_timeout=PUBLISH_SECONDS, transport_options=options) as connection:
            how = {"countdown": countdown or None, "priority": priority, **({"queue": queue} if queue else {})}
            task.apply_async(arguments, connection=connection, retry=False, **how)
    except OperationalError as error:
        logger.warning("The broker is away (%s); the sweep rings again.", error)
        return False
    return True
