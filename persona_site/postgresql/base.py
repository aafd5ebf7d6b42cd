"""Django's PostgreSQL backend, with less to do at each request."""

import select
from typing import Any

import psycopg
from django.db.backends.postgresql import base


class DatabaseWrapper(base.DatabaseWrapper):
    """See the module."""

    def is_usable(self) -> bool:
        """As Django's, which asks the server at each request; here only where the server has said something unasked.

        That is how it ends a connection. One that is gone without a word is found out by libpq (SERVER_WATCH in the
        settings), as it would be while a question waits.
        """
        if self.connection is None or self.connection.closed:
            return False
        poll = select.poll()
        poll.register(self.connection.fileno(), select.POLLIN)
        return not poll.poll(0) or super().is_usable()

    def prepared_cursor(self) -> Any:
        """A cursor whose statements the server reads and plans once a connection, not each time."""
        self.close_if_health_check_failed()
        self.ensure_connection()
        return self._prepare_cursor(psycopg.Cursor(self.connection))  # type: ignore[attr-defined]
