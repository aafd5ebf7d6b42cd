"""The model server, or the provider that serves a version, spoken to through openai's SDK. The only file that imports
it in this app.

The address and the key are explicit: a stray OPENAI_BASE_URL, OPENAI_API_KEY or HTTP_PROXY must not send a person's
words elsewhere. Nothing is retried here, because a stream cannot be, and no redirect is followed. A provider gets its
own key and nobody else's; ranking is always done by the local server.
"""

from __future__ import annotations

import asyncio
import logging
import ssl
from collections.abc import AsyncGenerator, AsyncIterator, Iterator, Sequence
from contextlib import aclosing, contextmanager
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, Any, cast
from weakref import WeakKeyDictionary

import httpx2
import openai
from django.conf import settings
from django.utils.translation import gettext as _
from openai import AsyncOpenAI

from accounts.request_id import request_id
from chat.errors import (
    EngineBroken,
    EngineBusy,
    EngineError,
    EngineStarting,
    EngineTimeout,
    ModelUnknown,
    ProviderFailed,
    RequestRejected,
)
from chat.servers import ELSEWHERE, make_ready, note_failure, servers_of
from questionnaires.dataset import Messages
from training.engines import engines_for_async, patient_socket
from training.providers.addresses import AddressRefused, AsyncGuardedTransport
from training.providers.base import Endpoint

if TYPE_CHECKING:
    from openai.types.chat import ChatCompletionMessageParam

logger = logging.getLogger(__name__)

FIRST_BYTE_SECONDS = 180.0  # a busy machine reads two hundred new answers, and a new version, before a first token
CONNECT_SECONDS = 10.0  # a refusal comes at once; a busy computer may need some seconds
RANKINGS = 4  # at once

_turns: WeakKeyDictionary[asyncio.AbstractEventLoop, asyncio.Semaphore] = WeakKeyDictionary()


@dataclass(frozen=True)
class Elsewhere:
    """A provider that serves a version: where it is, with the key, and what the person calls it."""

    endpoint: Endpoint
    name: str


@dataclass(frozen=True)
class Finish:
    """The end of a stream: OpenAI's finish reason, and the number of tokens that came and that were read."""

    reason: str
    tokens: int
    prompt_tokens: int = 0


@dataclass(frozen=True)
class Document:
    """An answer as /v1/rerank takes it: all wordings of its question, the person's own first."""

    id: str
    questions: tuple[str, ...]
    answer: str


@dataclass(frozen=True)
class Hit:
    """A document's place in the list that was sent, and its score; higher is better."""

    index: int
    score: float


@dataclass(frozen=True)
class Ranked:
    """The best documents, best first; `probability` (0 to 1) that they hold the answer at all, `known` the verdict."""

    hits: tuple[Hit, ...]
    probability: float
    known: bool


async def stream_reply(
    *,
    model: str,
    prompt: str | Messages,
    stop: Sequence[str],
    temperature: float,
    max_tokens: int,
    elsewhere: Elsewhere | None = None,
    is_begun: bool = False,
) -> AsyncGenerator[str | Finish, None]:
    """The reply in pieces, then a `Finish`. Messages go to /v1/chat/completions, a string to /v1/completions.

    `elsewhere` serves the model; None: the local server does. `is_begun`: the last message is the beginning of the
    reply, which the local server goes on from, as vLLM does. Closing the iterator closes the connection, at which the
    server stops generating. Raises EngineError.
    """
    wanted: dict[str, Any] = {
        "model": model,
        "stop": list(stop),
        "temperature": temperature,
        "max_tokens": max_tokens,
        "stream": True,
        "stream_options": {"include_usage": True},
    }
    begun = {"continue_final_message": True, "add_generation_prompt": False} if is_begun else None
    if elsewhere is not None:
        async with aclosing(_stream("", elsewhere, prompt, wanted, begun)) as pieces:
            async for piece in pieces:
                yield piece
        return
    async with aclosing(_stream_of_any(prompt, wanted, begun)) as pieces:
        async for piece in pieces:
            yield piece


