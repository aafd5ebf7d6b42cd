"""When somebody was last here: noted once an hour, where there are several people."""

import time
from collections.abc import Callable
from typing import Any

from allauth.usersessions.models import UserSession
from asgiref.sync import iscoroutinefunction
from django.http import HttpRequest
from django.utils import timezone
from django.utils.decorators import sync_and_async_middleware

EVERY = 3600  # seconds
SEEN = "seen"  # key of the session: Unix seconds


@sync_and_async_middleware
def last_seen(get_response: Callable[..., Any]) -> Callable[..., Any]:
    """Middleware. Costs a look into the session, which is loaded anyway, and two writes an hour.

    Streams pass unseen: whoever has one open has just loaded its page.
    """
    if iscoroutinefunction(get_response):
        return get_response

    def note(request: HttpRequest) -> Any:
        session: Any = request.session
        if session.session_key and request.user.is_authenticated and time.time() - session.get(SEEN, 0) > EVERY:
            session[SEEN] = int(time.time())
            UserSession.objects.filter(session_key=session.session_key).update(last_seen_at=timezone.now())
        return get_response(request)

    return note
