"""/v1/chat/completions, /v1/completions and /v1/embeddings.

A version is asked as OpenAI would ask it: with the messages as they come, without notes and without a look at what it
says. `persona:ID` is the person's portrait as the chat room has it, which answers from what it was told.
"""

from collections.abc import Awaitable, Callable

from asgiref.sync import sync_to_async
from django.http import HttpResponseBase

from accounts.quota_tables import Kind
from accounts.quotas import quota_check, usage_add
from api.openai.door import Call, async_door
from api.openai.engine import EMBEDDINGS, Asked, engine_answer
from api.openai.errors import model_not_found
from api.openai.model_names import EMBEDDING_MODEL, PERSONA, chat_base, names_known, persona_find, version_find
from api.openai.persona_chat import persona_answer
from api.openai.reading import Body, json_body, text
from questionnaires.models import Persona
from questionnaires.threads import in_thread

MODEL = 300  # characters of a name


async def chat(call: Call) -> HttpResponseBase:
    body = json_body(call.request)
    name = text(body, "model", MODEL)
    if name.startswith(PERSONA):
        persona = await sync_to_async(_persona)(call, name)
        return await persona_answer(persona=persona, body=body, shown=name)
    return await _passed(call, "/v1/chat/completions", body, name)


async def complete(call: Call) -> HttpResponseBase:
    body = json_body(call.request)
    return await _passed(call, "/v1/completions", body, text(body, "model", MODEL))


async def embed(call: Call) -> HttpResponseBase:
    body = json_body(call.request)
    name = text(body, "model", MODEL)
    if name != EMBEDDING_MODEL:
        raise model_not_found(name, [EMBEDDING_MODEL])
    return await engine_answer(Asked(EMBEDDINGS, {**body, "stream": None}, name, name, _counter(call)))


async def _passed(call: Call, path: str, body: Body, name: str) -> HttpResponseBase:
    served = await sync_to_async(_served)(call, name)
    return await engine_answer(Asked(path, body, served, name, _counter(call)))


def _served(call: Call, name: str) -> str:
    """The model server's name of the model. ApiError 404 for one that is not the caller's; 429 over the limit."""
    quota_check(user=call.owner, kind=Kind.CHAT_TOKENS)
    if name == chat_base():
        return name
    version = version_find(call.owner, name)
    if version is None:
        raise model_not_found(name, names_known(call.owner))
    return str(version.pk)


def _persona(call: Call, name: str) -> Persona:
    persona = persona_find(call.owner, name)
    if persona is None:
        raise model_not_found(name, names_known(call.owner))
    return persona


def _counter(call: Call) -> Callable[[int], Awaitable[None]]:
    async def count(tokens: int) -> None:
        if tokens:
            await in_thread(usage_add)(user=call.owner, kind=Kind.CHAT_TOKENS, amount=tokens)

    return count


chat_view = async_door("chat", chat)
completions_view = async_door("chat", complete)
embeddings_view = async_door("chat", embed)