async def _stream_of_any(
    prompt: str | Messages, wanted: dict[str, Any], begun: dict[str, Any] | None
) -> AsyncGenerator[str | Finish, None]:
    """From the first server that answers. What has begun is not begun again elsewhere: the person has read it."""
    model = wanted["model"]
    urls = await servers_of(model)
    for url in urls:
        came = False
        try:
            await make_ready(url, model)
            async with aclosing(_stream(url, None, prompt, wanted, begun)) as pieces:
                async for piece in pieces:
                    came = True
                    yield piece
        except ELSEWHERE as error:
            if came or url == urls[-1]:
                raise
            note_failure(url, model, error)
        else:
            return


async def _stream(
    url: str,
    elsewhere: Elsewhere | None,
    prompt: str | Messages,
    wanted: dict[str, Any],
    begun: dict[str, Any] | None,
) -> AsyncGenerator[str | Finish, None]:
    with _sentences(elsewhere):
        async with _client(url, elsewhere) as client:
            if isinstance(prompt, str):
                stream = await client.completions.create(prompt=prompt, **wanted)
            else:
                messages = cast("list[ChatCompletionMessageParam]", prompt)
                stream = await client.chat.completions.create(messages=messages, extra_body=begun, **wanted)
            async with stream:
                async for piece in _pieces(stream, elsewhere):
                    yield piece


async def _pieces(stream: AsyncIterator[Any], elsewhere: Elsewhere | None) -> AsyncIterator[str | Finish]:
    reason, counted, reported, read = "", 0, 0, 0
    async for chunk in stream:
        if chunk.usage:
            reported, read = chunk.usage.completion_tokens, chunk.usage.prompt_tokens or 0
        for choice in chunk.choices[:1]:
            text = choice.delta.content if hasattr(choice, "delta") else choice.text
            reason = choice.finish_reason or reason
            if text:
                counted += 1
                yield text
    if not reason and elsewhere is not None:
        raise ProviderFailed(_("“%(name)s” broke off in the middle of the reply.") % {"name": elsewhere.name})
    if not reason:
        raise EngineBroken(_("The model server broke off in the middle of the reply."))
    yield Finish(reason, reported or counted, read)


async def rank(*, query: str, context: str | None, documents: Sequence[Document], top_n: int = 3) -> Ranked:
    """The documents that answer `query`; `context` is what the person said before it. Raises EngineError."""
    async with _turn():
        body = {
            "query": query,
            "context": context,
            "documents": [
                {"id": document.id, "questions": list(document.questions), "answer": document.answer}
                for document in documents
            ],
            "top_n": top_n,
        }
        reply = await _rerank(body, documents[0].id if documents else "")
    return _ranked(reply, len(documents))


async def _rerank(body: dict[str, Any], key: str) -> object:
    """By the server that has read these documents before, as far as there is one."""
    urls = await engines_for_async(key)
    for url in urls:
        try:
            with _sentences():
                async with _client(url) as client:
                    return await client.post("/rerank", body=body, cast_to=object)
        except ELSEWHERE as error:
            if url == urls[-1]:
                raise
            note_failure(url, "", error)
    raise EngineStarting(_("The model server is still starting. Try again in a moment."))


def _turn() -> asyncio.Semaphore:
    """The server ranks one message after another; more of them sent at once would only fill this process's memory."""
    return _turns.setdefault(asyncio.get_running_loop(), asyncio.Semaphore(RANKINGS))


def _ranked(reply: Any, count: int) -> Ranked:
    try:
        hits = tuple(Hit(int(row["index"]), float(row["relevance_score"])) for row in reply["results"])
        verdict = reply["answerable"]
        ranked = Ranked(hits, float(verdict["probability"]), bool(verdict["known"]))
    except (KeyError, TypeError, ValueError):
        raise EngineBroken(_("The model server cannot rank answers. Check the address in ENGINE_URL.")) from None
    if any(not 0 <= hit.index < count for hit in ranked.hits):
        raise EngineBroken(_("The model server ranked an answer that it was not sent."))
    return ranked


