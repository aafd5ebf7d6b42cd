"""Whose turn it is: first come, first served, and long generations make way for those who wait.

A runtime computes one adapter at a time (llama.cpp batches only equal LoRA sets and leaves other requests waiting until
the first ends), so requests under the same adapter run together and different adapters take turns.
"""

from __future__ import annotations

import asyncio
import logging
import threading
from collections import deque
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

from engine.serving.backend import Adapter, Backend, BrokenAdapter
from engine.serving.errors import ApiError, broken_model
from engine.serving.tasks import Task

CLOSING_STEPS = 20
"""Twentieths of a second that running tasks have to stop."""

log = logging.getLogger(__name__)


class Scheduler:
    """Runs tasks on the backend's slots. Every method is called in the event loop."""

    def __init__(self, backend: Backend, max_waiting: int, on_broken: Callable[[Adapter, str], None]) -> None:
        self._backend = backend
        self._max_waiting = max_waiting
        self._on_broken = on_broken
        self._waiting: deque[Task] = deque()
        self._running: dict[Task, int] = {}
        self._last_task_of_slot: list[Task | None] = [None] * backend.slots
        self._idle_since = list(range(backend.slots))
        self._clock = backend.slots
        self._contended = threading.Event()
        self._threads = ThreadPoolExecutor(backend.slots, thread_name_prefix="generate")

    @property
    def idle(self) -> bool:
        return not self._running and not self._waiting

    def submit(self, task: Task) -> None:
        """Queue a task. Raises ApiError 429 when too many wait already."""
        if len(self._waiting) >= self._max_waiting:
            sentence = f"{len(self._waiting)} requests are waiting already. Try again in a few seconds."
            raise ApiError(429, sentence, "queue_full")
        self._waiting.append(task)
        self._pump()

    def withdraw(self, task: Task) -> None:
        """Forget a task that waits; one that runs has to be told to stop."""
        if task in self._waiting:
            self._waiting.remove(task)
            self._pump()

    async def close(self) -> None:
        """Start nothing more, and give running tasks, which were told to stop, a moment to do so."""
        self._waiting.clear()
        for _ in range(CLOSING_STEPS):
            if not self._running:
                break
            await asyncio.sleep(0.05)
        self._threads.shutdown(wait=False, cancel_futures=True)

    def _pump(self) -> None:
        while self._waiting and self._can_start(self._waiting[0]):
            self._start(self._waiting.popleft())
        if self._waiting:
            self._contended.set()
        else:
            self._contended.clear()

    def _can_start(self, task: Task) -> bool:
        if not self._running:
            return True
        if not self._backend.is_loaded(task.adapter):
            return False
        if len(self._running) >= self._backend.slots_for(task.adapter):
            return False
        return all(other.adapter == task.adapter for other in self._running)

    def _start(self, task: Task) -> None:
        slot = self._choose_slot(task)
        self._running[task] = slot
        self._last_task_of_slot[slot] = task
        loop = asyncio.get_running_loop()
        future = loop.run_in_executor(self._threads, self._run, task, slot, loop)
        future.add_done_callback(lambda done: self._ended(task, done))

    def _choose_slot(self, task: Task) -> int:
        """The slot whose cached prompt most likely helps: the task's own, its adapter's, else the longest idle one."""
        free = [slot for slot in range(self._backend.slots) if slot not in self._running.values()]

        def preference(slot: int) -> tuple[bool, bool, int]:
            last = self._last_task_of_slot[slot]
            return last is not task, last is None or last.adapter != task.adapter, self._idle_since[slot]

        return min(free, key=preference)

    def _run(self, task: Task, slot: int, loop: asyncio.AbstractEventLoop) -> bool:
        """In a worker thread: one turn of a task, after loading its adapter."""
        if task.adapter is not None and not self._backend.is_loaded(task.adapter):
            self._backend.load(task.adapter)
            loop.call_soon_threadsafe(self._pump)
        return task.run(self._backend, slot, self._contended)

    def _ended(self, task: Task, done: asyncio.Future[bool]) -> None:
        slot = self._running.pop(task)
        self._clock += 1
        self._idle_since[slot] = self._clock
        error = None if done.cancelled() else done.exception()
        if error is not None:
            task.fail(self._explain(task, error))
        elif not done.cancelled() and not done.result():
            self._waiting.append(task)
        self._pump()

    def _explain(self, task: Task, error: BaseException) -> ApiError:
        if isinstance(error, BrokenAdapter) and task.adapter is not None:
            self._on_broken(task.adapter, str(error))
            return broken_model(task.adapter.name, str(error))
        if isinstance(error, ApiError):
            return error
        log.error("A generation failed", exc_info=error)
        return ApiError(500, "The generation failed inside the server. Its log says why.", "internal_error")
