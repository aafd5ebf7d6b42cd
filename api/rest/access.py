"""Who comes: a browser's session, with its CSRF token, or a program with a personal token.

A request with an `Authorization` header is judged by it alone: a wrong token never falls back to a cookie.
"""

from django.conf import settings
from django.http import HttpRequest
from django.utils.translation import gettext as _
from ninja.security import APIKeyCookie, HttpBearer
from ninja.security.base import AuthBase
from ninja.utils import check_csrf

from accounts.rates import requests_check
from api.tokens import SCOPES, token_check
from questionnaires.services import Refused


class Session(APIKeyCookie):
    """The session of a page. Whatever changes something needs the CSRF token in the header X-CSRFToken."""

    param_name = settings.SESSION_COOKIE_NAME

    def __call__(self, request: HttpRequest) -> bool:
        if "Authorization" in request.headers or not request.user.is_authenticated:
            return False
        if check_csrf(request) is not None:
            raise Refused(_("The request has no valid CSRF token. Programs send a personal token instead."), 403)
        return True

    def authenticate(self, request: HttpRequest, key: str | None) -> None:
        """Never asked: `__call__` is the whole check."""


class Token(HttpBearer):
    """A personal token that may do `scope`. TokenRefused (401, 403) for any other; QuotaExceeded for too many."""

    def __init__(self, scope: str) -> None:
        super().__init__()
        self.scope = scope

    def __call__(self, request: HttpRequest) -> bool:
        if "Authorization" not in request.headers:
            return False
        request.user = token_check(request, self.scope).owner
        requests_check(user=request.user)
        return True

    def authenticate(self, request: HttpRequest, token: str) -> None:
        """Never asked: `__call__` is the whole check."""


SESSION = Session()
TOKENS = {scope: Token(scope) for scope in SCOPES}


def door(scope: str) -> list[AuthBase]:
    """What opens an operation: a token with that scope (api.tokens.SCOPES), or the session."""
    return [TOKENS[scope], SESSION]
