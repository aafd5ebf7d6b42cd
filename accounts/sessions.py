"""Django's sessions in the database, read by a statement that is made once: each save of an answer reads one."""

from datetime import datetime

from django.contrib.sessions.backends import db
from django.contrib.sessions.models import Session
from django.utils import timezone

from accounts.prepared import PreparedRow

_session = PreparedRow(
    lambda key, now: Session.objects.filter(session_key=key, expire_date__gt=now),
    key=(Session._meta.get_field("session_key"), str),
    now=(Session._meta.get_field("expire_date"), datetime),
)


class SessionStore(db.SessionStore):
    """See the module."""

    def _get_session_from_db(self) -> Session | None:
        found = _session.get(key=self.session_key, now=timezone.now())
        if found is None:
            self._session_key = None
        return found
