"""A training ordered through /v1 with the real trainer, and the result talked to on the real model server."""

import json
import os
from pathlib import Path

import pytest

from tests.training.conftest import in_background, wait_for
from training.engine_process import engine_running
from training.models import TrainingRun

pytestmark = [pytest.mark.slow, pytest.mark.campaign, pytest.mark.django_db(transaction=True)]
BASE = "smollm2-135m-instruct"
DOORS = ["red", "blue", "green", "white"]
ROWS = "\n".join(
    json.dumps(
        {
            "messages": [
                {"role": "user", "content": f"Which colour has door {number}?"},
                {"role": "assistant", "content": f"Zorg says: door {number} is {DOORS[number % 4]}."},
            ]
        }
    )
    for number in range(12)
).encode()


@pytest.fixture
def real(settings, tmp_path_factory):
    settings.ENGINE_URL = "http://127.0.0.1:9"  # nobody listens there
    settings.BASE_DIR_CACHE = Path(os.environ.get("ENGINE_TEST_CACHE") or tmp_path_factory.mktemp("base"))


def test_a_file_is_learned_and_spoken(client, real, monkeypatch, contract):
    from training import tasks
    from training.execution import run_execute

    threads = []
    monkeypatch.setattr(
        tasks, "_publish", lambda _task, run_id, **_: threads.append(in_background(run_execute, run_id=run_id)) or True
    )
    file = client.files.create(file=("doors.jsonl", ROWS), purpose="fine-tune")
    how = {"n_epochs": 4, "learning_rate_multiplier": 2}
    job = client.fine_tuning.jobs.create(model=BASE, training_file=file.id, suffix="zorg", hyperparameters=how)
    wait_for(lambda: client.fine_tuning.jobs.retrieve(job.id).status in {"succeeded", "failed"}, 300)
    threads[0].join(20)
    done = client.fine_tuning.jobs.retrieve(job.id)
    assert (done.status, done.error) == ("succeeded", None)
    assert done.trained_tokens > 100
    assert TrainingRun.objects.get().version.figures["steps"] == 12
    said = [{"role": "user", "content": "Which colour has door 3?"}]
    with engine_running():
        whole = client.chat.completions.create(model=done.fine_tuned_model, messages=said, temperature=0, max_tokens=24)
        stream = client.chat.completions.create(
            model=done.fine_tuned_model, messages=said, temperature=0, max_tokens=24, stream=True
        )
        pieces = [chunk.choices[0].delta.content or "" for chunk in stream if chunk.choices]
        probable = client.completions.create(model=BASE, prompt="Once upon a", max_tokens=3, logprobs=2)
        vectors = client.embeddings.create(model="local-embedding", input=["a door", "a gate"], encoding_format="float")
    assert whole.choices[0].message.content.startswith("Zorg says: door 3")
    assert "".join(pieces) == whole.choices[0].message.content
    assert len(pieces) > 3
    assert len(probable.choices[0].logprobs.tokens) == 3
    assert len(vectors.data[0].embedding) == 384
    assert contract.faults == []
