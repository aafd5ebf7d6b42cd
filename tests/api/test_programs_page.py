"""The page For programs."""

import html
import re

import pytest

from accounts.audit import AuditEvent
from api.models import ApiToken
from api.tokens import token_create

FORM = {"name": "notebook", "days": "30", "scopes": ["read", "chat"]}


def text(answer):
    return html.unescape(answer.content.decode())


def test_a_key_is_shown_once_and_opens(visitor, owner):
    answer = visitor.post("/programs/", FORM)
    secret = re.search(r"sk-persona-[\w-]{43}", text(answer))[0]
    assert answer.headers["Cache-Control"].count("no-store") == 1
    token = ApiToken.objects.get()
    days = (token.expires_at - token.created_at).total_seconds() / 86_400
    assert (token.owner, token.scopes, round(days, 3)) == (owner, ["read", "chat"], 30)
    assert visitor.get("/v1/models", headers={"authorization": f"Bearer {secret}"}).status_code == 200
    page = text(visitor.get("/programs/"))
    assert secret not in page
    assert token.prefix in page
    assert "last used" in page
    assert "http://testserver/v1" in page


def test_a_revoked_key_is_gone_and_opens_nothing(visitor, owner):
    token, secret = token_create(owner=owner, name="notebook", scopes=["read"])
    answer = visitor.post(f"/programs/{token.pk}/revoke/", follow=True)
    assert "opens nothing any more" in text(answer)
    assert token.prefix not in text(answer)
    assert visitor.get("/v1/models", headers={"authorization": f"Bearer {secret}"}).status_code == 401
    assert AuditEvent.objects.filter(action="token-revoked", target=f"token:{token.pk}", actor=owner).exists()


def test_another_ones_key_is_not_found(owner, client_of, stranger):
    token, _ = token_create(owner=owner, name="notebook", scopes=["read"])
    other = client_of(stranger)
    assert other.post(f"/programs/{token.pk}/revoke/").status_code == 404
    assert token.prefix not in text(other.get("/programs/"))
    token.refresh_from_db()
    assert token.revoked_at is None


@pytest.mark.parametrize("wrong", [{"name": ""}, {"scopes": []}, {"scopes": ["root"]}])
def test_what_is_wrong_is_said_and_what_was_typed_stays(visitor, wrong):
    answer = visitor.post("/programs/", {**FORM, **wrong})
    assert answer.status_code == 400
    assert 'role="alert"' in text(answer)
    assert ('value="notebook"' in text(answer)) == ("name" not in wrong)
    assert not ApiToken.objects.exists()


def test_the_address_is_that_of_the_site(visitor, settings):
    settings.PUBLIC_URL = "https://persona.example"
    assert 'base_url="https://persona.example/v1"' in text(visitor.get("/programs/"))
