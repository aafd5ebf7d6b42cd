"""The API does what its description says, and breaks for no input that schemathesis thinks of."""

import json
from urllib.parse import quote

import pytest
import schemathesis
from django.test import Client
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from schemathesis import GenerationMode

from api.rest.site import api
from api.tokens import SCOPES, token_create
from fidelity import tasks as report_tasks
from questionnaires.bank import bank_load
from tests.security.world import SECRET, world_make
from training import tasks

SCHEMA = json.loads(json.dumps(api.get_openapi_schema(), default=str))
OPERATIONS = [found.ok() for found in schemathesis.openapi.from_dict(SCHEMA).get_all_operations()]
CASES = 5  # a kind of input, an operation and a person


@pytest.fixture
def world(owner, monkeypatch):
    bank_load()
    for bell in (tasks, report_tasks):
        monkeypatch.setattr(bell, "enqueue", lambda *_args, **_named: True)
    return world_make(owner)


def program_of(user) -> Client:
    _token, secret = token_create(owner=user, name="all", scopes=list(SCOPES))
    client = Client(headers={"Authorization": f"Bearer {secret}"})
    client.raise_request_exception = False
    return client


def send(client, case, values):
    """The case as a program sends it: with the rows that there are half of the time, else with made-up ones."""
    path = {name: str(values.get(name, value)) for name, value in (case.path_parameters or {}).items()}
    body = {}
    if not isinstance(case.body, type(schemathesis.core.NOT_SET)):
        body = {"data": json.dumps(case.body, default=str), "content_type": "application/json"}
    query = {name: value for name, value in (case.query or {}).items() if value is not None}
    address = case.path
    for name, value in path.items():
        address = address.replace(f"{{{name}}}", quote(value, safe=""))
    return client.generic(case.method, address, query_params=query, **body)


@pytest.mark.slow
@pytest.mark.parametrize("who", ["owner", "stranger"])
def test_no_input_breaks_an_operation(who, world, owner, stranger):
    client = program_of(owner if who == "owner" else stranger)
    for operation in OPERATIONS:
        for mode in (GenerationMode.POSITIVE, GenerationMode.NEGATIVE):
            try_operation(operation, mode, client, world, who)


def try_operation(operation, mode, client, world, who):
    @settings(max_examples=CASES, deadline=None, database=None, suppress_health_check=list(HealthCheck))
    @given(case=operation.as_strategy(generation_mode=mode), is_real=st.booleans())
    def check(case, is_real):
        response = send(client, case, world.values if is_real else {})
        label = f"{case.method} {response.request['PATH_INFO']}: {response.status_code}"
        assert response.status_code < 500, label
        if response.streaming:
            assert who == "owner", label
            return
        if response.status_code >= 400:
            assert response.json()["error"]["message"], label
            assert str(response.status_code) in operation.definition.raw["responses"] | {"405": ""}, label
        assert who == "owner" or SECRET not in response.content.decode(), label

    check()