def _client(url: str, elsewhere: Elsewhere | None = None) -> AsyncOpenAI:
    timeout = httpx2.Timeout(FIRST_BYTE_SECONDS, connect=CONNECT_SECONDS)
    if elsewhere is None:
        base_url, key = url + "/v1", settings.ENGINE_TOKEN or "local"
        transport = httpx2.AsyncHTTPTransport(verify=_tls(), trust_env=False, socket_options=patient_socket())
        http = httpx2.AsyncClient(transport=transport, trust_env=False, follow_redirects=False, timeout=timeout)
    else:
        base_url, key = elsewhere.endpoint.base_url, elsewhere.endpoint.key or "none"
        guard = AsyncGuardedTransport(base_url)
        http = httpx2.AsyncClient(transport=guard, trust_env=False, follow_redirects=False, timeout=timeout)
    headers = {"Authorization": f"Bearer {key}"}  # explicit: OPENAI_CUSTOM_HEADERS must not replace it
    if elsewhere is None and request_id():  # a provider is told nothing of our requests
        headers["X-Request-ID"] = request_id()
    return AsyncOpenAI(
        base_url=base_url, api_key=key, max_retries=0, timeout=timeout, http_client=http, default_headers=headers
    )


@cache
def _tls() -> ssl.SSLContext:
    """One context for all clients: reading the certificates takes 60 ms, longer than a token."""
    return httpx2.create_ssl_context()


@contextmanager
def _sentences(elsewhere: Elsewhere | None = None) -> Iterator[None]:
    """The SDK's errors become ours. The SDK wraps no error of a stream under way.

    The log gets kind, status and code: a server's message may repeat the person's words.
    """
    try:
        yield
    except (openai.APIError, httpx2.HTTPError, AddressRefused) as error:
        status, code = getattr(error, "status_code", None), getattr(error, "code", None)
        who = "model server" if elsewhere is None else "provider"
        logger.warning("%s: %s, status %s, code %s", who, type(error).__name__, status, code)
        raise (_translated(error) if elsewhere is None else _of_provider(error, elsewhere.name)) from error


def _translated(error: Exception) -> EngineError:
    match error:
        case openai.APITimeoutError() | httpx2.TimeoutException():
            return EngineTimeout(_("The model server did not answer in time. The computer may be busy; try again."))
        case openai.APIConnectionError(__cause__=httpx2.ConnectError()) | openai.APIStatusError(status_code=503):
            return EngineStarting(_("The model server is still starting. Try again in a moment."))
        case openai.NotFoundError():
            return ModelUnknown(_("The model server does not know this version. Choose another one."))
        case openai.RateLimitError():
            return EngineBusy(_("The model server has too much to do at once. Try again in a moment."))
        case openai.BadRequestError() | openai.UnprocessableEntityError():
            return RequestRejected(_("The model server refused the question. It may be too long; make it shorter."))
        case _:
            return EngineBroken(_("The model server failed while it answered. Try again; its log says more."))


def _of_provider(error: Exception, name: str) -> ProviderFailed:
    """What a provider's failure means, and what the person can do; `name` is the connection's."""
    if refused := next((each for each in (error, error.__cause__) if isinstance(each, AddressRefused)), None):
        return ProviderFailed(str(refused))
    match error:
        case openai.AuthenticationError():
            sentence = _("“%(name)s” refused the key. Open the connection and enter the key again.")
        case openai.PermissionDeniedError():
            sentence = _("“%(name)s” does not let this key use the model. Its pages say what the account may do.")
        case openai.NotFoundError():
            sentence = _("“%(name)s” does not serve this model. It may have to be deployed: see the version's page.")
        case openai.RateLimitError():
            sentence = _("“%(name)s” takes no more requests now, or its credit is used up. Try again later.")
        case openai.BadRequestError() | openai.UnprocessableEntityError():
            sentence = _("“%(name)s” refused the question. It may be too long; make it shorter.")
        case openai.APITimeoutError() | httpx2.TimeoutException():
            sentence = _("“%(name)s” did not answer in time. Try again later, or choose another version.")
        case openai.APIConnectionError(__cause__=httpx2.ConnectError()):
            sentence = _("“%(name)s” cannot be reached. Check its address and your connection to the internet.")
        case _:
            sentence = _("“%(name)s” failed while it answered. Try again later, or choose another version.")
    return ProviderFailed(sentence % {"name": name})
