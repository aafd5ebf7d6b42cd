"""A persona behind /v1/chat/completions: the answer that the chat room would give, notes and doubts included.

Nothing is stored. The room may take a first try back, which a stream of OpenAI's cannot, so a stream begins when the
whole reply is there.
"""

import json
import time
import uuid
from collections.abc import AsyncIterator, Sequence
from contextlib import aclosing
from itertools import pairwise
from typing import Any

from asgiref.sync import sync_to_async
from django.http import HttpResponseBase, JsonResponse, StreamingHttpResponse
from django.utils.translation import gettext as _

from accounts.quota_tables import Kind as Quota
from accounts.quotas import usage_add
from api.openai.engine import STREAM_HEADERS
from api.openai.errors import ApiError, invalid
from api.openai.reading import Body, storable
from chat.answering import Asked, Reply, answer
from chat.errors import EngineError
from chat.grounding import Kind, told_get
from chat.services import MAX_CHARACTERS, version_current
from chat.speakers import speaker_get
from chat.usage import dollars_of, reply_allow
from questionnaires.dataset import Turn
from questionnaires.models import Persona
from training.models import PersonaModel

TURNS = 8  # earlier exchanges that a model at a provider is told; one trained here is told none, as in the room


async def persona_answer(*, persona: Persona, body: Body, shown: str) -> HttpResponseBase:
    """`CreateChatCompletionResponse`, or its stream. Counted like a reply in the room, dollars at a provider too."""
    said = _said(body)
    version = await sync_to_async(_allowed)(persona)
    try:
        reply = await _reply(persona, version, said)
    except EngineError as error:
        raise ApiError(503, str(error), "engine_failed", retry_after=2) from error
    await sync_to_async(_charge)(persona, version, reply.figures)
    if reply.error:
        raise ApiError(502, reply.error, "no_fit_reply")
    tokens = int(reply.figures.get("tokens") or 0)
    words = reply.text if reply.grounding.kind is not Kind.UNKNOWN else _("I never told it that.")
    usage = {"prompt_tokens": 0, "completion_tokens": tokens, "total_tokens": tokens}
    if body.get("stream"):
        options = body.get("stream_options")
        is_counted = isinstance(options, dict) and options.get("include_usage") is True
        chunks = _chunks(_common(shown, "chat.completion.chunk"), words, usage if is_counted else None)
        return StreamingHttpResponse(chunks, content_type="text/event-stream", headers=STREAM_HEADERS)
    message = {"role": "assistant", "content": words, "refusal": None}
    choice = {"index": 0, "message": message, "logprobs": None, "finish_reason": "stop"}
    return JsonResponse(_common(shown, "chat.completion") | {"choices": [choice], "usage": usage})


def _allowed(persona: Persona) -> PersonaModel | None:
    """The version in use. Refused (429) over a limit."""
    version = version_current(persona=persona)
    reply_allow(persona=persona, version=version)
    return version


def _charge(persona: Persona, version: PersonaModel | None, figures: dict[str, Any]) -> None:
    usage_add(user=persona.owner_id, kind=Quota.CHAT_TOKENS, amount=figures.get("tokens") or 0)
    if dollars := dollars_of(version, figures):
        usage_add(user=persona.owner_id, kind=Quota.MONEY_A_DAY, amount=dollars)


async def _reply(persona: Persona, version: PersonaModel | None, said: list[tuple[str, str]]) -> Reply:
    speaker = await sync_to_async(speaker_get)(persona=persona, version=version)
    told = await sync_to_async(told_get)(persona=persona)
    earlier = [text for role, text in said[:-1] if role == "user"]
    turns = _turns(said[:-1])[-TURNS:] if speaker.elsewhere else ()
    asked = Asked(said[-1][1], context=earlier[-1] if earlier else None, turns=tuple(turns))
    async with aclosing(answer(speaker=speaker, told=told, asked=asked)) as events:
        async for event in events:
            if isinstance(event, Reply):
                return event
    raise ApiError(502, "The model server gave no answer.", "engine_failed")


def _said(body: Body) -> list[tuple[str, str]]:
    """Roles and texts of the dialogue; the last one is the question. What a system message says does not count here."""
    given = body.get("messages")
    if not isinstance(given, list) or not given:
        raise invalid("messages", "`messages` must be a list with at least one message.")
    if body.get("n") not in (None, 1):
        raise invalid("n", "A persona answers once: leave `n` out.")
    said = [_message(each, f"messages[{place}]") for place, each in enumerate(given)]
    spoken = [(role, text) for role, text in said if role in {"user", "assistant"}]
    if not spoken or spoken[-1][0] != "user" or not spoken[-1][1].strip():
        raise invalid("messages", "The last message must be the user's, and not empty.")
    return spoken


def _message(given: Any, where: str) -> tuple[str, str]:
    role, content = (given.get("role"), given.get("content")) if isinstance(given, dict) else (None, None)
    if isinstance(content, list) and all(isinstance(part, dict) and part.get("type") == "text" for part in content):
        content = "".join(str(part.get("text", "")) for part in content)
    if not isinstance(role, str) or not isinstance(content, str):
        raise invalid(where, f"`{where}` must be an object with a `role` and a text as its `content`.")
    return role, storable(content, where, MAX_CHARACTERS)


def _turns(said: Sequence[tuple[str, str]]) -> list[Turn]:
    return [Turn(asked[1], told[1]) for asked, told in pairwise(said) if (asked[0], told[0]) == ("user", "assistant")]


def _common(shown: str, kind: str) -> dict[str, Any]:
    return {"id": f"chatcmpl-{uuid.uuid4().hex}", "object": kind, "created": int(time.time()), "model": shown}


async def _chunks(common: dict[str, Any], words: str, usage: dict[str, int] | None) -> AsyncIterator[bytes]:
    for delta, reason in (({"role": "assistant", "content": ""}, None), ({"content": words}, None), ({}, "stop")):
        yield _data(common | {"choices": [{"index": 0, "delta": delta, "logprobs": None, "finish_reason": reason}]})
    if usage is not None:
        yield _data(common | {"choices": [], "usage": usage})
    yield b"data: [DONE]\n\n"


def _data(event: dict[str, Any]) -> bytes:
    return f"data: {json.dumps(event, ensure_ascii=False)}\n\n".encode()
