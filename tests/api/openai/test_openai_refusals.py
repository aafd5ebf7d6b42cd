"""What /v1 does not do, and how it says so."""

import json
import uuid

import openai
import pytest
from django.test import Client

from accounts.quotas import usage_of
from api.tokens import token_create
from questionnaires.models import Persona
from tests.api.openai.conftest import ROWS
from tests.training.conftest import wait_for
from training.models import TrainingRun, UploadedFile

pytestmark = pytest.mark.django_db(transaction=True)
BASE = "smollm2-135m-instruct"
SAID = [{"role": "user", "content": "Hello"}]


@pytest.fixture
def other(make_client, stranger):
    return make_client(token_create(owner=stranger, name="theirs", scopes=["read", "train", "chat"])[1])


def test_a_stranger_finds_nothing(client, other, rung, uploaded, contract, persona):
    job = client.fine_tuning.jobs.create(model=BASE, training_file=uploaded.id)
    jobs = other.fine_tuning.jobs
    asked = [
        lambda: other.files.retrieve(uploaded.id), lambda: other.files.content(uploaded.id),
        lambda: other.files.delete(uploaded.id), lambda: jobs.retrieve(job.id), lambda: jobs.cancel(job.id),
        lambda: jobs.pause(job.id), lambda: jobs.resume(job.id), lambda: list(jobs.list_events(job.id)),
        lambda: list(jobs.checkpoints.list(job.id)),
        lambda: other.chat.completions.create(model=f"persona:{persona.pk}", messages=SAID),
        lambda: other.models.retrieve(f"persona:{persona.pk}"),
    ]  # fmt: skip
    for each in asked:
        with pytest.raises(openai.NotFoundError):
            each()
    with pytest.raises(openai.BadRequestError, match="invalid training_file"):
        jobs.create(model=BASE, training_file=uploaded.id)
    assert list(other.files.list()) == list(jobs.list()) == []
    assert str(persona.pk.hex) not in str([model.id for model in other.models.list()])
    assert UploadedFile.objects.count() == TrainingRun.objects.count() == 1
    assert contract.faults == []


@pytest.mark.parametrize(
    ("scopes", "open_ones"),
    [(["read"], {"models", "files"}), (["train"], {"upload"}), (["chat"], {"chat"}), ([], set())],
)
def test_a_key_does_what_its_scopes_say(make_client, owner, engine, contract, scopes, open_ones):
    secret = token_create(owner=owner, name="narrow", scopes=scopes)[1] if scopes else "sk-persona-wrong"
    client = make_client(secret)
    asked = {
        "models": lambda: client.models.list(), "files": lambda: client.files.list(),
        "upload": lambda: client.files.create(file=("rows.jsonl", ROWS), purpose="fine-tune"),
        "chat": lambda: client.chat.completions.create(model=BASE, messages=SAID),
    }  # fmt: skip
    wrong = openai.PermissionDeniedError if scopes else openai.AuthenticationError
    for name, ask in asked.items():
        if name in open_ones:
            ask()
        else:
            with pytest.raises(wrong):
                ask()
    assert contract.faults == []


def test_a_session_is_no_key(owner):
    browser = Client(enforce_csrf_checks=True)
    browser.force_login(owner)
    assert browser.get("/v1/models").status_code == 401
    assert browser.post("/v1/fine_tuning/jobs", "{}", content_type="application/json").status_code == 401


@pytest.mark.parametrize(
    ("order", "code", "sentence"),
    [
        ({"model": "gpt-4o-mini"}, "model_not_found", BASE),
        ({"model": "ft:x:y:z"}, "unsupported_parameter", "base model"),
        ({"training_file": "file-1"}, "invalid_file", "file-1"),
        ({"method": {"type": "dpo"}}, "unsupported_parameter", "dpo"),
        ({"hyperparameters": {"n_epochs": 0}}, "invalid_value", "n_epochs"),
        ({"hyperparameters": {"n_epochs": True}}, "invalid_value", "n_epochs"),
        ({"hyperparameters": {"learning_rate_multiplier": -1}}, "invalid_value", "learning_rate_multiplier"),
        ({"suffix": "x" * 65}, "invalid_value", "suffix"),
        ({"suffix": "\ud800"}, "invalid_value", "suffix"),
        ({"suffix": "a\0b"}, "invalid_value", "suffix"),
        ({"seed": -1}, "invalid_value", "seed"),
        ({"metadata": {"a": 1}}, "invalid_value", "metadata"),
        ({"integrations": [{"type": "wandb"}]}, "unsupported_parameter", "integrations"),
    ],
)
def test_an_order_that_cannot_be_is_refused(owner, order, code, sentence):
    from training.uploads import upload_create

    file = upload_create(owner=owner, filename="rows.jsonl", chunks=[ROWS])
    headers = {"authorization": f"Bearer {token_create(owner=owner, name='n', scopes=['train'])[1]}"}
    body = {"model": BASE, "training_file": f"file-{file.pk.hex}", **order}
    answer = Client().post("/v1/fine_tuning/jobs", json.dumps(body), content_type="application/json", headers=headers)
    assert answer.status_code in {400, 404}
    assert (answer.json()["error"]["code"], sentence in answer.json()["error"]["message"]) == (code, True)
    assert not TrainingRun.objects.exists()


