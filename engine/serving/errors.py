"""Errors that reach a client, in the shape of OpenAI's error bodies."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any


class ApiError(Exception):
    """A request that cannot be answered: HTTP status, a sentence, and OpenAI's `code`, `param` and `type`."""

    def __init__(self, status: int, message: str, code: str | None = None, param: str | None = None) -> None:
        super().__init__(message)
        self.status = status
        self.message = message
        self.code = code
        self.param = param

    @property
    def type(self) -> str:
        if self.status == 429:
            return "rate_limit_exceeded"
        return "server_error" if self.status >= 500 else "invalid_request_error"

    def body(self) -> dict[str, Any]:
        """OpenAI's `ErrorResponse`."""
        return {"error": {"message": self.message, "type": self.type, "param": self.param, "code": self.code}}


def invalid(param: str, sentence: str) -> ApiError:
    """A 400 about one parameter."""
    return ApiError(400, sentence, "invalid_value", param)


def unknown_model(name: str, known: Iterable[str]) -> ApiError:
    """A 404 that names the models there are."""
    names = ", ".join(f"“{one}”" for one in known)
    return ApiError(404, f"The model “{name}” does not exist. There are: {names}.", "model_not_found", "model")


def broken_model(name: str, reason: str) -> ApiError:
    """A 422: the model's folder is there and cannot be served."""
    return ApiError(422, f"The model “{name}” cannot be served: {reason}", "model_broken", "model")


def no_room(base: str, needed: int, free: int) -> ApiError:
    """A 503: a base model beside the default one does not fit into memory; both in bytes."""
    return ApiError(
        503,
        f"The base model “{base}” takes about {needed / 1e9:.1f} GB of memory; {free / 1e9:.1f} GB are free for it. "
        "Close other programs, or choose a version of a smaller base model.",
        "base_model_too_large",
        "model",
    )


def context_exceeded(prompt_tokens: int, context_length: int) -> ApiError:
    """A 400 for a prompt that does not fit; both in tokens."""
    return ApiError(
        400,
        f"The prompt has {prompt_tokens} tokens, but the model reads at most {context_length}. "
        "Shorten the messages or leave earlier ones out.",
        "context_length_exceeded",
        "messages",
    )
