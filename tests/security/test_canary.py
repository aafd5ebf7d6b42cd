"""Words and secrets with a canary in them, pushed through the product while everything around it fails.

Nothing of them may be told: in the log, in Redis, in tasks, in metrics, in the audit trail, to others. Secrets may not
stand in the database either, but for those that the database is the place of (docs/security.md).
"""

import asyncio
import io
import json
import logging
import threading
import uuid
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
from celery.app.task import Task
from django.core.cache import cache
from django.core.files.uploadedfile import SimpleUploadedFile
from django.db import DatabaseError, OperationalError, connection
from django.test import Client
from django.urls import reverse

from accounts.audit import AuditEvent
from api.tokens import SCOPES, token_create
from chat.models import Message
from chat.sharing.shares import Terms, share_create
from chat.telegram.api import Api, TelegramAway
from questionnaires import saving
from questionnaires.bank import bank_load
from questionnaires.models import Answer, Persona, Question
from tests.persona_site.valkey import valkey_running
from training.connections import Fields, connection_create

WORD = "canaryword-ochre-4417"  # in every text
KEY = "sk-canarykey-4417aaaabbbb"
TELEGRAM = "4417:canarytelegramtokencanarytelegram"
PASSWORD = "canarypassword-4417"
EMAIL = "canaryperson4417@example.org"


class Echo(BaseHTTPRequestHandler):
    """A server that fails and says in its error everything that it was sent, the key included."""

    def log_message(self, *args):
        pass

    def do_GET(self):
        length = int(self.headers.get("Content-Length") or 0)
        told = f"{self.path} {self.headers.get('Authorization')} {self.rfile.read(length).decode(errors='replace')}"
        content = json.dumps({"ok": False, "description": told, "error": {"message": told}}).encode()
        self.send_response(500)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    do_POST = do_GET


@pytest.fixture
def echo():
    server = ThreadingHTTPServer(("127.0.0.1", 0), Echo)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    server.server_close()


@pytest.fixture
def log():
    """What the site's own handler writes."""
    (handler,) = [each for each in logging.getLogger().handlers if type(each.formatter).__module__.endswith("logs")]
    written, level = io.StringIO(), logging.getLogger().level
    before = handler.setStream(written)
    logging.getLogger().setLevel(logging.DEBUG)
    yield written
    logging.getLogger().setLevel(level)
    handler.setStream(before)


@pytest.fixture
def rung(monkeypatch):
    """What would go into the broker."""
    messages = []
    monkeypatch.setattr(Task, "apply_async", lambda task, *sent, **named: messages.append((task.name, sent, named)))
    return messages


@pytest.fixture
def store(tmp_path, settings):
    with valkey_running(tmp_path) as (address, client):
        settings.CACHES = {"default": settings.CACHES["default"] | {"LOCATION": address}}
        yield client


def put(client, persona, text, revision=0):
    body = {"text": text, "revision": revision, "operation": uuid.uuid4().hex}
    address = reverse("answer", args=(persona.pk, Answer.objects.filter(persona=persona).get().question.slug))
    return client.put(address, json.dumps(body), content_type="application/json")


def fails(error):
    def raised(*_args, **_named):
        said = f"DETAIL:  Key (text)=({WORD}) {KEY} breaks"
        raise error(f"deadlock detected\n{said}" if error is OperationalError else said)

    return raised


def write(client, persona, monkeypatch):
    """Saves that end well, with the database away, and with a defect."""
    assert put(client, persona, WORD).status_code == 200
    for error in (OperationalError, DatabaseError, RuntimeError):
        with monkeypatch.context() as patch:
            patch.setattr(saving, "_store", fails(error))
            assert put(client, persona, f"{WORD} again", 1).status_code >= 500


def talk(client, persona):
    """With a model server that fails and echoes."""
    address = reverse("chat_message", args=(persona.pk, uuid.uuid4()))
    page = client.post(address, {"text": f"{WORD}?", "operation": uuid.uuid4().hex})
    assert page.status_code == 302
    assert Message.objects.filter(role="persona").latest("created_at").state in {"failed", "unknown", "cut"}


def train_elsewhere(client, owner, echo):
    made = connection_create(owner=owner, preset="other", fields=Fields("Elsewhere", f"{echo}/v1", KEY))
    assert client.post(reverse("connection_test", args=(made.pk,))).status_code == 302
    made.refresh_from_db()
    return client.get(reverse("connection", args=(made.pk,))).content.decode()


