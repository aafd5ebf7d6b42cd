"""The first thing that a request for a page meets: it gets an id, and what it took is measured."""

import logging
import time
from collections.abc import Callable
from typing import Any

from asgiref.sync import iscoroutinefunction
from django.conf import settings
from django.http import HttpRequest, HttpResponseBase
from django.utils.decorators import sync_and_async_middleware

from accounts.request_id import HEADER, id_from, serving
from operations.request_times import request_measured

logger = logging.getLogger("persona.requests")


@sync_and_async_middleware
def observed(get_response: Callable[..., Any]) -> Callable[..., Any]:
    """Django's middleware, for plain views and coroutines."""
    if iscoroutinefunction(get_response):

        async def coroutine(request: HttpRequest) -> HttpResponseBase:
            key, began = id_from(request.headers.get(HEADER)), time.perf_counter()
            with serving(key, request):
                return _done(request, await get_response(request), key, began)

        return coroutine

    def plain(request: HttpRequest) -> HttpResponseBase:
        key, began = id_from(request.headers.get(HEADER)), time.perf_counter()
        with serving(key, request):
            return _done(request, get_response(request), key, began)

    return plain


def _done(request: HttpRequest, response: HttpResponseBase, key: str, began: float) -> HttpResponseBase:
    """Of a stream: until its beginning. Time that a request waited for its turn counts (persona_site.handler)."""
    response.headers[HEADER] = key
    came = getattr(request, "scope", {}).get("came", began)
    seconds = time.perf_counter() - came
    match = request.resolver_match
    view = match.view_name if match and match.view_name else "none"
    request_measured(view, request.method or "", response.status_code, seconds)
    if settings.LOG_FORMAT == "json":
        told = {"view": view, "method": request.method, "status": response.status_code}
        logger.info("request", extra={**told, "milliseconds": round(1000 * seconds, 1)})
    return response
