"""The way in: a key, the method, and whatever goes wrong as OpenAI's error body. No cookie opens it."""

import uuid
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any

from asgiref.sync import sync_to_async
from django.contrib.auth.models import User
from django.core.exceptions import BadRequest, RequestDataTooBig, SuspiciousOperation
from django.http import HttpRequest, HttpResponseBase, JsonResponse, UnreadablePostError
from django.http.multipartparser import MultiPartParserError
from django.views.decorators.csrf import csrf_exempt

from accounts.quotas import QuotaExceeded
from accounts.rates import requests_check
from api.models import ApiToken
from api.openai.errors import ApiError
from api.tokens import TokenRefused, token_check
from questionnaires.services import Refused

Handler = Callable[..., HttpResponseBase | dict[str, Any]]
AsyncHandler = Callable[..., Awaitable[HttpResponseBase]]
REFUSALS = (ApiError, TokenRefused, Refused, QuotaExceeded)
UNREADABLE = (BadRequest, SuspiciousOperation, MultiPartParserError, UnreadablePostError)


@dataclass(frozen=True)
class Call:
    """A request that was let in."""

    request: HttpRequest
    token: ApiToken

    @property
    def owner(self) -> User:
        return self.token.owner


def door(**handlers: tuple[str, Handler]) -> Callable[..., HttpResponseBase]:
    """A view: by method, the scope that a key needs and what answers, with a dictionary or a whole response."""

    def view(request: HttpRequest, **names: Any) -> HttpResponseBase:
        try:
            scope, handler = _chosen(request, handlers)
            answer = handler(let_in(request, scope), **names)
        except (*REFUSALS, *UNREADABLE) as error:
            answer = as_api_error(error).response()
        return marked(JsonResponse(answer) if isinstance(answer, dict) else answer)

    return _open(view)


def async_door(scope: str, handler: AsyncHandler) -> Callable[..., Any]:
    """The same for what waits for the model server: a coroutine, which keeps no thread meanwhile. POST alone."""

    async def view(request: HttpRequest, **names: Any) -> HttpResponseBase:
        try:
            _chosen(request, {"POST": (scope, handler)})
            answer = await handler(await sync_to_async(let_in)(request, scope), **names)
        except (*REFUSALS, *UNREADABLE) as error:
            answer = as_api_error(error).response()
        return marked(answer)

    return _open(view)


def nowhere(request: HttpRequest, path: str) -> HttpResponseBase:
    """Whatever else is asked for under /v1."""
    sentence = f"Unknown request URL: {request.method} {request.path[:200]}. See docs/open-door.md for what there is."
    return marked(ApiError(404, sentence, "unknown_url").response())


def _open(view: Callable[..., Any]) -> Callable[..., Any]:
    """Without a session and its token against forged forms: cookies are not looked at here."""
    view.login_required = False  # type: ignore[attr-defined]
    return csrf_exempt(view)


def _chosen(request: HttpRequest, handlers: dict[str, tuple[str, Any]]) -> tuple[str, Any]:
    found = handlers.get(request.method or "")
    if found is None:
        sentence = f"{request.method} is not done at {request.path[:200]}. There is: {', '.join(handlers)}."
        raise ApiError(405, sentence, "method_not_supported")
    return found


def let_in(request: HttpRequest, scope: str) -> Call:
    """The one place where a program is let in, and where it is told to slow down."""
    token = token_check(request, scope)
    requests_check(user=token.owner)
    return Call(request, token)


def as_api_error(error: Exception) -> ApiError:
    match error:
        case ApiError():
            return error
        case TokenRefused():
            return ApiError(error.status, error.message, error.code)
        case QuotaExceeded():
            return ApiError(429, str(error), "rate_limit_exceeded", retry_after=error.retry_after)
        case Refused():
            code = "rate_limit_exceeded" if error.status == 429 else "refused"
            return ApiError(error.status, str(error), code, retry_after=error.retry_after)
        case RequestDataTooBig():
            return ApiError(413, "The request is larger than this server takes. Send less.", "request_too_large")
        case _:
            return ApiError(400, "The request cannot be read. Check how its body is made.", "invalid_request")


def marked(response: HttpResponseBase) -> HttpResponseBase:
    """With an id by which it can be spoken of, and kept by nobody on the way."""
    response.headers.setdefault("X-Request-ID", f"req_{uuid.uuid4().hex}")
    response.headers.setdefault("Cache-Control", "no-store")
    return response


nowhere_view = _open(nowhere)
