"""The REST API: the same things and the same sentences as the pages, for the owner alone."""

import json
import uuid

import pytest
from django.test import Client

from accounts.models import AuditEvent
from api.tokens import token_create
from questionnaires.models import Answer, Question, Topic
from tests.security.world import SECRET, world_make
from training import tasks
from training.models import PersonaModel, RunEvent, TrainingRun

OF = "/api/personas"


@pytest.fixture
def questions(db):
    topic = Topic.objects.create(slug="life", title={"en": "Life"}, position=1)
    texts = [{"en": {"text": f"What is number {n}?", "wordings": [], "hint": "", "follow_up": ""}} for n in range(12)]
    return [Question.objects.create(slug=f"q{n}", topic=topic, texts=text, position=n) for n, text in enumerate(texts)]


@pytest.fixture
def bell(monkeypatch):
    """The ids of runs that were rung for."""
    rung = []
    monkeypatch.setattr(tasks, "enqueue", rung.append)
    return rung


@pytest.fixture
def program(owner):
    """A client with a token that may do everything."""
    _token, secret = token_create(owner=owner, name="all", scopes=["read", "write", "train", "chat"])
    return Client(headers={"Authorization": f"Bearer {secret}"}, enforce_csrf_checks=True)


def send(client, method, address, body=None):
    content = {} if body is None else {"data": json.dumps(body), "content_type": "application/json"}
    return client.generic(method, address, **content)


def test_a_persona_is_made_listed_and_deleted_by_its_name(program):
    made = send(program, "POST", OF, {"name": " Ada  L. "}).json()
    assert made["name"] == "Ada L."
    assert [row["id"] for row in program.get(OF).json()["items"]] == [made["id"]]
    assert send(program, "DELETE", f"{OF}/{made['id']}?name=Bob").status_code == 400
    assert send(program, "DELETE", f"{OF}/{made['id']}?name=Ada+L.").status_code == 204
    assert AuditEvent.objects.get(action="persona-erased").where == "api"
    assert program.get(f"{OF}/{made['id']}").status_code == 404


def test_a_refusal_of_the_services_is_told_with_its_sentence_and_status(program):
    refused = send(program, "POST", OF, {"name": " "})
    assert refused.status_code == 400
    assert refused.json() == {
        "error": {"message": "A persona needs a name: yours, as friends say it.", "code": "bad_request"}
    }


def test_an_answer_is_saved_as_the_page_saves_it(program, persona, questions):
    address = f"{OF}/{persona.pk}/answers/q1"
    assert program.get(address).json()["revision"] == 0
    save = {"text": "By the sea.", "revision": 0, "operation": "one"}
    saved = send(program, "PUT", address, save).json()
    assert (saved["outcome"], saved["revision"], "text" in saved) == ("saved", 1, False)
    assert send(program, "PUT", address, save).json() == saved, "a repeated operation has its first reply again"
    assert program.get(address).json()["text"] == "By the sea."
    late = send(program, "PUT", address, {"text": "In town.", "revision": 0, "operation": "two"})
    assert late.status_code == 409
    assert (late.json()["text"], late.json()["yours"]) == ("By the sea.", "In town.")
    assert late.json()["error"]["code"] == "conflict"
    history = program.get(f"{address}/history").json()["items"]
    assert [(entry["text"], entry["conflict"]) for entry in history] == [("In town.", True), ("By the sea.", False)]


def test_an_earlier_text_comes_back(program, persona, questions):
    address = f"{OF}/{persona.pk}/answers/q1"
    for number, text in enumerate(["one", "two"]):
        send(program, "PUT", address, {"text": text, "revision": number, "operation": text})
    first = program.get(f"{address}/history").json()["items"][-1]["id"]
    assert send(program, "POST", f"{address}/restore", {"revision_id": first, "operation": "back"}).status_code == 200
    assert Answer.objects.get(persona=persona).text == "one"


def test_too_long_an_answer_and_the_demo_are_refused_as_on_the_page(program, persona, questions):
    address = f"{OF}/{persona.pk}/answers/q1"
    assert send(program, "PUT", address, {"text": "x" * 100_001, "revision": 0, "operation": "a"}).status_code == 413
    persona.is_demo = True
    persona.save()
    assert send(program, "PUT", address, {"text": "x", "revision": 0, "operation": "b"}).status_code == 403


def test_own_questions_are_made_worded_anew_and_deleted(program, persona, questions):
    made = send(program, "POST", f"{OF}/{persona.pk}/questions", {"text": "Why me?"}).json()
    address = f"{OF}/{persona.pk}/questions/{made['slug']}"
    assert send(program, "PUT", address, {"text": "Why not me?"}).json()["text"] == "Why not me?"
    assert send(program, "PUT", f"{OF}/{persona.pk}/questions/q1", {"text": "x"}).status_code == 404, "of the bank"
    assert send(program, "DELETE", address).status_code == 204
    assert not Question.objects.filter(persona=persona).exists()


