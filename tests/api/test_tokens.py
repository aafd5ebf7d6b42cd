"""Keys for programs: who they open for, and what is kept of them."""

from datetime import timedelta

import pytest
from django.test import RequestFactory
from django.utils import timezone

from api.models import ApiToken
from api.tokens import TokenRefused, token_check, token_create, token_revoke
from questionnaires.services import Refused


def asked_with(secret, kind="Bearer"):
    return RequestFactory().get("/v1/models", headers={"authorization": f"{kind} {secret}"})


@pytest.fixture
def made(owner):
    return token_create(owner=owner, name=" my  notebook ", scopes=["chat", "read"])


def test_a_key_opens_for_its_owner_and_its_scopes(owner, made):
    token, secret = made
    assert (token.name, token.scopes) == ("my notebook", ["read", "chat"])
    assert token_check(asked_with(secret), "chat").owner == owner
    with pytest.raises(TokenRefused) as refused:
        token_check(asked_with(secret), "train")
    assert refused.value.status == 403
    assert "train" in refused.value.message


def test_only_a_hash_of_it_is_kept(made):
    _token, secret = made
    row = ApiToken.objects.values().get()
    assert secret not in str(row)
    assert secret.startswith(row["prefix"])
    assert len(secret) - len(row["prefix"]) > 30


@pytest.mark.parametrize("change", ["revoked", "expired", "inactive", "deleted", "mistyped", "basic", "none"])
def test_no_way_in(made, owner, change):
    token, secret = made
    request = asked_with(secret)
    if change == "revoked":
        token_revoke(token=token)
    elif change == "expired":
        ApiToken.objects.update(expires_at=timezone.now() - timedelta(seconds=1))
    elif change == "inactive":
        owner.is_active = False
        owner.save()
    elif change == "deleted":
        token.delete()
    elif change == "mistyped":
        request = asked_with(secret[:-1])
    elif change == "basic":
        request = asked_with(secret, "Basic")
    else:
        request = RequestFactory().get("/v1/models")
    with pytest.raises(TokenRefused) as refused:
        token_check(request, "read")
    assert refused.value.status == 401
    assert secret not in refused.value.message


def test_use_is_noted_once_a_minute(made, django_assert_num_queries):
    _, secret = made
    token_check(asked_with(secret), "read")
    noted = ApiToken.objects.get().last_used_at
    assert noted
    with django_assert_num_queries(1):
        token_check(asked_with(secret), "read")
    assert ApiToken.objects.get().last_used_at == noted


@pytest.mark.parametrize(
    "wrong", [{"name": " "}, {"name": "x" * 81}, {"scopes": []}, {"scopes": ["read", "root"]}, {"days": 0}]
)
def test_a_key_without_a_name_a_scope_or_an_end_that_makes_sense_is_refused(owner, wrong):
    with pytest.raises(Refused):
        token_create(**{"owner": owner, "name": "notebook", "scopes": ["read"], **wrong})
    assert not ApiToken.objects.exists()
