"""The id of the request that is being served, wherever it goes: into log lines, tasks and calls of the model server.

A proxy may bring one in the header X-Request-ID; the answer names it, so that a log can be searched for it.
"""

import re
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import Context, ContextVar
from dataclasses import dataclass

from django.http import HttpRequest

HEADER = "X-Request-ID"
_SANE = re.compile(r"[A-Za-z0-9._-]{8,64}", re.ASCII)  # nothing that could forge a line of a log


@dataclass(frozen=True)
class Served:
    """What a thread or a coroutine works for. A task has no request."""

    id: str = ""
    request: HttpRequest | None = None


_served: ContextVar[Served] = ContextVar("served", default=Served())  # noqa: B039  (frozen)


def request_id() -> str:
    """Empty outside of requests and tasks."""
    return _served.get().id


def user_key() -> int | None:
    """The visitor's key, where somebody has looked already who they are: a line of a log asks no database."""
    return getattr(getattr(_served.get().request, "_cached_user", None), "pk", None)


def id_from(header: str | None) -> str:
    """The one that came along, or a new one where that is none or not sane."""
    return header if header and _SANE.fullmatch(header) else uuid.uuid4().hex


@contextmanager
def serving(id: str, request: HttpRequest | None = None) -> Iterator[None]:
    """What happens inside is done for that request."""
    token = _served.set(Served(id, request))
    try:
        yield
    finally:
        _served.reset(token)


def adopt(id: str) -> None:
    """The rest of what this coroutine does is done for that request: of a stream, which outlives its view."""
    _served.set(Served(id))


def fresh_context() -> Context:
    """A context that knows the request's id and nothing else of it: for work that outlives the request."""
    context = Context()
    context.run(adopt, request_id())
    return context