def test_lists_come_in_pieces(program, persona, questions):
    for question in questions:
        Answer.objects.create(owner=persona.owner, persona=persona, question=question, text="x", state="answered")
    page = program.get(f"{OF}/{persona.pk}/answers?limit=1&offset=1").json()
    assert ([row["question"] for row in page["items"]], page["total"]) == (["q1"], 12)
    assert program.get(f"{OF}/{persona.pk}/answers?limit=0").status_code == 422


def test_the_export_is_the_pages_file(program, visitor, persona, questions):
    Answer.objects.create(owner=persona.owner, persona=persona, question=questions[0], text="Soup.", state="answered")
    ours = program.get(f"{OF}/{persona.pk}/data/export/marker")
    pages = visitor.get(f"/p/{persona.pk}/data/export/marker/")
    assert b"".join(ours) == b"".join(pages)
    assert program.get(f"{OF}/{persona.pk}/data/export/exe").status_code == 404
    assert program.get(f"{OF}/{persona.pk}/data/export/marker?part=half").status_code == 422


def test_a_training_is_begun_once_watched_and_ended(program, persona, questions, bell):
    things = ["ships", "soup", "chess", "rain", "bread", "trees", "maps", "songs", "trains", "birds", "stones", "wine"]
    for question, thing in zip(questions, things, strict=True):
        text = f"I have always liked {thing}, and {thing} was the first word that I ever learnt to read."
        Answer.objects.create(owner=persona.owner, persona=persona, question=question, text=text, state="answered")
    plan = send(program, "POST", f"{OF}/{persona.pk}/runs/plan", {}).json()
    assert plan["to"] == ""
    assert len(plan["sha256"]) == 64
    begun = send(program, "POST", f"{OF}/{persona.pk}/runs", {"recipe": "quick", "epochs": 2})
    again = send(program, "POST", f"{OF}/{persona.pk}/runs", {})
    assert (begun.status_code, again.status_code) == (201, 200), (begun.json(), plan["obstacles"])
    run = TrainingRun.objects.get()
    assert begun.json()["id"] == again.json()["id"] == str(run.pk)
    assert run.overrides == {"epochs": 2}
    assert bell == [run.pk]
    address = f"{OF}/{persona.pk}/runs/{run.pk}"
    assert send(program, "POST", f"{address}/pause").json()["state"] == "paused"
    assert send(program, "POST", f"{address}/resume").json()["state"] == "queued"
    assert send(program, "POST", f"{address}/cancel").json()["state"] == "cancelled"
    assert send(program, "POST", f"{address}/pause").status_code == 409
    assert send(program, "POST", f"{address}/retry").json()["state"] == "queued"


def test_events_come_after_a_number(program, persona):
    run = TrainingRun.objects.create(owner=persona.owner, persona=persona, base_model="base", state="failed")
    for number in range(1, 5):
        RunEvent.objects.create(owner=persona.owner, run=run, number=number, kind="log", data={"message": str(number)})
    page = program.get(f"{OF}/{persona.pk}/runs/{run.pk}/events?after=1&limit=2").json()
    assert ([event["number"] for event in page["items"]], page["last"], page["more"]) == ([2, 3], 3, True)


def test_a_wrong_choice_has_the_sentence_of_the_form(program, persona):
    refused = send(program, "POST", f"{OF}/{persona.pk}/runs", {"epochs": 900})
    assert refused.status_code == 400
    assert "from 1 to 20" in refused.json()["error"]["message"]


def test_rows_leave_only_with_the_hash_that_was_shown(program, owner):
    world = world_make(owner)
    body = {"connection": str(world.values["connection_id"]), "model": "gpt"}
    refused = send(program, "POST", f"{OF}/{world.persona.pk}/runs", body)
    assert refused.status_code == 400
    assert "sha256" in refused.json()["error"]["message"]


def test_versions_change_hands_and_go(program, persona):
    first, second = (
        PersonaModel.objects.create(
            owner=persona.owner, persona=persona, number=n, name=f"v{n}", base_model="base", format="chat",
            spoken_name="Ada", data_hash="0" * 64, is_current=n == 1,
        )
        for n in (1, 2)
    )  # fmt: skip
    address = f"{OF}/{persona.pk}/versions"
    assert send(program, "POST", f"{address}/{second.pk}/current").json()["is_current"] is True
    assert send(program, "DELETE", f"{address}/{second.pk}").status_code == 204
    noted = AuditEvent.objects.get(action="version-deleted")
    assert (noted.where, noted.target, noted.actor) == ("api", f"version:{second.pk}", persona.owner)
    assert [(row["id"], row["is_current"]) for row in program.get(address).json()["items"]] == [(str(first.pk), True)]


