"""Every address x a stranger x nobody x a wrong method: no data, no defect. New addresses are found by themselves."""

import json
import uuid

import pytest
from django.apps import apps
from django.test import Client

from api.tokens import SCOPES, token_create
from questionnaires.bank import bank_load
from tests.security.routes import PUBLIC, ROUTES
from tests.security.world import SECRET, world_make

METHODS = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS")
NOT_HERE = {401, 403, 404, 405, 429}
ALLAUTH = ("account_", "mfa_", "usersessions_")  # its views read an unknown method as a look at the form
SENT_BACK = {"archive_import_confirm"}  # to one's own page, which says that there is no such file
# What a valid request of any operation may want; the rest of it is passed over.
BODY = {
    **dict.fromkeys(("text", "name", "operation", "model", "input", "prompt", "training_file", "title"), "x"),
    "slug": "bank-1",
    "revision": 0,
    "version": str(uuid.uuid4()),
    "revision_id": str(uuid.uuid4()),
    "messages": [{"role": "user", "content": "x"}],
    "form": "full",
}
# Addresses of programs: no log-in page, but 401 and 403.
OF_PROGRAMS = ("/api/", "/v1/")


@pytest.fixture
def world(owner):
    bank_load()
    return world_make(owner)


def ask(client, method, address):
    """The answer and its text. Forms are sent to pages, JSON to programs' addresses."""
    client.raise_request_exception = False
    named = {"name": "x", "text": "x"}
    if address.startswith(OF_PROGRAMS):
        query = "?name=x" if method == "DELETE" else ""
        response = client.generic(method, address + query, json.dumps(BODY), content_type="application/json")
    elif method == "POST":
        response = client.post(address, named)
    else:
        response = client.generic(method, address)
    return response, "" if response.streaming else response.content.decode(errors="replace")


def of_the_owner(route, world) -> bool:
    """Whether a row of the owner stands in the address."""
    rows = {name for name, value in world.values.items() if isinstance(value, uuid.UUID)}
    return bool(route.arguments & rows) or any(f"{route.name}:{name}" in world.values for name in route.arguments)


def rows() -> dict[str, int]:
    """How many there are of everything; sessions come and go with the visitors."""
    passing = {"sessions", "contenttypes", "operations"}  # what comes and goes by itself
    tables = [model for model in apps.get_models() if model._meta.app_label not in passing]
    return {model._meta.label: model._default_manager.count() for model in tables}


def walk(come, world, allowed, only=""):
    """Faults as sentences: an answer that `allowed` does not let pass, a word of the owner, a defect.

    `come` makes the client: one for each address, as one of them logs out. `only` is how the addresses begin.
    """
    faults = []
    for route in ROUTES:
        address, client = route.address(world.values), come()
        if not address.startswith(only or "/"):
            continue
        for method in METHODS:
            response, text = ask(client, method, address)
            is_defect = response.status_code >= 500 and route.name != "ready"  # where there is no broker
            is_told = method == "OPTIONS" and (not text or route.name.startswith(ALLAUTH))  # which methods there are
            if is_defect or not (is_told or allowed(route, method, response)):
                faults.append(f"{method} {address} ({route.name}) answered {response.status_code}")
            if SECRET in text:
                faults.append(f"{method} {address} ({route.name}) shows a word of the owner")
    return faults


def test_a_stranger_finds_nothing_anywhere(world, stranger, client_of):
    before = rows()

    def allowed(route, method, response):
        passes = route.name in PUBLIC or not of_the_owner(route, world) or response.status_code in NOT_HERE
        return passes or (route.name in SENT_BACK and response.status_code == 302)

    assert not (faults := walk(lambda: client_of(stranger), world, allowed)), "\n".join(faults)
    owned = {label: count for label, count in rows().items() if count < before[label]}
    assert owned == {}, "a stranger deleted rows"


def test_a_strangers_program_finds_nothing_either(world, stranger):
    """With a token that may do everything, and requests that are valid."""
    _token, secret = token_create(owner=stranger, name="all", scopes=list(SCOPES))

    def come():
        return Client(headers={"Authorization": f"Bearer {secret}"})

    def allowed(route, method, response):
        return route.name in PUBLIC or not of_the_owner(route, world) or response.status_code in NOT_HERE

    before = rows()
    for start in OF_PROGRAMS:
        assert not (faults := walk(come, world, allowed, start)), "\n".join(faults)
    assert {label for label, count in rows().items() if count < before[label]} == set()


def test_nobody_comes_in_without_a_log_in(world):
    before = rows()

    def allowed(route, method, response):
        if route.name in PUBLIC:
            return True
        if response.status_code == 302:
            return response.url.startswith(("/locked/", "/accounts/login/"))
        return response.status_code in NOT_HERE

    assert not (faults := walk(Client, world, allowed)), "\n".join(faults)
    assert rows() == before


def test_a_method_that_nobody_knows_is_refused_everywhere(world, visitor):
    faults = []
    for route in ROUTES:
        if route.name == "set_language":  # Django's: whatever is no POST only goes back
            continue
        response, _text = ask(visitor, "BREW", route.address(world.values))
        passes = route.name.startswith(ALLAUTH) and response.status_code < 500
        if response.status_code not in {404, 405} and not passes:
            faults.append(f"BREW {route.name} answered {response.status_code}")
    assert not faults, "\n".join(faults)


HEADERS = {"X-Content-Type-Options": "nosniff", "Referrer-Policy": "same-origin", "X-Frame-Options": "DENY"}


def headless(response) -> str:
    """What the answer lacks of the headers that each has."""
    policy = response.get("Content-Security-Policy", "")
    missing = [name for name in HEADERS if name not in response]
    missing += [] if "default-src 'none'" in policy and "frame-ancestors 'none'" in policy else ["policy"]
    missing += ["CORS"] if "Access-Control-Allow-Origin" in response else []
    kind = response.get("Content-Type", "")
    return ", ".join(missing + (["charset"] if kind.startswith("text/html") and "charset=utf-8" not in kind else []))


def test_looking_changes_nothing_and_carries_the_headers_of_the_site(world, visitor):
    """Also: the walk itself walks. With the owner's session the addresses are there that the stranger did not find."""
    before = rows()
    answers = {route.name: ask(visitor, "GET", route.address(world.values))[0] for route in ROUTES}
    assert {name: lack for name, answer in answers.items() if (lack := headless(answer))} == {}
    assert {name for name, answer in answers.items() if answer.status_code >= 500} <= {"ready"}
    there = {name for name, answer in answers.items() if answer.status_code == 200}
    assert {"question", "run", "version", "connection", "chat_conversation", "likeness_report", "friend_link"} <= there
    assert {"rest:run_get", "rest:answer_get", "rest:message_get", "rest:report_get", "rest:version_get"} <= there
    closed = {name for name, answer in answers.items() if answer.status_code == 401}
    assert {"v1_file", "v1_job"} <= closed, "a token alone opens"
    trail = {"accounts.AuditEvent": 0}  # what was taken along is noted
    assert rows() | trail == before | trail


@pytest.mark.parametrize("path", ["/.git/config", "/.env", "/static/", "/static/../.env", "/var/", "/manage.py"])
def test_files_of_the_program_are_not_served(path, visitor):
    assert visitor.get(path).status_code == 404


def test_every_public_address_exists():
    assert set(PUBLIC) <= {route.name for route in ROUTES}
