"""The endpoints that generate text, and the one that scores it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from itertools import chain
from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from engine.serving import requests
from engine.serving.backend import Adapter, Backend, Generation, Logprob
from engine.serving.errors import ApiError, invalid
from engine.serving.fetching import Shelf
from engine.serving.http import EventStream, read_json, unless_gone
from engine.serving.requests import Options
from engine.serving.scheduler import Scheduler
from engine.serving.shapes import ChatShape, Choice, Shape, TextShape, usage
from engine.serving.tasks import Delta, Event, Events, Finished, GenerationTask, ScoreTask

MAX_CONTINUATIONS = 64


class Batch:
    """The generations of one request, submitted together."""

    def __init__(self, scheduler: Scheduler, generations: Sequence[Generation]) -> None:
        self._scheduler = scheduler
        self._events: Events = asyncio.Queue()
        self._tasks = [GenerationTask(one, index, self._events) for index, one in enumerate(generations)]
        self.ends: list[Finished] = []
        try:
            for task in self._tasks:
                scheduler.submit(task)
        except ApiError:
            self.cancel()
            raise

    async def __aiter__(self) -> AsyncIterator[tuple[int, Delta | Finished]]:
        """Events as they come, until every generation has finished. Raises ApiError."""
        while len(self.ends) < len(self._tasks):
            index, event = await self._events.get()
            if isinstance(event, ApiError):
                raise event
            if isinstance(event, Finished):
                self.ends.append(event)
            yield index, event

    async def first(self) -> tuple[int, Event]:
        """Wait for the first event, which stays in front."""
        event = await self._events.get()
        rest = [self._events.get_nowait() for _ in range(self._events.qsize())]
        for one in (event, *rest):
            self._events.put_nowait(one)
        return event

    def cancel(self) -> None:
        for task in self._tasks:
            task.cancelled.set()
            self._scheduler.withdraw(task)


@dataclass(frozen=True)
class Service:
    """What the endpoints need."""

    shelf: Shelf
    backend: Backend
    scheduler: Scheduler

    async def chat(self, request: Request) -> Response:
        """POST /v1/chat/completions."""
        body = await read_json(request)
        options = requests.options(body, None)
        adapter = await self.shelf.find(options.model)
        top = requests.integer(body, "top_logprobs", 0, 20)
        wanted = requests.flag(body, "logprobs")
        if top is not None and not wanted:
            raise invalid("top_logprobs", "`top_logprobs` is only allowed with `logprobs: true`.")
        dialogue, begun = requests.begun(body)
        prompt = self.backend.render(dialogue, adapter) + begun
        one = Generation(
            prompt, adapter, options.max_tokens, options.sampling, options.stop, (top or 0) if wanted else None
        )
        return await self._answer(request, options, _choices(one, options.n), ChatShape(options.model, wanted))

    async def complete(self, request: Request) -> Response:
        """POST /v1/completions."""
        body = await read_json(request)
        options = requests.options(body, requests.LEGACY_MAX_TOKENS)
        adapter = await self.shelf.find(options.model)
        top = requests.integer(body, "logprobs", 0, 20)
        if requests.flag(body, "echo"):
            raise invalid("echo", "This server does not support `echo`. To score a text, use POST /v1/score.")
        if (requests.integer(body, "best_of", 1) or options.n) != options.n:
            raise invalid("best_of", "`best_of` other than `n` is not supported. Leave it out.")
        found = [
            Generation(prompt, adapter, options.max_tokens, options.sampling, options.stop, top)
            for prompt in requests.prompts(body)
        ]
        every = list(chain.from_iterable(_choices(one, options.n) for one in found))
        return await self._answer(request, options, every, TextShape(options.model, top is not None))

    async def score(self, request: Request) -> Response:
        """POST /v1/score: how probable texts are after a prompt, for choosing between options.

        `{"model", "prompt" or "messages", "continuations": [str]}` gives for each text its tokens, their
        log-probabilities (natural logarithm) and the sum. Both may be lists of prompts: each text is then scored after
        each, and an entry has the prompt's number.
        """
        body = await read_json(request)
        model = requests.text(body, "model")
        adapter = await self.shelf.find(model)
        prompts = self._prompts(body, adapter)
        texts = requests.continuations(body, MAX_CONTINUATIONS // len(prompts))
        task = ScoreTask(prompts, texts, adapter)
        self.scheduler.submit(task)
        try:
            scores = await unless_gone(request, task.result)
        finally:
            task.cancelled.set()
            self.scheduler.withdraw(task)
        data = [_score(number, len(texts), tokens) for number, tokens in enumerate(scores)]
        return JSONResponse({"object": "list", "model": model, "data": data})

    def _prompts(self, body: requests.Body, adapter: Adapter | None) -> list[str]:
        if "messages" not in body:
            return requests.prompts(body)
        return [self.backend.render(one, adapter) for one in requests.dialogues(body)]

    async def _answer(
        self, request: Request, options: Options, generations: list[Generation], shape: Shape
    ) -> Response:
        batch = Batch(self.scheduler, generations)
        if options.stream:
            return await self._open_stream(request, options, batch, shape)
        try:
            choices = await unless_gone(request, _collect(batch, len(generations)))
        finally:
            batch.cancel()
        return JSONResponse(shape.whole(choices, usage([one.end for one in choices], options.n)))

    async def _open_stream(self, request: Request, options: Options, batch: Batch, shape: Shape) -> Response:
        """Wait for the first event, so that a failure before it still has a status of its own."""
        try:
            _, event = await unless_gone(request, batch.first())
            if isinstance(event, ApiError):
                raise event
        except BaseException:
            batch.cancel()
            raise
        return EventStream(_stream(batch, options, shape), batch.cancel)


def _choices(one: Generation, count: int) -> list[Generation]:
    """`count` answers to one prompt, each with a seed of its own."""
    return [one.with_seed(1_000_003 * index) for index in range(count)]


async def _collect(batch: Batch, count: int) -> list[Choice]:
    choices = [Choice() for _ in range(count)]
    async for index, event in batch:
        if isinstance(event, Finished):
            choices[index].end = event
        else:
            choices[index].text += event.text
            choices[index].logprobs += event.logprobs
    return choices


async def _stream(batch: Batch, options: Options, shape: Shape) -> AsyncIterator[dict[str, Any]]:
    opened: set[int] = set()
    async for index, event in batch:
        opening = shape.opening(index) if index not in opened else None
        opened.add(index)
        if opening is not None:
            yield opening
        if isinstance(event, Finished):
            yield shape.closing(index, event.reason)
        else:
            yield shape.piece(index, event.text, event.logprobs)
    if options.include_usage:
        yield shape.counts(usage(batch.ends, options.n))


def _score(number: int, texts: int, tokens: Sequence[Logprob]) -> dict[str, Any]:
    return {
        "index": number % texts,
        "prompt_index": number // texts,
        "logprob": sum(one.logprob for one in tokens),
        "tokens": [one.token for one in tokens],
        "token_logprobs": [one.logprob for one in tokens],
    }
