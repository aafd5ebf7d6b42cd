"""How requests reach the views: a plain view and all middleware in one go, in a thread that keeps its connection.

Django's own ASGI handler changes threads some twenty times a request, once or twice for each middleware, and begins
each request in a thread of its own, which opens a database connection of its own. Views that are coroutines, and static
files, go Django's way.
"""

import asyncio
import gc
import sys
import time
from collections.abc import Awaitable, Callable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import IO, Any

from asgiref.sync import iscoroutinefunction
from django.conf import settings
from django.core import signals
from django.core.exceptions import RequestAborted
from django.core.handlers.asgi import ASGIHandler, get_script_prefix
from django.core.handlers.base import BaseHandler
from django.db import connections
from django.http import HttpRequest, HttpResponse, HttpResponseBase, StreamingHttpResponse
from django.urls import Resolver404, ResolverMatch, resolve, set_script_prefix
from django.utils.decorators import sync_and_async_middleware
from servestatic.middleware import ServeStaticMiddleware

Receive = Callable[[], Awaitable[Any]]
Send = Callable[[Any], Awaitable[None]]

TURNS = 16  # plain views that run at a time; more wait in the order of their coming
# Of views marked `is_quick`, which never wait for the others. Three overlap their waits for the disk or the database;
# with ten, 300 saves a second spend themselves on threads that wait for each other (docs/performance.md).
QUICK_TURNS = 3
SWITCH_SECONDS = 0.0005  # a thread that comes back from the database waits no longer for one that computes
KEPT = 16  # threads that stay, with their database connections
MATCH = "persona_site.match"  # in an ASGI scope: what its path was resolved to


@sync_and_async_middleware
def static_files(get_response: Callable[..., Any]) -> Callable[..., Any]:
    """ServeStatic, which is for coroutines alone; the plain chain below is never asked for a file."""
    if not iscoroutinefunction(get_response):
        return get_response
    served: Callable[..., Any] = ServeStaticMiddleware(get_response)
    return served


class Threads:
    """Executors of one thread each. A request has one to itself, so that it never waits for another one's download."""

    def __init__(self) -> None:
        self._idle: list[ThreadPoolExecutor] = []

    def take(self) -> ThreadPoolExecutor:
        return self._idle.pop() if self._idle else ThreadPoolExecutor(max_workers=1, thread_name_prefix="view")

    def give(self, executor: ThreadPoolExecutor, busy: Future[Any] | None = None) -> None:
        """Takes it back, when it is through with `busy`: a view whose visitor has gone runs to its end."""
        loop = asyncio.get_running_loop()
        if busy is None or busy.done():
            self._keep(executor)
        else:
            busy.add_done_callback(lambda _done: loop.call_soon_threadsafe(self._keep, executor))

    def _keep(self, executor: ThreadPoolExecutor) -> None:
        if len(self._idle) < KEPT:
            self._idle.append(executor)
            return
        executor.submit(connections.close_all)
        executor.shutdown(wait=False)


class Plain(BaseHandler):
    """All middleware and the view, called without a coroutine between them."""

    def __init__(self) -> None:
        super().__init__()
        self.load_middleware(is_async=False)

    def resolve_request(self, request: HttpRequest) -> ResolverMatch:
        """What the address was resolved to already, without the hundreds of patterns that did not match it: an open
        stream would keep them.
        """
        match: ResolverMatch | None = getattr(request, "scope", {}).get(MATCH)
        if match is None or request.path_info != request.scope["path"] or hasattr(request, "urlconf"):  # type: ignore[attr-defined]
            match = super().resolve_request(request)
        match.tried = None
        request.resolver_match = match
        return match


class Application(ASGIHandler):
    """The site as an ASGI application."""

    def __init__(self) -> None:
        super().__init__()
        self._plain = Plain()
        self._threads = Threads()
        self._turns = {False: asyncio.Semaphore(TURNS), True: asyncio.Semaphore(QUICK_TURNS)}
        sys.setswitchinterval(SWITCH_SECONDS)
        gc.freeze()  # what is loaded by now stays; looking through its 150,000 objects stops all threads for 90 ms

    async def __call__(self, scope: Any, receive: Receive, send: Send) -> None:
        scope["came"] = time.perf_counter()  # waiting for a turn counts (operations.middleware)
        view = _plain_view(scope) if scope["type"] == "http" else None
        if view is None:
            await super().__call__(scope, receive, send)
        else:
            await self._answer(scope, receive, send, getattr(view, "is_quick", False))

    async def _answer(self, scope: Any, receive: Receive, send: Send, is_quick: bool) -> None:
        try:
            body = await self.read_body(receive)
        except RequestAborted:
            return
        async with self._turns[is_quick]:
            executor = self._threads.take()
            running = executor.submit(self._respond, scope, body)
            try:
                response = await asyncio.wrap_future(running)
            except BaseException:
                self._threads.give(executor, running)
                raise
        if isinstance(response, StreamingHttpResponse) and response.is_async:  # it may stay open for minutes
            self._threads.give(executor)
            await self.send_response(response, send)
            return
        try:
            await self._send(response, send, executor)
        finally:
            self._threads.give(executor)

    def _respond(self, scope: Any, body: IO[bytes]) -> HttpResponseBase:
        """In the request's thread. What is not streamed is closed already, which ends the request."""
        set_script_prefix(get_script_prefix(scope))
        signals.request_started.send(sender=type(self), scope=scope)
        request, refusal = self.create_request(scope, body)
        response = self._plain.get_response(request) if request is not None else refusal
        assert response is not None  # noqa: S101  (there is a request or a refusal)
        if not response.streaming:
            response.close()
        return response

    async def _send(self, response: HttpResponseBase, send: Send, executor: ThreadPoolExecutor) -> None:
        if isinstance(response, HttpResponse):
            await send(_start(response))
            await send({"type": "http.response.body", "body": response.content})
            return
        if not isinstance(response, StreamingHttpResponse):
            await self.send_response(response, send)
            return
        loop, parts = asyncio.get_running_loop(), iter(response)
        try:
            await send(_start(response))
            while (part := await loop.run_in_executor(executor, next, parts, None)) is not None:
                await send({"type": "http.response.body", "body": part, "more_body": True})
            await send({"type": "http.response.body"})
        finally:
            await loop.run_in_executor(executor, response.close)


def _start(response: HttpResponseBase) -> dict[str, Any]:
    """The message that begins an answer: ASGI wants names and values as bytes, names in lower case."""
    headers = [(name.lower().encode("ascii"), value.encode("latin1")) for name, value in response.items()]
    headers += [
        (b"set-cookie", cookie.output(header="").strip().encode("ascii")) for cookie in response.cookies.values()
    ]
    return {"type": "http.response.start", "status": response.status_code, "headers": headers}


def _plain_view(scope: Any) -> Callable[..., Any] | None:
    """The ordinary function that answers there, be it the one that says that there is nothing; None for a coroutine."""
    path = scope["path"]
    if path.startswith(f"/{settings.STATIC_URL.strip('/')}/"):
        return None
    try:
        match = resolve(path)
    except Resolver404:
        return _nothing_there
    if iscoroutinefunction(match.func):
        return None
    scope[MATCH] = match
    return match.func


def _nothing_there() -> None:
    """Stands for Django's page for addresses without a view."""
