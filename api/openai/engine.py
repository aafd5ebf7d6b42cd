"""The model server behind the door: requests go on to it, answers come back under the model's public name."""

import json
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack
from dataclasses import dataclass
from functools import cache
from typing import Any

import httpx2
from django.conf import settings
from django.http import HttpResponseBase, JsonResponse, StreamingHttpResponse

from api.openai.errors import ApiError
from api.openai.reading import Body
from chat.errors import ModelUnknown
from chat.servers import make_ready, servers_of
from training.engines import engine_headers, engine_is_away, engines_for_async
from training.vllm import vllm_forget

CONNECT_SECONDS = 10.0
ANSWER_SECONDS = 300.0  # of silence: two thousand tokens on a slow computer come in one piece where nobody streams
STREAM_HEADERS = {"X-Accel-Buffering": "no"}  # nginx would hold the tokens back
PASSED_ON = {400, 413, 415}  # what is wrong with the request itself; other sentences may name other people's models
DATA = b"data: "
EMBEDDINGS = "/v1/embeddings"


@dataclass(frozen=True)
class Asked:
    """A request for the model server. `served` is its name of the model, `shown` the program's.

    `count` is told how many tokens came once the answer is over, also where it was broken off.
    """

    path: str  # as in /v1/chat/completions
    body: Body
    served: str
    shown: str
    count: Callable[[int], Awaitable[None]]


async def engine_answer(asked: Asked) -> HttpResponseBase:
    """The server's answer, streamed where that was asked for. ApiError where it has none.

    A program that goes away cancels this, which closes the connection, at which the server stops generating.
    """
    async with AsyncExitStack() as stack:
        try:
            response = await _open(stack, asked)
            if response.status_code != 200:
                raise _refusal(response.status_code, await response.aread(), asked)
            if not asked.body.get("stream"):
                return await _whole(await response.aread(), asked)
        except httpx2.HTTPError as error:
            raise _away(error) from error
        stream = _Stream(response, asked, stack.pop_all())
        return StreamingHttpResponse(stream, content_type="text/event-stream", headers=STREAM_HEADERS)


async def _open(stack: AsyncExitStack, asked: Asked) -> httpx2.Response:
    timeout = httpx2.Timeout(ANSWER_SECONDS, connect=CONNECT_SECONDS)
    client = httpx2.AsyncClient(verify=_tls(), trust_env=False, follow_redirects=False, timeout=timeout)
    await stack.enter_async_context(client)
    # In ASCII: half of a surrogate pair has no UTF-8, and it is the server that refuses it with a sentence.
    sent: dict[str, Any] = {"content": json.dumps({**asked.body, "model": asked.served}).encode()}
    sent["headers"] = {**engine_headers(), "Content-Type": "application/json"}
    urls = await (engines_for_async if asked.path == EMBEDDINGS else servers_of)(asked.served)
    for url in urls[:-1]:
        if response := await _tried(stack, client, url, asked, sent):
            return response
    request = client.stream("POST", urls[-1] + asked.path, **sent)
    return await stack.enter_async_context(request)


async def _tried(
    stack: AsyncExitStack, client: httpx2.AsyncClient, url: str, asked: Asked, sent: dict[str, Any]
) -> httpx2.Response | None:
    """None where the next server has to answer."""
    try:
        await make_ready(url, asked.served)
        response = await stack.enter_async_context(client.stream("POST", url + asked.path, **sent))
    except ModelUnknown:
        return None
    except httpx2.HTTPError:
        engine_is_away(url)
        return None
    if response.status_code == 404 and url in settings.VLLM_URLS:
        vllm_forget(url, asked.served)
        return None
    return response


@cache
def _tls() -> Any:
    """One context for all: reading the certificates takes 60 ms."""
    return httpx2.create_ssl_context()


async def _whole(content: bytes, asked: Asked) -> JsonResponse:
    answer = json.loads(content)
    await asked.count(int((answer.get("usage") or {}).get("completion_tokens") or 0))
    return JsonResponse({**answer, "model": asked.shown})


class _Stream:
    """The server's events, each under the public name of the model. Closes the connection at its end."""

    def __init__(self, response: httpx2.Response, asked: Asked, stack: AsyncExitStack) -> None:
        self._response, self._asked, self._stack = response, asked, stack
        self._tokens = 0

    async def __aiter__(self) -> AsyncIterator[bytes]:
        try:
            async for line in self._response.aiter_lines():
                if line == "data: [DONE]":
                    await self._count()  # now: a program hangs up as soon as it has read this
                if line.startswith("data: "):
                    piece, has_text = _renamed(line.encode(), self._asked.shown)
                    self._tokens += has_text
                    yield piece
        except httpx2.HTTPError as error:
            yield DATA + json.dumps(_away(error).body()).encode() + b"\n\n"
        finally:
            await self._stack.aclose()
            await self._count()

    async def _count(self) -> None:
        """Of what was not counted yet."""
        tokens, self._tokens = self._tokens, 0
        await self._asked.count(tokens)


def _renamed(line: bytes, shown: str) -> tuple[bytes, bool]:
    """An event with the public name, and whether it brought text."""
    data = line[len(DATA) :]
    if data == b"[DONE]":
        return line + b"\n\n", False
    event = json.loads(data)
    if "model" in event:
        event["model"] = shown
    return DATA + json.dumps(event, ensure_ascii=False).encode() + b"\n\n", any(map(_text, event.get("choices") or ()))


def _text(choice: dict[str, Any]) -> str:
    return str((choice.get("delta") or {}).get("content") or choice.get("text") or "")


def _refusal(status: int, content: bytes, asked: Asked) -> ApiError:
    if status in PASSED_ON:
        return _passed_on(status, content)
    if status == 404:
        sentence = f"The files of “{asked.shown}” are not there. Train it again, or ask whoever runs this server."
        return ApiError(404, sentence, "model_not_found", "model")
    if status == 429:
        return ApiError(429, "The model server has too much to do. Try again soon.", "engine_overloaded", retry_after=1)
    if status == 503:
        sentence = "The model server has no room for this model now, or is still starting. Try again soon."
        return ApiError(503, sentence, "engine_starting", retry_after=2)
    return ApiError(502, "The model server failed at this request. Its log says why.", "engine_failed")


def _passed_on(status: int, content: bytes) -> ApiError:
    try:
        told = json.loads(content)["error"]
        return ApiError(status, str(told["message"]), told.get("code"), told.get("param"))
    except (ValueError, KeyError, TypeError):
        return ApiError(status, "The model server refused the request.", "invalid_request")


def _away(error: httpx2.HTTPError) -> ApiError:
    if isinstance(error, httpx2.TimeoutException):
        return ApiError(504, "The model server did not answer in time. Try again later.", "engine_timeout")
    sentence = "The model server cannot be reached: it may be starting. Try again in a moment."
    return ApiError(503, sentence, "engine_starting", retry_after=2)
