"""A program's whole life with a fine-tuned model, through openai's SDK, which knows nothing of this installation."""

import time

import openai
import pytest

from accounts.quotas import usage_of
from tests.training.conftest import wait_for
from training.models import PersonaModel, TrainingRun

pytestmark = pytest.mark.django_db(transaction=True)
BASE = "smollm2-135m-instruct"


def ended(client, job):
    def look():
        found = client.fine_tuning.jobs.retrieve(job.id)
        return found if found.status in {"succeeded", "failed", "cancelled"} else None

    return wait_for(look, 20)


def test_upload_train_talk_delete(client, worker, engine, uploaded, contract, owner):
    job = client.fine_tuning.jobs.create(
        model=BASE, training_file=uploaded.id, validation_file=uploaded.id, suffix="Tale Teller", seed=3,
        method={"type": "supervised", "supervised": {"hyperparameters": {"n_epochs": 2, "batch_size": "auto"}}},
        metadata={"why": "a test"},
    )  # fmt: skip
    assert job.id.startswith("ftjob-")
    done = ended(client, job)
    assert (done.status, done.error, done.seed) == ("succeeded", None, 3)
    assert (done.hyperparameters.n_epochs, done.hyperparameters.batch_size) == (2, 4)
    assert done.metadata == {"why": "a test"}
    run = TrainingRun.objects.get()
    assert done.fine_tuned_model == f"ft:{BASE}:tale-teller:{run.pk.hex}"
    assert (run.persona.name, run.persona.made_from, run.owner) == ("Tale Teller", "file", owner)

    told = [event.message for event in client.fine_tuning.jobs.list_events(job.id, limit=2)]  # pages of two
    assert told[0].startswith("New fine-tuned model created")
    assert told[-1] == f"Created fine-tuning job: {job.id}"
    assert [text for text in told if text.startswith("Step 6/6")]
    (checkpoint,) = client.fine_tuning.jobs.checkpoints.list(job.id)
    assert checkpoint.fine_tuned_model_checkpoint == done.fine_tuned_model
    figures = client.files.content(done.result_files[0]).text.splitlines()
    assert figures[0].startswith("step,train_loss")
    assert len(figures) == 7

    model = done.fine_tuned_model
    said = [{"role": "system", "content": "Be brief."}, {"role": "user", "content": "Go on"}]
    whole = client.chat.completions.create(model=model, messages=said, stop=["\n"], max_tokens=9)
    assert (whole.model, whole.choices[0].message.content) == (model, "Once upon a time")
    path, asked = engine.requests[-1]
    assert (path, asked["model"], asked["messages"]) == ("/v1/chat/completions", str(run.pk), said)
    assert (asked["stop"], asked["max_tokens"]) == (["\n"], 9)
    pieces = []
    for chunk in client.chat.completions.create(model=model, messages=said, stream=True):
        contract.chunk("chat.completions.create", chunk.model_dump(exclude_unset=True))
        pieces.append(chunk)
    assert {chunk.model for chunk in pieces} == {model}
    assert "".join(chunk.choices[0].delta.content or "" for chunk in pieces) == "Once upon a time"
    assert client.completions.create(model=model, prompt="Once").choices[0].text == "Once upon a time"
    for encoding in ("float", openai.NOT_GIVEN):  # the SDK asks for base64 unless told otherwise
        found = client.embeddings.create(model="local-embedding", input=["a", "b"], encoding_format=encoding)
        assert [each.embedding for each in found.data] == [[1.0, 0.0]] * 2

    assert model in [each.id for each in client.models.list()]
    assert client.models.retrieve(model).owned_by == "you"
    assert client.models.delete(model).deleted
    assert not PersonaModel.objects.exists()
    with pytest.raises(openai.NotFoundError) as gone:
        client.chat.completions.create(model=model, messages=said)
    assert BASE in gone.value.message
    assert client.files.delete(uploaded.id).deleted
    assert client.fine_tuning.jobs.retrieve(job.id).training_file == uploaded.id
    assert contract.faults == []
    assert set(contract.checked) >= {"jobs.create", "jobs.list_events", "files.delete", "models.delete"}


def test_pause_resume_cancel(client, worker, uploaded, contract):
    worker(steps=400, seconds=0.02)
    jobs = client.fine_tuning.jobs
    job = jobs.create(model=BASE, training_file=uploaded.id)
    wait_for(lambda: jobs.retrieve(job.id).status == "running", 20)
    with pytest.raises(openai.BadRequestError, match="uses this file"):
        client.files.delete(uploaded.id)
    assert jobs.pause(job.id).status == "paused"
    wait_for(lambda: TrainingRun.objects.get().state == "paused", 20)
    assert jobs.resume(job.id).status in {"queued", "running"}
    wait_for(lambda: jobs.retrieve(job.id).status == "running", 20)
    assert jobs.cancel(job.id).status == "cancelled"
    wait_for(lambda: TrainingRun.objects.get().state == "cancelled", 20)
    with pytest.raises(openai.BadRequestError, match="already completed"):
        jobs.cancel(job.id)
    with pytest.raises(openai.BadRequestError, match="not paused"):
        jobs.resume(job.id)
    assert jobs.retrieve(job.id).fine_tuned_model is None
    assert list(jobs.checkpoints.list(job.id)) == []
    assert contract.faults == []


def test_a_training_that_fails_says_why(client, worker, uploaded, contract):
    worker(exit=2, at=2, message="The rows are too long.")
    job = ended(client, client.fine_tuning.jobs.create(model=BASE, training_file=uploaded.id))
    assert (job.status, job.error.code, job.error.message) == ("failed", "training_failed", "The rows are too long.")
    assert next(iter(client.fine_tuning.jobs.list_events(job.id))).level == "error"
    assert contract.faults == []


def test_a_stream_that_is_left_stops_the_model_and_is_counted(client, engine, owner):
    engine.pause, engine.words = 0.05, [" and"] * 400
    stream = client.chat.completions.create(model=BASE, messages=[{"role": "user", "content": "Go on"}], stream=True)
    next(iter(stream))
    stream.close()
    assert engine.gone.wait(10)
    assert 1 <= wait_for(lambda: usage_of(user=owner, kind="chat_tokens")) < 400


def test_a_first_token_is_not_held_back(client, engine):
    engine.pause, engine.words = 0.3, ["one", "two", "three"]
    begun = time.monotonic()
    stream = client.completions.create(model=BASE, prompt="Count", stream=True)
    next(iter(stream))
    assert time.monotonic() - begun < 0.8
    stream.close()
