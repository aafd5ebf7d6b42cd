"""When somebody was last here: noted once an hour, where there are several people."""

import time
from collections.abc import Callable
from typing import Any

from allauth.usersessions.models import UserSession
from django.http import HttpRequest, HttpResponse
from django.utils import timezone

EVERY = 3600  # seconds
SEEN = "seen"  # key of the session: Unix seconds


def last_seen(get_response: Callable[[HttpRequest], HttpResponse]) -> Callable[[HttpRequest], HttpResponse]:
    """Middleware. Costs a look into the session, which is loaded anyway, and two writes an hour."""

    def note(request: HttpRequest) -> HttpResponse:
        session: Any = request.session
        if session.session_key and request.user.is_authenticated and time.time() - session.get(SEEN, 0) > EVERY:
            session[SEEN] = int(time.time())
            UserSession.objects.filter(session_key=session.session_key).update(last_seen_at=timezone.now())
        return get_response(request)

    return note
