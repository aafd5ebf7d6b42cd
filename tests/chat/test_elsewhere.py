"""A version that a provider serves: what goes where, with which key, and what is said when it fails."""

import json
import logging

import pytest
from django.core.management import call_command

from chat.errors import EngineError
from chat.speakers import speaker_get
from questionnaires.dataset import Item, renderer
from tests.chat.conftest import TOLD, make_version
from tests.training.conftest import answer
from tests.training.remote import MODEL, connect_to, look_until, remote_run
from training.models import Connection

CANARY = "sk-canary-of-the-provider-42"
TRAINED = f"ft:{MODEL}:standin:ada:1"


@pytest.fixture
def provider(standin):
    standin.key = CANARY
    standin.account.models[TRAINED] = "standin"
    return standin


@pytest.fixture
def elsewhere(persona, provider):
    """A version of that provider, in use."""
    return at(persona, connect_to(provider, persona.owner))


def at(persona, connection, *, format="chat", **fields):
    version = make_version(persona, number=7, format=format)
    for name, value in {"connection": connection, "remote_model": TRAINED, **fields}.items():
        setattr(version, name, value)
    version.save()
    return version


def test_the_provider_answers_with_the_prompt_of_the_training(engine, told, elsewhere, provider, answered):
    reply = answered(TOLD[0][0], version=elsewhere)
    assert (reply.state, reply.text) == ("done", "This is what I would say.")
    row = renderer("chat").row(Item(*TOLD[0]), notes=[Item(*TOLD[0])], name="Ada Frozen")
    [seen] = provider.requests
    assert (seen.operation, seen.body["model"]) == ("chat.completions.create", TRAINED)
    assert seen.body["messages"] == row["messages"][:-1]
    assert seen.body["stop"] == ["<|im_end|>"]
    assert provider.complaints == []
    assert (reply.figures["tokens"], reply.figures["finish"]) == (6, "stop")


def test_a_version_of_the_marker_format_uses_completions(engine, told, persona, provider, answered):
    marker = at(persona, connect_to(provider, persona.owner), format="marker")
    assert answered(TOLD[0][0], version=marker).text == "This is what I would say."
    row = renderer("marker").row(Item(*TOLD[0]), notes=[Item(*TOLD[0])])
    [seen] = provider.requests
    assert (seen.operation, seen.body["prompt"], seen.body["stop"]) == ("completions.create", row["prompt"], ["###"])


def test_no_key_goes_to_the_wrong_address(engine, told, elsewhere, provider, answered, monkeypatch, caplog):
    monkeypatch.setenv("OPENAI_API_KEY", "sk-stray")
    monkeypatch.setenv("OPENAI_BASE_URL", engine_address := "http://127.0.0.1:9/v1")
    monkeypatch.setenv("OPENAI_CUSTOM_HEADERS", "Authorization: Bearer sk-stray\nX-Stray: sk-stray")
    monkeypatch.setenv("OPENAI_ORG_ID", "org-stray")
    monkeypatch.setenv("HTTP_PROXY", engine_address)
    caplog.set_level(logging.DEBUG)
    reply = answered(TOLD[0][0], version=elsewhere)
    answered(TOLD[0][0])
    assert reply.state == "done"
    assert provider.wrong_keys == []
    assert [path for path, _body in engine.requests] == ["/v1/rerank", "/v1/rerank", "/v1/chat/completions"]
    assert {headers["authorization"] for headers in engine.headers} == {"Bearer local"}
    sent = json.dumps([engine.requests, engine.headers]) + json.dumps(reply.figures) + caplog.text
    assert CANARY not in sent
    assert "stray" not in json.dumps([seen.headers for seen in provider.requests])
    assert CANARY not in repr(speaker_get(persona=elsewhere.persona, version=elsewhere))


def test_thanks_go_to_the_provider_without_a_note(engine, told, elsewhere, provider, answered):
    assert answered("Thank you!", version=elsewhere).state == "done"
    assert provider.requests[0].body["messages"][0]["content"] == "You are Ada Frozen."
    assert engine.requests == []


def test_what_was_never_told_is_not_asked_elsewhere(engine, told, elsewhere, provider, answered):
    engine.known = False
    assert answered("Do you have a sister?", version=elsewhere).state == "unknown"
    assert provider.requests == []


