"""Every refusal as a sentence in one shape: {"error": {"message", "code", "fields"?}}, with HTTP's status for it."""

from collections.abc import Callable
from typing import Any

from django.core.exceptions import PermissionDenied, RequestDataTooBig
from django.db import OperationalError
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseBase, HttpResponseNotAllowed, JsonResponse
from django.utils.translation import gettext as _
from ninja import NinjaAPI, Schema
from ninja.errors import AuthenticationError, ValidationError

from accounts.quotas import QuotaExceeded
from api.tokens import TokenRefused
from questionnaires.services import Refused

CODES = {
    400: "bad_request",
    401: "not_logged_in",
    403: "forbidden",
    404: "not_found",
    405: "method_not_allowed",
    409: "conflict",
    413: "too_large",
    422: "invalid",
    429: "too_many",
    503: "unavailable",
}


class Fault(Schema):
    """`fields` names what is wrong where; it is there for code "invalid" alone."""

    message: str
    code: str
    fields: dict[str, str] | None = None


class Failure(Schema):
    error: Fault


# Of operations: with their own answer, what else may come.
REFUSALS: dict[int, type[Schema]] = dict.fromkeys((400, 401, 403, 404, 409, 413, 422, 429, 503), Failure)


def failure(status: int, message: str, **more: Any) -> JsonResponse:
    """The one shape of a refusal."""
    return JsonResponse({"error": {"message": message, "code": CODES.get(status, "refused"), **more}}, status=status)


def not_found(request: HttpRequest, error: Exception | None = None, **_kwargs: Any) -> JsonResponse:
    """Also a stranger's row: nobody learns that it exists."""
    return failure(404, _("There is nothing at this address, or it is not yours."))


def _refused(request: HttpRequest, error: Refused) -> JsonResponse:
    response = failure(error.status, str(error))
    for name, value in error.headers.items():
        response[name] = value
    return response


def _not_logged_in(request: HttpRequest, error: AuthenticationError) -> JsonResponse:
    response = failure(401, _("Send a personal token: Authorization: Bearer …, or log in."))
    response["WWW-Authenticate"] = "Bearer"
    return response


def _token_refused(request: HttpRequest, error: TokenRefused) -> JsonResponse:
    response = failure(error.status, error.message)
    if error.status == 401:
        response["WWW-Authenticate"] = "Bearer"
    return response


def _too_much(request: HttpRequest, error: QuotaExceeded) -> JsonResponse:
    response = failure(429, str(error))
    if error.retry_after is not None:
        response["Retry-After"] = str(error.retry_after)
    return response


def _invalid(request: HttpRequest, error: ValidationError) -> JsonResponse:
    fields = {_place(each["loc"]): str(each["msg"]) for each in error.errors}
    sentence = _("The request is not as the description asks: %(fields)s.")
    return failure(422, sentence % {"fields": "; ".join(f"{k}: {v}" for k, v in fields.items())}, fields=fields)


def _place(location: Any) -> str:
    """As in "body.text": where it stands, without the name of the function's argument."""
    parts = [str(part) for part in location]
    return ".".join(parts[:1] + parts[2:]) if parts[:1] == ["body"] and len(parts) > 1 else ".".join(parts)


def _out_of_order(request: HttpRequest, error: OperationalError) -> JsonResponse:
    return failure(503, _("The database cannot be reached just now. Try again in a moment."))


def _too_large(request: HttpRequest, error: RequestDataTooBig) -> JsonResponse:
    return failure(413, _("The request is larger than this server takes. Send less."))


def _denied(request: HttpRequest, error: PermissionDenied) -> JsonResponse:
    return failure(403, _("You may not do this."))


def handle_errors(api: NinjaAPI) -> None:
    """What the services and the framework raise, turned into sentences. Defects stay what they are: a 500."""
    handlers: dict[type[Exception], Callable[..., HttpResponse]] = {
        Http404: not_found,
        Refused: _refused,
        AuthenticationError: _not_logged_in,
        TokenRefused: _token_refused,
        QuotaExceeded: _too_much,
        ValidationError: _invalid,
        OperationalError: _out_of_order,
        PermissionDenied: _denied,
        RequestDataTooBig: _too_large,
    }
    for kind, handler in handlers.items():
        api.add_exception_handler(kind, handler)


def with_sentences(view: Callable[..., HttpResponseBase]) -> Callable[..., HttpResponseBase]:
    """A view of the framework whose bare 405 says what is wrong. The doors are the operations' own (access.door)."""

    def spoken(request: HttpRequest, **values: Any) -> HttpResponseBase:
        response = view(request, **values)
        if not isinstance(response, HttpResponseNotAllowed):
            return response
        allowed = response["Allow"]
        told = failure(405, _("This address knows only: %(methods)s.") % {"methods": allowed})
        told["Allow"] = allowed
        return told

    spoken.csrf_exempt = True  # type: ignore[attr-defined]  # access.Session asks for the token, programs have none
    spoken.login_required = False  # type: ignore[attr-defined]  # access.door answers 401 instead of a redirect
    return spoken