def test_a_file_that_cannot_be_learned_is_told_at_once(client, rung, contract):
    file = client.files.create(file=("rows.jsonl", b'{"prompt": "a"}\n'), purpose="fine-tune")
    assert (file.status, "Line 1" in file.status_details) == ("error", True)
    with pytest.raises(openai.BadRequestError, match="Line 1"):
        client.fine_tuning.jobs.create(model=BASE, training_file=file.id)
    with pytest.raises(openai.BadRequestError, match="purpose"):
        client.files.create(file=("rows.jsonl", ROWS), purpose="batch")
    assert contract.faults == []


def test_what_is_not_there_has_an_error_body_too(client, site, contract, key):
    with pytest.raises(openai.NotFoundError, match="Unknown request URL"):
        client.post("/assistants", cast_to=object, body={})
    for path in ("/v1/files/x", "/v1/fine_tuning/jobs/" + uuid.uuid4().hex, "/v1/models/none"):
        answer = Client().get(path, headers={"authorization": f"Bearer {key}"})
        assert (answer.status_code, bool(answer.json()["error"]["message"])) == (404, True)
    answer = Client().put("/v1/files", headers={"authorization": f"Bearer {key}"})
    assert (answer.status_code, answer.json()["error"]["code"]) == (405, "method_not_supported")


@pytest.mark.parametrize(
    ("body", "kind", "status"),
    [(b"{", "application/json", 400), (b"[]", "application/json", 400), (b"{}", "text/plain", 415),
     (b"[" * 100_000, "application/json", 400), (b" " * (7 * 2**20), "application/json", 413)],
)  # fmt: skip
def test_a_body_that_is_none(owner, body, kind, status):
    headers = {"authorization": f"Bearer {token_create(owner=owner, name='n', scopes=['train'])[1]}"}
    answer = Client().post("/v1/fine_tuning/jobs", body, content_type=kind, headers=headers)
    assert (answer.status_code, bool(answer.json()["error"]["message"])) == (status, True)


@pytest.mark.parametrize(
    ("status", "error"),
    [(400, openai.BadRequestError), (404, openai.NotFoundError), (422, openai.InternalServerError),
     (429, openai.RateLimitError), (503, openai.InternalServerError), (500, openai.InternalServerError)],
)  # fmt: skip
def test_a_model_server_that_refuses(client, engine, contract, status, error):
    engine.status = status
    engine.failure = {"error": {"message": "prompt too long; there are: a-secret-model", "code": "c", "param": None}}
    with pytest.raises(error) as refused:
        client.chat.completions.create(model=BASE, messages=SAID)
    assert ("a-secret-model" in refused.value.message) == (status == 400)
    assert (refused.value.response.headers.get("retry-after") is not None) == (status in {429, 503})
    assert contract.faults == []


def test_a_model_server_that_is_away(client, settings):
    settings.ENGINE_URL = "http://127.0.0.1:9"
    with pytest.raises(openai.InternalServerError, match="may be starting") as refused:
        client.chat.completions.create(model=BASE, messages=SAID, stream=True)
    assert refused.value.status_code == 503


def test_too_many_requests_are_told_when_to_come_again(client, settings, contract):
    settings.QUOTAS = {"requests": 2}
    client.models.list()
    client.models.list()
    with pytest.raises(openai.RateLimitError) as refused:
        client.models.list()
    assert int(refused.value.response.headers["retry-after"]) >= 1
    assert contract.faults == []


def test_an_order_that_is_sent_twice_is_one(client, rung, uploaded, contract):
    jobs = client.fine_tuning.jobs
    order = {"model": BASE, "training_file": uploaded.id, "suffix": "tale"}
    first = jobs.create(**order, extra_headers={"Idempotency-Key": "k-1"})
    assert jobs.create(**order, extra_headers={"Idempotency-Key": "k-1"}).id == first.id
    with pytest.raises(openai.BadRequestError, match="another order"):
        jobs.create(**order | {"suffix": "other"}, extra_headers={"Idempotency-Key": "k-1"})
    again = jobs.create(**order, extra_headers={"x-stainless-retry-count": "1"})
    assert again.id == first.id
    assert jobs.create(**order).id != first.id  # ordered twice on purpose
    assert len(rung) == 2
    assert contract.faults == []


