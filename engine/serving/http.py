"""The parts of HTTP that OpenAI's API needs: JSON bodies, error bodies, event streams, clients that go away."""

from __future__ import annotations

import asyncio
import hmac
import json
import logging
import re
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any, TypeVar

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.types import ASGIApp, Receive, Scope, Send

from engine.serving.errors import ApiError

log = logging.getLogger(__name__)

_ID = re.compile(r"[A-Za-z0-9._-]{8,64}", re.ASCII)

MAX_BODY = 8 * 2**20
"""Bytes of a request; 200 answers with their questions are some 100 kB."""

LOCAL_NAMES = frozenset({"127.0.0.1", "localhost", "[::1]"})
_PORT = re.compile(r":\d+$")

Result = TypeVar("Result")


class ClientGone(Exception):
    """The client closed the connection before it was answered."""


async def read_json(request: Request) -> dict[str, Any]:
    """The request's JSON object. Raises ApiError 400, 413 or 415."""
    if not request.headers.get("content-type", "").partition(";")[0].strip().lower() == "application/json":
        raise ApiError(415, "Send the request with the header Content-Type: application/json.")
    data = bytearray()
    async for piece in request.stream():
        data += piece
        if len(data) > MAX_BODY:
            raise ApiError(413, f"The request is larger than {MAX_BODY // 2**20} MB. Send less text.")
    try:
        body = json.loads(data)
    except (UnicodeDecodeError, json.JSONDecodeError, RecursionError) as error:
        raise ApiError(400, f"The request's body is not valid JSON: {error}.") from error
    if not isinstance(body, dict):
        raise ApiError(400, "The request's body must be a JSON object.")
    return body


def error_response(error: ApiError) -> Response:
    headers = {"retry-after": "1"} if error.status == 429 else None
    return JSONResponse(error.body(), error.status, headers)


async def on_api_error(request: Request, error: Exception) -> Response:
    assert isinstance(error, ApiError)  # noqa: S101 (registered for this class alone)
    return error_response(error)


async def on_http_error(request: Request, error: Exception) -> Response:
    """Unknown paths and methods."""
    assert isinstance(error, HTTPException)  # noqa: S101 (registered for this class alone)
    return error_response(ApiError(error.status_code, f"{request.method} {request.url.path}: {error.detail}."))


async def on_unexpected(request: Request, error: Exception) -> Response:
    """A defect; its traceback goes to the log, after the id that the caller's log has."""
    key = request.headers.get("x-request-id", "")
    log.error("Request %s failed: %s", key if _ID.fullmatch(key) else "without an id", type(error).__name__)
    return error_response(ApiError(500, "The server failed at this request. Its log says why.", "internal_error"))


async def on_client_gone(request: Request, error: Exception) -> Response:
    """No one reads this; 499 is nginx's status for it."""
    return Response(status_code=499)


async def unless_gone(request: Request, work: Awaitable[Result]) -> Result:
    """The result of `work`; cancels it and raises ClientGone if the client goes away before. The body must be read."""
    task = asyncio.ensure_future(work)
    gone = asyncio.ensure_future(_disconnect(request.receive))
    try:
        await asyncio.wait({task, gone}, return_when=asyncio.FIRST_COMPLETED)
        if task.done():
            return task.result()
        raise ClientGone
    finally:
        for one in (task, gone):
            one.cancel()


class EventStream(Response):
    """Server-sent events, one for each JSON object, then `[DONE]`; an ApiError becomes the last event."""

    media_type = "text/event-stream"

    def __init__(self, events: AsyncIterator[dict[str, Any]], on_close: Callable[[], None]) -> None:
        super().__init__(headers={"cache-control": "no-cache", "x-accel-buffering": "no"})
        del self.headers["content-length"]
        self._events = events
        self._on_close = on_close

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        sending = asyncio.ensure_future(self._send(send))
        gone = asyncio.ensure_future(_disconnect(receive))
        try:
            await asyncio.wait({sending, gone}, return_when=asyncio.FIRST_COMPLETED)
            if sending.done():
                sending.result()
        finally:
            self._on_close()
            for one in (sending, gone):
                one.cancel()

    async def _send(self, send: Send) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": self.raw_headers})
        try:
            async for event in self._events:
                await self._line(send, json.dumps(event, ensure_ascii=False))
            await self._line(send, "[DONE]")
        except ApiError as error:
            await self._line(send, json.dumps(error.body()))
        await send({"type": "http.response.body", "body": b""})

    async def _line(self, send: Send, data: str) -> None:
        await send({"type": "http.response.body", "body": f"data: {data}\n\n".encode(), "more_body": True})


class RequireKey:
    """Middleware: a bearer key on every path but /health."""

    def __init__(self, app: ASGIApp, key: str) -> None:
        self._app = app
        self._expected = f"Bearer {key}".encode()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http" and scope["path"] != "/health":
            given = dict(scope["headers"]).get(b"authorization", b"")
            if not hmac.compare_digest(given, self._expected):
                error = ApiError(401, "The API key is missing or wrong.", "invalid_api_key")
                await error_response(error)(scope, receive, send)
                return
        await self._app(scope, receive, send)


class OnlyLocalNames:
    """Middleware for a server on a loopback address: refuses a Host header that names another host.

    A web page whose own name is made to point to 127.0.0.1 (DNS rebinding) could otherwise read what is said here.
    """

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http":
            given = dict(scope["headers"]).get(b"host", b"").decode("latin-1")
            if _PORT.sub("", given) not in LOCAL_NAMES:
                error = ApiError(
                    403, f"This server answers only to {', '.join(sorted(LOCAL_NAMES))}, not to “{given}”."
                )
                await error_response(error)(scope, receive, send)
                return
        await self._app(scope, receive, send)


async def _disconnect(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass
