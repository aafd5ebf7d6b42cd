"""Celery's side of the chat: what was deleted or is temporary goes for good, also when nobody opens the chat again."""

from celery import shared_task

from chat.conversations import conversations_purge
from chat.sharing.shares import visits_purge


@shared_task(name="chat.tasks.purge")  # type: ignore[untyped-decorator]
def purge() -> None:
    conversations_purge()
    visits_purge()
