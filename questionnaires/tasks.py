"""Celery's side: ids in, one service call out. A message is a doorbell; what is to be done stands in the database."""

from uuid import UUID

from celery import shared_task

from questionnaires.comparisons import comparison_make
from questionnaires.doorbell import publish as _publish
from questionnaires.thinning import histories_thin


@shared_task(name="questionnaires.tasks.compare")  # type: ignore[untyped-decorator]
def compare(persona_id: str) -> None:
    comparison_make(persona_id=UUID(persona_id))


@shared_task(name="questionnaires.tasks.thin_histories")  # type: ignore[untyped-decorator]
def thin_histories() -> None:
    histories_thin()


def enqueue_comparison(persona_id: UUID) -> bool:
    """Rings for a comparison; False if the broker is away. Call it after the commit."""
    return _publish(compare, str(persona_id))
