"""Turns are shared fairly; checked on a runtime that spells a text, a letter a token."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Coroutine, Sequence
from pathlib import Path
from typing import Any

import pytest

from engine.serving.backend import Adapter, BrokenAdapter, Generation, Logprob, Message, OnToken, Outcome, Token
from engine.serving.errors import ApiError
from engine.serving.scheduler import Scheduler
from engine.serving.tasks import TURN, Delta, Events, Finished, GenerationTask

TEXT = "".join(chr(ord("a") + place % 26) for place in range(400))


class Speller:
    """Continues a prompt that is a beginning of TEXT; notes the order in which adapters were computed."""

    adapter_file = "adapter.gguf"
    adapter_capacity = 1

    def __init__(self, slots: int = 2, seconds: float = 0.0) -> None:
        self.slots = slots
        self.seconds = seconds
        self.log: list[str] = []
        self.at_once: set[frozenset[str]] = set()
        self._active: list[str] = []
        self._loaded: Adapter | None = None

    def slots_for(self, adapter: Adapter | None) -> int:
        return self.slots

    def render(self, messages: Sequence[Message], adapter: Adapter | None = None) -> str:
        return ""

    def is_loaded(self, adapter: Adapter | None) -> bool:
        return adapter is None or adapter == self._loaded

    def load(self, adapter: Adapter) -> None:
        assert not self._active, "an adapter was loaded while something was generated"
        if adapter.name == "bad":
            raise BrokenAdapter("it is broken.")
        self._loaded = adapter

    def generate(self, request: Generation, slot: int, on_token: OnToken) -> Outcome:
        name = request.adapter.name if request.adapter else "base"
        self.log.append(name)
        self._active.append(name)
        self.at_once.add(frozenset(self._active))
        place, left = len(request.prompt), request.max_tokens or 0
        finish: Any = "length"
        for letter in TEXT[place : place + left]:
            time.sleep(self.seconds)
            if on_token(Token(letter)):
                finish = None
                break
        self._active.remove(name)
        return Outcome(finish, place)

    def score(self, prompt: str, text: str, adapter: Adapter | None, slot: int) -> list[Logprob]:
        return []

    def close(self) -> None:
        pass


def adapter(name: str) -> Adapter:
    return Adapter(name, Path(name), (1,), 0)


def task(name: str | None, tokens: int, events: Events | None = None) -> tuple[GenerationTask, Events]:
    events = events or asyncio.Queue()
    found = None if name is None else adapter(name)
    return GenerationTask(Generation("", found, tokens), 0, events), events


async def collect(events: Events) -> tuple[str, Finished]:
    text = ""
    while True:
        _, event = await events.get()
        if isinstance(event, ApiError):
            raise event
        if isinstance(event, Finished):
            return text, event
        assert isinstance(event, Delta)
        text += event.text


async def until_idle(scheduler: Scheduler) -> None:
    """The last event is sent just before the slot is given back."""
    while not scheduler.idle:
        await asyncio.sleep(0.01)


def run(work: Coroutine[Any, Any, None]) -> None:
    asyncio.run(asyncio.wait_for(work, 20))


def test_different_adapters_take_turns_and_none_loses_a_token() -> None:
    async def work() -> None:
        backend = Speller(seconds=0.001)
        scheduler = Scheduler(backend, 8, lambda *_: None)
        waiting = [task(name, 150) for name in ("ann", "ben", None)]
        for one, _ in waiting:
            scheduler.submit(one)
        for text, end in await asyncio.gather(*(collect(events) for _, events in waiting)):
            assert text == TEXT[:150]
            assert end == Finished("length", 0, 150)
        assert backend.log[:6] == ["ann", "ben", "base"] * 2
        assert all(len(names) == 1 for names in backend.at_once)

    run(work())


def test_a_short_request_does_not_wait_for_the_end_of_a_long_one() -> None:
    async def work() -> None:
        scheduler = Scheduler(Speller(seconds=0.002), 8, lambda *_: None)
        (long, long_events), (short, short_events) = task("ann", 400), task("ben", 5)
        scheduler.submit(long)
        scheduler.submit(short)
        await collect(short_events)
        assert long_events.qsize() <= TURN + 5
        assert (await collect(long_events))[0] == TEXT[:400]

    run(work())


def test_one_adapter_runs_on_all_slots_at_once() -> None:
    async def work() -> None:
        scheduler = Scheduler(Speller(seconds=0.001), 8, lambda *_: None)
        waiting = [task("ann", 60) for _ in range(2)]
        for one, _ in waiting:
            scheduler.submit(one)
        started = time.monotonic()
        await asyncio.gather(*(collect(events) for _, events in waiting))
        await until_idle(scheduler)
        assert time.monotonic() - started < 5

    run(work())


def test_the_queue_is_bounded() -> None:
    async def work() -> None:
        scheduler = Scheduler(Speller(slots=1, seconds=0.01), 2, lambda *_: None)
        for _ in range(3):
            scheduler.submit(task("ann", 20)[0])
        with pytest.raises(ApiError) as caught:
            scheduler.submit(task("ann", 20)[0])
        assert caught.value.status == 429
        assert "2 requests are waiting" in caught.value.message

    run(work())


def test_a_client_that_left_frees_the_slot() -> None:
    async def work() -> None:
        scheduler = Scheduler(Speller(slots=1, seconds=0.005), 8, lambda *_: None)
        (gone, gone_events), (next_one, events) = task("ann", 400), task("ann", 3)
        scheduler.submit(gone)
        await gone_events.get()
        gone.cancelled.set()
        scheduler.submit(next_one)
        assert (await collect(events))[0] == "abc"
        await until_idle(scheduler)
        assert gone_events.qsize() < 10

    run(work())


def test_a_broken_adapter_fails_alone() -> None:
    async def work() -> None:
        rejected: list[str] = []
        scheduler = Scheduler(Speller(), 8, lambda broken, reason: rejected.append(broken.name))
        (bad, bad_events), (good, events) = task("bad", 5), task("ann", 5)
        scheduler.submit(bad)
        scheduler.submit(good)
        with pytest.raises(ApiError, match="cannot be served: it is broken") as caught:
            await collect(bad_events)
        assert caught.value.status == 422
        assert (await collect(events))[0] == "abcde"
        assert rejected == ["bad"]

    run(work())


def test_an_unexpected_failure_is_told_and_the_slot_is_free_again(caplog: pytest.LogCaptureFixture) -> None:
    class Failing(Speller):
        def generate(self, request: Generation, slot: int, on_token: OnToken) -> Outcome:
            raise ZeroDivisionError

    async def work() -> None:
        scheduler = Scheduler(Failing(), 8, lambda *_: None)
        one, events = task(None, 5)
        scheduler.submit(one)
        with pytest.raises(ApiError) as caught:
            await collect(events)
        assert caught.value.status == 500
        await until_idle(scheduler)

    run(work())
    assert "ZeroDivisionError" in caplog.text


def test_logprobs_of_a_held_back_stop_sequence_are_not_sent() -> None:
    async def work() -> None:
        events: Events = asyncio.Queue()
        one = GenerationTask(Generation("", None, 9, stop=("def",)), 0, events)

        class WithLogprobs(Speller):
            def generate(self, request: Generation, slot: int, on_token: OnToken) -> Outcome:
                for letter in TEXT[:9]:
                    if on_token(Token(letter, Logprob(letter, letter.encode(), -1.0))):
                        return Outcome(None, 0)
                return Outcome("length", 0)

        one.run(WithLogprobs(), 0, threading.Event())
        await asyncio.sleep(0)
        seen = [events.get_nowait()[1] for _ in range(events.qsize())]
        deltas = [event for event in seen if isinstance(event, Delta)]
        assert "".join(event.text for event in deltas) == "abc"
        assert [entry.token for event in deltas for entry in event.logprobs] == ["a", "b", "c"]
        assert seen[-1] == Finished("stop", 0, 6)

    run(work())
