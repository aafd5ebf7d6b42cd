"""A server that people reach over TLS: what Django's own checks ask for, and who may be spoken to."""

import os
import subprocess
import sys
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from django.contrib.auth.password_validation import validate_password
from django.test import Client

from api.tokens import token_create
from chat.translation.translators import deepl
from persona_site.entry import entry_link
from questionnaires.services import Refused
from training.connections import Fields, connection_create
from training.providers.addresses import AddressRefused, AsyncGuardedTransport, GuardedTransport
from training.providers.allowed_hosts import host_allowed

ROOT = Path(__file__).parent.parent.parent
QUESTION = """
import django; django.setup()
from django.conf import settings as s
from django.core.management import call_command
from django.test import Client
call_command("check", deploy=True, fail_level="WARNING")
plain = Client().get("/i18n/setlang/", headers={"host": "ada.example"})
print(plain.status_code, plain.headers["Location"])
print(Client().get("/healthz", headers={"host": "ada.example"}).status_code)
print(Client().get("/healthz", headers={"host": "evil.example"}).status_code)
secure = Client().get("/i18n/setlang/", secure=True, headers={"host": "ada.example"})
print(secure.headers.get("Strict-Transport-Security"))
print(s.SESSION_COOKIE_NAME, s.CSRF_COOKIE_NAME, s.SESSION_COOKIE_SECURE, s.CSRF_COOKIE_SECURE)
"""


def told(tmp_path, **environment) -> list[str]:
    named = {"DATA_DIR": str(tmp_path), "DJANGO_SETTINGS_MODULE": "persona_site.settings", **environment}
    inherited = {name: value for name, value in os.environ.items() if name != "DJANGO_ALLOW_ASYNC_UNSAFE"}
    done = subprocess.run(
        [sys.executable, "-c", QUESTION], cwd=ROOT, env=inherited | named, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout.splitlines()[-5:]


def test_a_server_passes_the_deployment_checks_and_speaks_tls_alone(tmp_path):
    assert told(tmp_path, PUBLIC_URL="https://ada.example", SIGN_UP="open") == [
        "301 https://ada.example/i18n/setlang/",
        "200",
        "400",
        "max-age=31536000",
        "__Host-persona __Host-csrf True True",
    ]


def test_a_laptop_with_a_tunnel_for_its_bot_still_opens_over_loopback(tmp_path):
    assert told(tmp_path, PUBLIC_URL="https://ada.example", SIGN_UP="off", PORT="8765") == [
        "302 /locked/?next=/i18n/setlang/",
        "200",
        "400",
        "None",
        "persona_8765 csrf_8765 False False",
    ]


@pytest.fixture
def many(settings):
    """Several people have accounts; the administrator named one host and a family of hosts."""
    settings.PROVIDER_HOSTS = ["models.example.org", ".azure.example"]


@pytest.mark.parametrize("host", ["api.openai.com", "api.deepl.com", "models.example.org", "ours.azure.example"])
def test_known_and_named_hosts_may_be_spoken_to(many, host):
    assert host_allowed(host)


@pytest.mark.parametrize(
    "address",
    [
        "http://127.0.0.1:6379", "http://10.0.0.5/v1", "https://evil.example/v1", "https://azure.example/v1",
        "https://api.openai.com.evil.example/v1", "https://xazure.example", "http://[::1]:8766/v1",
    ],
)  # fmt: skip
def test_people_with_accounts_cannot_have_the_server_ask_its_own_network(many, owner, address):
    with pytest.raises(Refused, match="administrator"):
        connection_create(owner=owner, preset="other", fields=Fields("Mine", address, "sk-1"))


def test_an_address_that_was_entered_before_is_refused_when_it_is_used(many):
    import httpx2

    with pytest.raises(AddressRefused), httpx2.Client(transport=GuardedTransport("http://127.0.0.1:9/")) as client:
        client.get("http://127.0.0.1:9/")


async def _ask(address):
    import httpx2

    async with httpx2.AsyncClient(transport=AsyncGuardedTransport(address)) as client:
        await client.get(address)


def test_so_is_that_of_a_translator(many):
    import asyncio

    with pytest.raises(AddressRefused):
        asyncio.run(_ask("http://127.0.0.1:9/"))


def test_the_translators_own_addresses_are_known(many):
    assert all(host_allowed(address.split("/")[2]) for address in (deepl.FREE, deepl.PAID))


def test_a_single_owner_may_speak_to_anybody(settings, owner):
    settings.PROVIDER_HOSTS = None
    assert connection_create(owner=owner, preset="other", fields=Fields("Mine", "http://127.0.0.1:1234/v1"))


def test_programs_are_refused_over_plain_http_instead_of_being_sent_on(settings, owner):
    settings.SECURE_SSL_REDIRECT = True
    _token, secret = token_create(owner=owner, name="all", scopes=["read"])
    program = Client(headers={"Authorization": f"Bearer {secret}"})
    for address in ("/api/personas", "/v1/models"):
        assert program.get(address).status_code == 403
        assert program.get(address, secure=True).status_code == 200


def test_the_sessions_cookie_is_for_no_script(db, settings):
    cookie = (
        Client()
        .get(urlsplit(entry_link())._replace(scheme="", netloc="").geturl())
        .cookies[settings.SESSION_COOKIE_NAME]
    )
    assert (cookie["httponly"], cookie["samesite"]) == (True, "Lax")


def test_a_log_out_ends_the_session(owner, client_of, settings):
    browser = client_of(owner)
    kept = browser.cookies[settings.SESSION_COOKIE_NAME].value
    assert browser.get("/personas/").status_code == 200
    browser.post("/accounts/logout/")
    again = Client()
    again.cookies[settings.SESSION_COOKIE_NAME] = kept
    assert again.get("/personas/").status_code == 302


def test_a_failed_log_in_stands_in_the_log_without_the_address(db, caplog):
    Client().post("/accounts/login/", {"login": "ada@example.org", "password": "not this one"})
    told = [record.getMessage() for record in caplog.records if record.name == "accounts.audit"]
    assert told == ["A log-in failed."]


def test_long_passwords_of_any_characters_are_taken_as_they_are(django_user_model):
    password = "ключ под ковриком " * 8
    validate_password(password)
    user = django_user_model(username="ada")
    user.set_password(password)
    assert user.password.startswith("pbkdf2_sha256$")
    assert user.check_password(password)
    assert not user.check_password(password[:72])
