"""Celery's side of “which one is me?”: an id in, one service call out."""

from __future__ import annotations

from uuid import UUID

from celery import shared_task

from fidelity.friend_speaking import replies_make
from questionnaires.doorbell import publish


@shared_task(name="fidelity.friend_tasks.make_replies")  # type: ignore[untyped-decorator]
def make_replies(link_id: str) -> None:
    replies_make(link_id=UUID(link_id))


def enqueue(link_id: UUID) -> bool:
    """Rings for the replies of a link; False if the broker is away."""
    return publish(make_replies, str(link_id))