@pytest.mark.parametrize(
    ("fault", "sentence"),
    [
        ({"what": "status", "status": 401}, "“Stand-in” refused the key. Open the connection"),
        ({"what": "status", "status": 403}, "does not let this key use the model"),
        ({"what": "status", "status": 404}, "“Stand-in” does not serve this model. It may have to be deployed"),
        ({"what": "status", "status": 429}, "takes no more requests now"),
        ({"what": "status", "status": 400}, "refused the question"),
        ({"what": "status", "status": 500}, "“Stand-in” failed while it answered"),
        ({"what": "drop"}, "“Stand-in” failed while it answered"),
        ({"what": "garbage"}, "“Stand-in” broke off"),
    ],
)
def test_each_failure_has_its_sentence_and_is_not_tried_again(
    engine, told, elsewhere, provider, answered, fault, sentence
):
    provider.tell("chat.completions.create", times=-1, **fault)
    reply = answered(TOLD[0][0], version=elsewhere)
    assert (reply.state, sentence in reply.error) == ("failed", True), reply.error
    assert len(provider.requests) == 1


def test_a_provider_that_is_down_is_not_waited_for(engine, told, elsewhere, provider, answered):
    provider.stop()
    reply = answered(TOLD[0][0], version=elsewhere)
    assert (reply.state, "“Stand-in” cannot be reached" in reply.error) == ("failed", True), reply.error
    assert reply.figures == {}


def test_a_deployment_is_asked_by_its_own_name(engine, told, persona, provider, answered):
    connection = connect_to(provider, persona.owner, preset="nebius")
    version = at(persona, connection)
    reply = answered(TOLD[0][0], version=version)
    assert "“Stand-in” has to deploy this model first" in reply.error
    assert provider.requests == []
    version.deployment = "ada-endpoint"
    version.save()
    provider.account.deployed.add("ada-endpoint")
    assert answered(TOLD[0][0], version=version).state == "done"
    assert provider.requests[0].body["model"] == "ada-endpoint"


def test_a_key_sealed_for_another_address_goes_nowhere(engine, told, elsewhere, provider, answered):
    Connection.objects.update(base_url="http://127.0.0.1:9/v1")
    assert "Enter it again" in answered(TOLD[0][0], version=elsewhere).error
    assert provider.requests == []


def test_an_address_that_is_refused_gets_nothing(engine, told, persona, provider, answered):
    from training.sealing import seal

    connection = connect_to(provider, persona.owner)
    address = "http://169.254.169.254/v1"
    Connection.objects.update(base_url=address, sealed_key=seal(CANARY, address))
    connection.refresh_from_db()
    reply = answered(TOLD[0][0], version=at(persona, connection))
    assert (reply.state, reply.error) == ("failed", "169.254.169.254 is not the address of a provider.")


def test_a_version_without_its_connection_is_never_asked_here(engine, told, elsewhere, answered):
    Connection.objects.all().delete()
    elsewhere.refresh_from_db()
    assert "was deleted. Choose another version." in answered(TOLD[0][0], version=elsewhere).error
    assert engine.generated == []


def test_ask_says_why_a_provider_cannot_be_asked(told, elsewhere):
    from django.core.management.base import CommandError

    Connection.objects.all().delete()
    with pytest.raises(CommandError, match="was deleted"):
        call_command("ask", TOLD[0][0], "--persona", "Ada")


def test_the_speaker_of_a_local_version_knows_no_provider(persona, version):
    assert speaker_get(persona=persona, version=version).elsewhere is None


def test_an_archived_version_is_not_offered(engine, told, persona, elsewhere, visitor):
    from django.urls import reverse
    from django.utils import timezone

    page = visitor.get(reverse("chat", args=(persona.pk,))).content.decode()
    assert "Version 7 · current · your questions go to Stand-in" in page
    type(elsewhere).objects.update(archived_at=timezone.now(), is_current=False)
    assert "Version 7" not in visitor.get(reverse("chat", args=(persona.pk,))).content.decode()


def test_what_was_trained_there_is_talked_to_there(engine, persona, provider, answered, settings, tmp_path):
    settings.RUNS_DIR, settings.MODELS_DIR = tmp_path / "runs", tmp_path / "models"
    answer(persona, 12)
    run = look_until(remote_run(persona, connect_to(provider, persona.owner)), {"ready"})
    assert answered("What is thing 1 to you?", version=run.version).text == "This is what I would say."
    last = provider.requests[-1]
    assert last.body["model"] == run.version.remote_model == provider.jobs[0].fine_tuned_model
    assert last.body["messages"][0]["content"].startswith("You are Ada. These are your own words:")
    assert (provider.wrong_keys, provider.complaints) == ([], [])


def test_errors_of_a_provider_are_errors_of_the_engine():
    from chat.errors import ProviderFailed

    assert issubclass(ProviderFailed, EngineError)
