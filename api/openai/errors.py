"""Refusals in the shape of OpenAI's error bodies. Their sentences are English: programs and their makers read them."""

from typing import Any

from django.http import JsonResponse


class ApiError(Exception):
    """A request that is not done: the HTTP status, a sentence, and OpenAI's `code` and `param`.

    `retry_after`: seconds after which it is worth asking again; None where time does not help.
    """

    def __init__(
        self,
        status: int,
        message: str,
        code: str | None = None,
        param: str | None = None,
        retry_after: int | None = None,
    ) -> None:
        super().__init__(message)
        self.status, self.message, self.code, self.param = status, message, code, param
        self.retry_after = retry_after

    @property
    def type(self) -> str:
        if self.status == 429:
            return "rate_limit_exceeded"
        return "server_error" if self.status >= 500 else "invalid_request_error"

    def body(self) -> dict[str, Any]:
        """OpenAI's `ErrorResponse`."""
        return {"error": {"message": self.message, "type": self.type, "param": self.param, "code": self.code}}

    def response(self) -> JsonResponse:
        headers = {"Retry-After": str(self.retry_after)} if self.retry_after is not None else {}
        if self.status == 401:
            headers["WWW-Authenticate"] = "Bearer"
        return JsonResponse(self.body(), status=self.status, headers=headers)


def invalid(param: str, sentence: str) -> ApiError:
    """A 400 about one parameter."""
    return ApiError(400, sentence, "invalid_value", param)


def unsupported(param: str, sentence: str) -> ApiError:
    """A 400 about a parameter that OpenAI knows and this installation does not."""
    return ApiError(400, sentence, "unsupported_parameter", param)


def model_not_found(name: str, known: list[str]) -> ApiError:
    """A 404 that names the models there are."""
    names = ", ".join(f"“{one}”" for one in known) or "none"
    sentence = f"The model “{name[:200]}” does not exist here. There are: {names}."
    return ApiError(404, sentence, "model_not_found", "model")
