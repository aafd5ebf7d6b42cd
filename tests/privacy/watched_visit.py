"""`python -m tests.privacy.watched_visit visit`: goes through the whole site in a process whose sockets are watched.

Prints one JSON object: whom it met off loopback, and how many pages it saw. `check` tries to reach an address outside
instead, which the watch has to notice.
"""

import io
import json
import os
import socket
import sys
from contextlib import suppress

HERE = {None, "", "localhost", "127.0.0.1", "::1"}
met: list[str] = []


def watch(event, arguments):
    if event == "socket.connect" and isinstance(arguments[1], tuple) and arguments[1][0] not in HERE:
        met.append(str(arguments[1]))
    elif event == "socket.getaddrinfo" and arguments[0] not in HERE:
        met.append(str(arguments[0]))


def reach_out():
    with suppress(OSError):
        socket.create_connection(("192.0.2.1", 9), timeout=0.01)


def visit() -> int:
    """Every page of the site, of the demo persona and of a new one; an answer saved, a data set exported."""
    import django

    django.setup()
    from django.core.management import call_command
    from django.test import Client
    from django.urls import reverse

    call_command("migrate", verbosity=0)
    call_command("load_questionnaires", verbosity=0, stdout=io.StringIO())
    from persona_site.entry import owner_get
    from questionnaires.models import Persona, Question
    from tests.security.routes import ROUTES

    client, owner = Client(SERVER_NAME="127.0.0.1"), owner_get()
    client.force_login(owner, backend="django.contrib.auth.backends.ModelBackend")
    mine = Persona.objects.create(owner=owner, name="Ada")
    asked = Question.objects.filter(persona=None).first()
    client.post(reverse("question", args=[mine.pk, asked.slug]), {"text": "Of the river.", "revision": "0"})
    pages = 0
    for persona in Persona.objects.filter(owner=owner):
        for route in ROUTES:
            if route.name != "account_logout":
                address = route.address({"persona_id": str(persona.pk), "slug": asked.slug, "file_format": "chat"})
                pages += client.get(address).status_code == 200
    return pages


if __name__ == "__main__":
    os.environ["DJANGO_SETTINGS_MODULE"] = "persona_site.settings"
    sys.addaudithook(watch)
    seen = visit() if sys.argv[1] == "visit" else reach_out() or 0
    print(json.dumps({"met": met, "pages": seen}))
