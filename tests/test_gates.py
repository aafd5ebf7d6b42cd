"""What holds for the whole site: pages, imports, settings, types and style. Who may see what: tests/security."""

import re
import subprocess
import sys
from pathlib import Path

import pytest
from django.urls import reverse

from persona_site.environment import Environment

ROOT = Path(__file__).parent.parent


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


ROOMS = ("accounts", "questionnaires", "training", "chat", "fidelity", "engine", "privacy", "api", "operations")
# Ruff's S104, S506 and S608 judge the same lines, and each exception stands there with its reason.
JUDGED_BY_RUFF = "B104,B506,B608"


@pytest.mark.slow
def test_no_dangerous_call():
    """Bandit finds nothing of medium weight or more; an exception is a `nosec` with its reason."""
    run(str(TOOLS / "bandit"), "-q", "-ll", "-s", JUDGED_BY_RUFF, "-r", *ROOMS, "persona_site", "manage.py")


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
