"""What holds for the whole site: strangers, anonymous visitors, imports, settings, types and style."""

import re
import subprocess
import sys
import uuid
from pathlib import Path

import pytest
from django.urls import URLPattern, URLResolver, get_resolver, reverse

from persona_site.environment import Environment

ROOT = Path(__file__).parent.parent
# A webhook wants a signature or a secret, and friends the token of an open link.
OPEN_TO_ALL = {
    "open",
    "locked",
    "health",
    "set_language",
    "webhook",
    "friend",
    "friend_begin",
    "friend_guess",
    "telegram_webhook",
}


def named_patterns(resolver=None, prefix=()):
    for entry in (resolver or get_resolver()).url_patterns:
        if isinstance(entry, URLResolver):
            yield from named_patterns(entry)
        elif isinstance(entry, URLPattern) and entry.name:
            yield entry


PATTERNS = {pattern.name: pattern for pattern in named_patterns()}
OF_A_PERSONA = sorted(name for name, p in PATTERNS.items() if "persona_id" in p.pattern.converters)


def address_of(name, persona) -> str:
    samples = {"uuid": uuid.uuid4(), "int": 1, "string": "marker", "slug": "any"}
    converters = PATTERNS[name].pattern.converters
    kinds = {key: type(converter).__name__.removesuffix("Converter").lower() for key, converter in converters.items()}
    return reverse(name, kwargs={key: samples[kind] for key, kind in kinds.items()} | persona_id(converters, persona))


def persona_id(converters, persona) -> dict:
    return {"persona_id": persona.pk} if "persona_id" in converters else {}


@pytest.mark.parametrize("name", OF_A_PERSONA)
@pytest.mark.parametrize("method", ["get", "post", "put", "delete"])
def test_a_stranger_finds_nothing(name, method, persona, stranger, client_of):
    response = getattr(client_of(stranger), method)(address_of(name, persona))
    assert response.status_code in {404, 405}, f"{method} {name} answered {response.status_code}"


@pytest.mark.parametrize("name", OF_A_PERSONA)
def test_a_stranger_finds_nothing_by_any_allowed_method(name, persona, stranger, client_of):
    address = address_of(name, persona)
    codes = {getattr(client_of(stranger), method)(address).status_code for method in ("get", "post", "put")}
    assert 404 in codes


@pytest.mark.parametrize("name", sorted(set(PATTERNS) - OPEN_TO_ALL))
def test_who_is_not_logged_in_sees_the_locked_page(name, persona, client):
    response = client.get(address_of(name, persona))
    assert response.status_code == 302
    assert response.url.startswith(reverse("locked"))


def test_pages_carry_a_strict_content_security_policy(visitor):
    policy = visitor.get(reverse("personas"))["Content-Security-Policy"]
    assert "default-src 'none'" in policy
    assert "unsafe" not in policy


def test_templates_have_no_inline_script_or_style():
    for template in (ROOT / "templates").rglob("*.html"):
        text = template.read_text("utf-8")
        assert not re.search(r"<script(?![^>]*\bsrc=)|<style|\sstyle=|\son[a-z]+=", text), template


def test_every_setting_stands_in_the_docs():
    text = (ROOT / "docs" / "settings.md").read_text("utf-8")
    rows = dict(re.findall(r"^\| `([A-Z_]+)` \| `?([^|`]*)`? \|", text, re.M))
    assert set(rows) == set(Environment.model_fields)


def test_another_host_name_is_refused(client):
    assert client.get("/healthz", headers={"host": "evil.example"}).status_code == 400


def test_a_form_without_its_token_is_refused(owner):
    from django.test import Client

    client = Client(enforce_csrf_checks=True)
    client.force_login(owner)
    assert client.post(reverse("personas"), {"name": "Ada"}).status_code == 403


def run(*command: str) -> None:
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr


TOOLS = Path(sys.executable).parent


@pytest.mark.slow
def test_style():
    run(str(TOOLS / "ruff"), "check", ".")
    run(str(TOOLS / "ruff"), "format", "--check", ".")


@pytest.mark.slow
def test_types():
    run(str(TOOLS / "mypy"), ".")


def test_import_directions():
    run(str(TOOLS / "lint-imports"))


@pytest.mark.slow
def test_no_migration_is_missing_and_the_deployment_checks_pass():
    run(sys.executable, "manage.py", "makemigrations", "--check", "--dry-run")
    run(sys.executable, "manage.py", "check", "--deploy", "--fail-level", "WARNING")


def test_a_defect_shows_a_page_and_not_a_trace(visitor, monkeypatch):
    from questionnaires import services

    def defect(**_values):
        raise RuntimeError("secret detail")

    monkeypatch.setattr(services, "persona_create", defect)
    visitor.raise_request_exception = False
    response = visitor.post(reverse("personas"), {"name": "Ada"})
    assert response.status_code == 500
    assert "Something broke" in response.content.decode()
    assert "secret detail" not in response.content.decode()
