"""The stand-in itself: unmodified openai against it, and its answers against the published document."""

import httpx2
import openai
import pytest

from tests.provider_standin import Standin, schema

ROWS = b'{"messages": [{"role": "user", "content": "a"}, {"role": "assistant", "content": "b"}]}\n' * 10
MODEL = "gpt-4.1-mini-2025-04-14"


@pytest.fixture
def api(standin):
    with openai.OpenAI(base_url=standin.base_url, api_key=standin.key, max_retries=0) as client:
        yield client


def start(api):
    file = api.files.create(file=("rows.jsonl", ROWS, "application/jsonl"), purpose="fine-tune")
    supervised = {"hyperparameters": {"n_epochs": 1}}
    return api.fine_tuning.jobs.create(
        model=MODEL, training_file=file.id, method={"type": "supervised", "supervised": supervised}
    )


def test_a_job_lives_from_its_file_to_a_model_that_answers(api, standin):
    job = start(api)
    statuses = [api.fine_tuning.jobs.retrieve(job.id).status for _look in range(6)]
    assert statuses == ["queued", "running", "running", "running", "running", "succeeded"]
    job = api.fine_tuning.jobs.retrieve(job.id)
    events = list(api.fine_tuning.jobs.list_events(job.id, limit=4))
    assert len([event for event in events if event.type == "metrics"]) == standin.habits.steps
    assert api.files.content(job.result_files[0]).read().startswith(b"step,train_loss")
    question = [{"role": "user", "content": "Who are you?"}]
    said = api.chat.completions.create(model=job.fine_tuned_model, messages=question)
    assert said.choices[0].message.content == standin.habits.reply
    stream = api.chat.completions.create(
        model=job.fine_tuned_model, messages=question, stream=True, stream_options={"include_usage": True}
    )
    assert "".join(c.choices[0].delta.content or "" for c in stream if c.choices).strip() == standin.habits.reply
    assert standin.complaints == standin.wrong_keys == []


def test_every_answer_is_as_the_document_says(api, standin):
    if reason := schema.unchecked():
        pytest.skip(reason)
    job = start(api)
    for _look in range(6):
        api.fine_tuning.jobs.retrieve(job.id)
    file = job.training_file
    for operation in schema.OPERATIONS:
        method, path = schema.OPERATIONS[operation]
        if method == "get" and operation != "files.content":
            path = path.replace(schema.JOB, job.id).replace(schema.FILE, file).replace("{model}", MODEL)
            body = api.get(path, cast_to=httpx2.Response).json()
            assert (operation, schema.faults_of_answer(operation, body)) == (operation, [])


def test_what_the_document_does_not_know_is_refused(api, standin):
    if reason := schema.unchecked():
        pytest.skip(reason)
    with pytest.raises(openai.BadRequestError, match="suffix"):
        api.fine_tuning.jobs.create(model=MODEL, training_file="file-1", suffix="x" * 65)
    with pytest.raises(openai.BadRequestError, match="unknown query parameter"):
        api.fine_tuning.jobs.list(extra_query={"colour": "red"})
    assert len(standin.complaints) == 2


def test_a_dropped_answer_leaves_a_job_and_a_dropped_request_none(api, standin):
    standin.tell("jobs.create", "drop", after=True)
    with pytest.raises(openai.APIConnectionError):
        start(api)
    assert len(standin.jobs) == 1
    standin.tell("jobs.create", "drop")
    with pytest.raises(openai.APIConnectionError):
        start(api)
    assert len(standin.jobs) == 1


def test_another_key_is_refused_and_kept(standin):
    api = openai.OpenAI(base_url=standin.base_url, api_key="sk-other", max_retries=0)
    with api, pytest.raises(openai.AuthenticationError):
        api.models.list()
    assert [seen.key for seen in standin.wrong_keys] == ["sk-other"]


def test_it_can_be_told_to_refuse_and_to_be_gone():
    with Standin() as standin, openai.OpenAI(base_url=standin.base_url, api_key=standin.key, max_retries=0) as api:
        standin.tell("models.list", "status", status=429, headers={"retry-after": "7"})
        with pytest.raises(openai.RateLimitError) as caught:
            api.models.list()
        assert caught.value.response.headers["retry-after"] == "7"
        standin.habits.training_available = False
        with pytest.raises(openai.PermissionDeniedError) as refused:
            api.fine_tuning.jobs.list()
        assert refused.value.code == "training_not_available"
        standin.stop()
        with pytest.raises(openai.APIConnectionError):
            api.models.list()