def bring_broken_files(client, program, persona):
    broken = f'{{"prompt": "{WORD}", "completion": \n{WORD}'.encode()
    file = SimpleUploadedFile(f"{WORD}.jsonl", broken)
    assert client.post(reverse("import", args=(persona.pk,)), {"file": file}).status_code == 400
    file = SimpleUploadedFile("rows.jsonl", broken)
    assert program.post("/v1/files", {"file": file, "purpose": "fine-tune"}).status_code < 500
    body = json.dumps({"model": "persona:x", "messages": [{"role": "user", "content": WORD}]})
    assert program.post("/v1/chat/completions", body, content_type="application/json").status_code < 500
    assert program.generic("PUT", "/api/personas/x", body, content_type="application/json").status_code == 404


def knock(token, share):
    """Wrong log-ins, addresses with tokens, a program with a wrong key."""
    client = Client()
    client.post("/accounts/login/", {"login": EMAIL, "password": PASSWORD})
    client.get(f"/open/?token={token}")
    for address in (f"/with/{share}/", f"/with/{share}x/", f"/which/{share}/", f"/which/{share}/nowhere/"):
        client.get(address)
    for address in ("/api/personas", "/v1/files"):
        client.get(address, headers={"Authorization": f"Bearer {token}x"})


def telegram(echo):
    async def call():
        with pytest.raises(TelegramAway):
            await Api(TELEGRAM, echo).open()

    asyncio.run(call())


def dumped() -> str:
    """Each row of each table."""
    with connection.cursor() as cursor:
        found = []
        for name in connection.introspection.table_names(cursor):
            cursor.execute(f'SELECT * FROM "{name}"')
            found += [repr(row) for row in cursor.fetchall()]
    return "\n".join(found)


def stored(client) -> str:
    return repr([(key, client.dump(key)) for key in client.keys("*")])


@pytest.fixture
def pushed(owner, settings, monkeypatch, echo, log, rung, store, client_of, django_user_model, db):
    """Everything was tried; what there is to look at afterwards, by name."""
    settings.DATA_DIR.mkdir(parents=True, exist_ok=True)
    # It would end the test's transaction.
    monkeypatch.setattr("questionnaires.threads.close_old_connections", lambda: None)
    settings.ENGINE_URL, settings.ENGINE_URLS, settings.TELEGRAM_TOKEN = echo, [echo], TELEGRAM
    bank_load()
    persona = Persona.objects.create(owner=owner, name="Ada", language="en")
    question = Question.objects.filter(persona=None).first()
    Answer.objects.create(owner=owner, persona=persona, question=question)
    django_user_model.objects.create_user("person", email=EMAIL, password=PASSWORD)
    _token, secret = token_create(owner=owner, name="all", scopes=list(SCOPES))
    _share, link = share_create(persona=persona, terms=Terms())
    client, program = client_of(owner), Client(headers={"Authorization": f"Bearer {secret}"})
    client.raise_request_exception = program.raise_request_exception = False
    write(client, persona, monkeypatch)
    talk(client, persona)
    page = train_elsewhere(client, owner, echo)
    bring_broken_files(client, program, persona)
    knock(secret, link)
    telegram(echo)
    cache.set("reached", 1)
    return {
        "secrets": {"key": KEY, "token": secret, "link": link, "telegram": TELEGRAM, "password": PASSWORD},
        "log": log.getvalue(),
        "tasks": repr(rung),
        "redis": stored(store),
        "metrics": Client().get("/metrics").content.decode(),
        "ready": Client().get("/readyz").content.decode(),
        "audit": repr(list(AuditEvent.objects.values())),
        "connection": page,
        "database": dumped(),
        "export": b"".join(client.get(reverse("export", args=(persona.pk, "csv")))).decode(),
    }


def test_nothing_of_a_person_is_told(pushed):
    assert "reached" in pushed["redis"] and "Internal Server Error" in pushed["log"], "the canaries flew"
    for place in ("log", "tasks", "redis", "metrics", "ready", "audit"):
        for name, canary in {**pushed["secrets"], "word": WORD, "e-mail": EMAIL}.items():
            assert canary not in pushed[place], f"{name} in {place}"


def test_no_secret_leaves_the_place_that_it_is_for(pushed):
    for place in ("database", "export", "connection"):
        for name, canary in pushed["secrets"].items():
            assert canary not in pushed[place], f"{name} in {place}"
