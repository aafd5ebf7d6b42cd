"""Celery's side of the writing room."""

from celery import shared_task

from questionnaires.thinning import histories_thin


@shared_task(name="questionnaires.tasks.thin_histories")  # type: ignore[untyped-decorator]
def thin_histories() -> None:
    histories_thin()
