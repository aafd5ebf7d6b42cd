"""What waits for a turn: generations, which can be interrupted and go on later, and scorings, which cannot."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from engine.serving.backend import Adapter, Backend, FinishReason, Generation, Logprob, Token
from engine.serving.errors import ApiError
from engine.serving.stop import StopMatcher

TURN = 32
"""Tokens after which a generation makes way when others wait: some 0.4 s on two cores."""


@dataclass(frozen=True)
class Delta:
    """Text to show, with the log-probabilities of the tokens that are complete by now."""

    text: str
    logprobs: tuple[Logprob, ...] = ()


@dataclass(frozen=True)
class Finished:
    """The end of a generation; counts in tokens."""

    reason: FinishReason
    prompt_tokens: int
    completion_tokens: int


Event = Delta | Finished | ApiError
Events = asyncio.Queue[tuple[int, Event]]
"""What happened to which of a request's generations."""


class Task(Protocol):
    """Something to run on a slot under an adapter."""

    adapter: Adapter | None

    def run(self, backend: Backend, slot: int, contended: threading.Event) -> bool:
        """Run in a worker thread; False when it made way and has to run again."""

    def fail(self, error: ApiError) -> None:
        """Called in the event loop when it can never run."""


class GenerationTask:
    """One generation, the `index`-th of its request.

    Its events are read in the event loop; the rest belongs to the generating thread.
    """

    def __init__(self, request: Generation, index: int, events: Events) -> None:
        self.adapter = request.adapter
        self._index = index
        self._events = events
        self.cancelled = threading.Event()
        self._loop = asyncio.get_running_loop()
        self._request = request
        self._stop = StopMatcher(request.stop)
        self._text = ""
        self._shown = 0
        self._tokens = 0
        self._prompt_tokens = 0
        self._pending: list[tuple[int, Logprob]] = []

    def run(self, backend: Backend, slot: int, contended: threading.Event) -> bool:
        before = self._tokens

        def on_token(token: Token) -> bool:
            self._take(token)
            makes_way = contended.is_set() and self._tokens - before >= TURN and bool(token.text) and self._left() != 0
            return self._stop.matched or self.cancelled.is_set() or makes_way

        try:
            outcome = backend.generate(self._request.after(self._text, self._tokens), slot, on_token)
        except ApiError as error:
            if not before or error.code != "context_length_exceeded":
                self._send(error)
                return True
            self._finish("length")
            return True
        if not before:
            self._prompt_tokens = outcome.prompt_tokens
        reason: FinishReason | None = "stop" if self._stop.matched else outcome.finish
        if reason is not None:
            self._finish(reason)
        return reason is not None or self.cancelled.is_set()

    def fail(self, error: ApiError) -> None:
        self._events.put_nowait((self._index, error))

    def _left(self) -> int | None:
        limit = self._request.max_tokens
        return None if limit is None else limit - self._tokens

    def _take(self, token: Token) -> None:
        self._tokens += 1
        self._text += token.text
        if token.logprob is not None:
            self._pending.append((len(self._text), token.logprob))
        self._show(self._stop.feed(token.text))

    def _show(self, text: str) -> None:
        """Send text and the log-probabilities of tokens that lie wholly in the text shown so far."""
        self._shown += len(text)
        ready = tuple(one for end, one in self._pending if end <= self._shown)
        self._pending = self._pending[len(ready) :]
        if text or ready:
            self._send(Delta(text, ready))

    def _finish(self, reason: FinishReason) -> None:
        self._show(self._stop.flush())
        self._send(Finished(reason, self._prompt_tokens, self._tokens))

    def _send(self, event: Event) -> None:
        self._loop.call_soon_threadsafe(self._events.put_nowait, (self._index, event))


class ScoreTask:
    """The log-probabilities of texts after prompts; `result` has a list of tokens for each prompt and text."""

    def __init__(self, prompts: Sequence[str], texts: Sequence[str], adapter: Adapter | None) -> None:
        self.adapter = adapter
        self.cancelled = threading.Event()
        self._loop = asyncio.get_running_loop()
        self.result: asyncio.Future[list[list[Logprob]]] = self._loop.create_future()
        self._prompts = prompts
        self._texts = texts

    def run(self, backend: Backend, slot: int, contended: threading.Event) -> bool:
        scores: list[list[Logprob]] = []
        try:
            for found in backend.score_all(self._prompts, self._texts, self.adapter, slot):
                if self.cancelled.is_set():
                    return True
                scores.append(found)
        except ApiError as error:
            self._loop.call_soon_threadsafe(self.fail, error)
            return True
        self._loop.call_soon_threadsafe(self._succeed, scores)
        return True

    def fail(self, error: ApiError) -> None:
        if not self.result.done():
            self.result.set_exception(error)

    def _succeed(self, scores: list[list[Logprob]]) -> None:
        if not self.result.done():
            self.result.set_result(scores)


class LoadTask:
    """Nothing but the loading of an adapter, ahead of its first request."""

    def __init__(self, adapter: Adapter) -> None:
        self.adapter: Adapter | None = adapter

    def run(self, backend: Backend, slot: int, contended: threading.Event) -> bool:
        return True

    def fail(self, error: ApiError) -> None:
        pass