def test_lists_come_in_pages(client, rung, uploaded, contract):
    for number in range(5):
        client.files.create(file=(f"{number}.jsonl", ROWS), purpose="fine-tune")
        client.fine_tuning.jobs.create(model=BASE, training_file=uploaded.id, metadata={"n": str(number % 2)})
    names = [file.filename for file in client.files.list(limit=2)]
    assert names == ["4.jsonl", "3.jsonl", "2.jsonl", "1.jsonl", "0.jsonl", "rows.jsonl"]
    assert [file.filename for file in client.files.list(limit=4, order="asc")] == names[::-1]
    assert list(client.files.list(purpose="fine-tune-results")) == []
    jobs = list(client.fine_tuning.jobs.list(limit=2))
    assert [job.metadata["n"] for job in jobs] == ["0", "1", "0", "1", "0"]
    odd = client.fine_tuning.jobs.list(limit=1, metadata={"n": "1"})
    assert [job.id for job in odd] == [jobs[1].id, jobs[3].id]
    with pytest.raises(openai.BadRequestError, match="limit"):
        client.fine_tuning.jobs.list(limit=0)
    assert contract.faults == []


def test_a_persona_answers_as_in_the_chat_room(client, engine, persona, contract):
    model = f"persona:{persona.pk.hex}"
    assert model in [each.id for each in client.models.list()]
    create = client.chat.completions.create
    answer = create(model=model, messages=[{"role": "user", "content": "Your age?"}])
    assert answer.choices[0].message.content == "I never told it that."
    chunks = list(create(model=model, messages=[{"role": "user", "content": "thanks"}], stream=True))
    for chunk in chunks:
        contract.chunk("chat.completions.create", chunk.model_dump(exclude_unset=True))
    assert "".join(chunk.choices[0].delta.content or "" for chunk in chunks) == "Once upon a time"
    with pytest.raises(openai.PermissionDeniedError, match="portrait"):
        client.models.delete(model)
    assert Persona.objects.filter(pk=persona.pk).exists()
    assert contract.faults == []


def test_tokens_of_the_day_are_counted_and_come_to_an_end(client, engine, persona, owner, settings):
    settings.QUOTAS = {"chat_tokens": 8}
    create = client.chat.completions.create
    create(model=BASE, messages=SAID)
    assert list(create(model=BASE, messages=SAID, stream=True))
    wait_for(lambda: usage_of(user=owner, kind="chat_tokens") == 6)
    create(model=f"persona:{persona.pk}", messages=[{"role": "user", "content": "thanks"}])
    assert usage_of(user=owner, kind="chat_tokens") == 9
    for model in (BASE, f"persona:{persona.pk}"):
        with pytest.raises(openai.RateLimitError) as refused:
            create(model=model, messages=SAID)
        assert int(refused.value.response.headers["retry-after"]) > 1


@pytest.mark.parametrize(
    ("method", "path", "body"),
    [
        ("GET", "/v1/files?purpose=%00", None), ("GET", "/v1/files?limit=-1", None),
        ("GET", "/v1/files?after=file-%00", None), ("GET", "/v1/files/%00", None), ("GET", "/v1/models/%00", None),
        ("GET", "/v1/models/ft::", None), ("GET", "/v1/fine_tuning/jobs?metadata[%00]=%FF", None),
        ("GET", "/v1/fine_tuning/jobs?limit=999999999999999999999", None),
        ("POST", "/v1/chat/completions", {"model": BASE, "messages": [{"role": "user", "content": "\ud800"}]}),
        ("POST", "/v1/chat/completions", {"model": BASE, "temperature": float("nan")}),
        ("POST", "/v1/chat/completions", {"model": ["x"]}),
        ("POST", "/v1/chat/completions", {"model": "persona:PERSONA", "messages": [{"role": "user"}]}),
        ("POST", "/v1/chat/completions", {"model": "persona:PERSONA", "messages": [7]}),
        ("POST", "/v1/chat/completions", {"model": "persona:PERSONA", "n": [], "messages": SAID}),
        ("POST", "/v1/embeddings", {"model": BASE, "input": "a"}),
        ("POST", "/v1/fine_tuning/jobs", {"model": BASE, "training_file": 7}),
        ("POST", "/v1/fine_tuning/jobs", {"model": BASE, "training_file": "file-x", "method": "supervised"}),
        ("POST", "/v1/fine_tuning/jobs", {"model": BASE, "training_file": "file-x", "hyperparameters": []}),
    ],
)  # fmt: skip
def test_nothing_odd_breaks_it(owner, persona, engine, method, path, body):
    engine.status, engine.failure = 400, {"error": {"message": "no", "code": None, "param": None}}
    secret = token_create(owner=owner, name="n", scopes=["read", "train", "chat"])[1]
    content = json.dumps(body).replace("PERSONA", persona.pk.hex)
    answer = Client().generic(method, path, content, "application/json", headers={"authorization": f"Bearer {secret}"})
    assert answer.status_code in {200, 400, 404}
    assert "error" in answer.json() or answer.status_code == 200


def test_a_form_that_is_none(owner):
    headers = {"authorization": f"Bearer {token_create(owner=owner, name='n', scopes=['train'])[1]}"}
    for kind in ("multipart/form-data", "multipart/form-data; boundary=x", "text/plain"):
        answer = Client().generic("POST", "/v1/files", b"--y\r\n", kind, headers=headers)
        assert (answer.status_code, bool(answer.json()["error"]["message"])) == (400, True)
