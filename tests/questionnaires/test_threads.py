"""The database goes and comes back while the web server stays."""

import asyncio

import pytest
from django.db import connection

from questionnaires.models import Persona
from questionnaires.threads import in_thread


@pytest.mark.django_db(transaction=True)
def test_a_thread_that_no_request_looks_after_opens_a_broken_connection_anew():
    def broken() -> bool:
        connection.ensure_connection()
        connection.connection.close()  # as the server's end does
        connection.errors_occurred = True
        connection.is_usable = lambda: False  # SQLite's says yes whatever happened
        return True

    async def ask():
        assert await in_thread(broken)()
        try:
            return await in_thread(Persona.objects.count)()
        finally:
            await in_thread(lambda: delattr(connection, "is_usable"))()

    assert asyncio.run(ask()) == 0
