"""The replies that this process writes: what came so far, who listens, and one keeper that stores all of them.

One statement a second for all replies, since one a reply would keep the database busy with nothing else.
"""

from __future__ import annotations

import asyncio
import contextvars
from collections.abc import AsyncIterator, Mapping
from contextlib import contextmanager
from typing import Any
from uuid import UUID

from asgiref.sync import sync_to_async

from chat import lifecycle
from chat.models import Message

STORE_SECONDS = 1.0
PATIENCE_SECONDS = 2.0  # without a word, after which the page says that it waits

Heard = tuple[str, dict[str, Any]]  # an event for the page: its name and its data


class Progress:
    """A reply under way. Made and used in one event loop; `stop_soon` alone is called from elsewhere, too."""

    def __init__(self, reply_id: UUID, text: str = "") -> None:
        self.reply_id = reply_id
        self.text = text
        self.stopped = asyncio.Event()
        self.has_ended = False
        self._loop = asyncio.get_running_loop()
        self._listeners: list[asyncio.Queue[Heard]] = []

    def add(self, piece: str) -> None:
        self.text += piece
        self._tell("text", {"text": piece})

    def restart(self) -> None:
        self.text = ""
        self._tell("again", {})

    def wait(self) -> None:
        self._tell("waiting", {})

    def wait_if_silent(self) -> None:
        if not self.text:
            self.wait()

    def end(self) -> None:
        self.has_ended = True
        self._tell("end", {})

    def stop_soon(self) -> None:
        self._loop.call_soon_threadsafe(self.stopped.set)

    async def listen(self) -> AsyncIterator[Heard]:
        """What comes from now on, after what is there already."""
        queue: asyncio.Queue[Heard] = asyncio.Queue()
        self._listeners.append(queue)
        try:
            if self.text:
                yield "full", {"text": self.text}
            while not self.has_ended or not queue.empty():
                event = await queue.get()
                if event[0] != "end":
                    yield event
        finally:
            self._listeners.remove(queue)

    def _tell(self, name: str, data: dict[str, Any]) -> None:
        for queue in self._listeners:
            queue.put_nowait((name, data))


_running: dict[UUID, Progress] = {}
_keepers: dict[asyncio.AbstractEventLoop, asyncio.Task[None]] = {}


def progress_of(reply_id: UUID) -> Progress | None:
    """Of a reply that this process writes."""
    return _running.get(reply_id)


@contextmanager
def registered(progress: Progress) -> Any:
    """While it lasts the keeper stores the reply, other pages can listen, and it can be stopped at once."""
    loop = asyncio.get_running_loop()
    _running[progress.reply_id] = progress
    if loop not in _keepers:
        _keepers[loop] = loop.create_task(_keep(loop), context=contextvars.Context())
    patience = loop.call_later(PATIENCE_SECONDS, progress.wait_if_silent)
    try:
        yield progress
    finally:
        patience.cancel()
        _running.pop(progress.reply_id, None)


async def _keep(loop: asyncio.AbstractEventLoop) -> None:
    """Until this loop writes no reply any more."""
    try:
        while True:
            await asyncio.sleep(STORE_SECONDS)
            mine = {key: each for key, each in _running.items() if each._loop is loop}
            if not mine:
                return
            await _store(mine)
    finally:
        del _keepers[loop]


async def _store(mine: Mapping[UUID, Progress]) -> None:
    texts = {key: progress.text for key, progress in mine.items()}
    alive = await sync_to_async(lifecycle.replies_beat)(texts=texts)
    for key, progress in mine.items():
        if key not in alive:
            progress.stopped.set()


def reply_stop(*, reply: Message) -> None:
    """Stops a reply: at once where this process writes it, else within a second."""
    lifecycle.reply_stop(reply=reply)
    if progress := _running.get(reply.pk):
        progress.stop_soon()