def test_a_report_is_asked_for_and_read(program, persona, monkeypatch):
    from fidelity import tasks as report_tasks

    monkeypatch.setattr(report_tasks, "enqueue", lambda key: True)
    version = PersonaModel.objects.create(
        owner=persona.owner, persona=persona, number=1, name="v1", base_model="base", format="chat",
        spoken_name="Ada", data_hash="0" * 64,
    )  # fmt: skip
    made = send(program, "POST", f"{OF}/{persona.pk}/reports", {"version": str(version.pk), "form": "quick"})
    assert made.status_code == 201
    address = f"{OF}/{persona.pk}/reports/{made.json()['id']}"
    assert program.get(address).json()["result"] == {}
    assert send(program, "POST", f"{address}/cancel").json()["state"] == "cancelled"


def test_a_token_opens_what_its_scopes_say(owner, persona):
    _token, secret = token_create(owner=owner, name="reader", scopes=["read"])
    reader = Client(headers={"Authorization": f"Bearer {secret}"})
    assert reader.get(f"{OF}/{persona.pk}").status_code == 200
    refused = send(reader, "POST", OF, {"name": "Ada"})
    assert refused.status_code == 403
    assert "write" in refused.json()["error"]["message"]


def test_a_wrong_token_does_not_fall_back_to_the_session(visitor, persona):
    response = visitor.get(f"{OF}/{persona.pk}", headers={"Authorization": "Bearer sk-persona-wrong"})
    assert response.status_code == 401
    assert response["WWW-Authenticate"] == "Bearer"


def test_a_session_needs_its_csrf_token(owner):
    browser = Client(enforce_csrf_checks=True)
    browser.force_login(owner)
    assert browser.get(OF).status_code == 200
    refused = send(browser, "POST", OF, {"name": "Ada"})
    assert refused.status_code == 403
    assert "CSRF" in refused.json()["error"]["message"]


def test_a_strangers_rows_are_not_there(stranger, owner):
    world = world_make(owner)
    _token, secret = token_create(owner=stranger, name="all", scopes=["read", "write", "train", "chat"])
    client = Client(headers={"Authorization": f"Bearer {secret}"})
    assert client.get(OF).json()["items"] == []
    own = send(client, "POST", OF, {"name": "Mine"}).json()["id"]
    values = world.values
    for tail in (f"runs/{values['run_id']}", f"versions/{values['version_id']}", f"reports/{values['report_id']}",
                 f"conversations/{values['conversation_id']}/messages", f"questions/{values['slug']}"):  # fmt: skip
        for persona in (world.persona.pk, own):
            response = client.get(f"{OF}/{persona}/{tail}")
            assert response.status_code == 404, tail
            assert SECRET not in response.content.decode()


def test_a_strangers_conversation_cannot_be_gone_on_with(stranger, owner):
    world = world_make(owner)
    _token, secret = token_create(owner=stranger, name="all", scopes=["read", "write", "chat"])
    client = Client(headers={"Authorization": f"Bearer {secret}"})
    own = send(client, "POST", OF, {"name": "Mine"}).json()["id"]
    talk = f"{OF}/{own}/conversations/{world.values['conversation_id']}/messages"
    assert send(client, "POST", talk, {"text": "Hello", "operation": "a"}).status_code == 404


def test_wrong_addresses_and_methods_are_told_in_sentences(program, client):
    assert program.get("/api/nothing").json()["error"]["code"] == "not_found"
    refused = send(program, "PATCH", OF, {})
    assert (refused.status_code, refused.json()["error"]["code"]) == (405, "method_not_allowed")
    assert set(refused["Allow"].split(", ")) == {"GET", "POST"}
    assert client.get(OF).status_code == 401


def test_the_description_names_every_operation_and_the_page_shows_it(program, visitor, client):
    paths = client.get("/api/openapi.json").json()["paths"]
    assert f"{OF}/{{persona_id}}/answers/{{slug}}" in paths
    page = visitor.get("/api/docs").content.decode()
    for path, entry in paths.items():
        assert path in page
        assert all(operation.get("description") for operation in entry.values()), f"{path} says nothing of itself"
    assert client.get("/api/docs").status_code == 302


def test_a_name_of_a_conversation_that_nobody_began_is_free(program, persona):
    talk = f"{OF}/{persona.pk}/conversations/{uuid.uuid4()}/messages"
    assert program.get(talk).status_code == 404


def test_a_field_that_nobody_asked_for_changes_nothing(program, stranger):
    body = {"name": "Ada", "is_demo": True, "owner": stranger.pk, "owner_id": stranger.pk, "id": str(uuid.uuid4())}
    made = send(program, "POST", OF, body).json()
    assert (made["is_demo"], made["id"] == body["id"]) == (False, False)
    assert program.get(f"{OF}/{made['id']}").status_code == 200


def test_a_request_of_megabytes_is_refused_with_a_sentence(program, persona, questions):
    body = {"text": "x" * 7_000_000, "revision": 0, "operation": "a"}
    refused = send(program, "PUT", f"{OF}/{persona.pk}/answers/q1", body)
    assert (refused.status_code, refused.json()["error"]["code"]) == (413, "too_large")
