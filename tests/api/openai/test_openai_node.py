"""The same life through openai's Node SDK, as it comes from the registry."""

import json
import os
import shutil
import subprocess
from pathlib import Path

import pytest

from tests.api.openai.contract import operation_of
from tests.provider_standin import schema

pytestmark = [pytest.mark.slow, pytest.mark.django_db(transaction=True)]
HERE = Path(__file__).parent / "node"
BASE = "smollm2-135m-instruct"


@pytest.fixture(scope="module")
def program(tmp_path_factory):
    """The folder of the program with its SDK."""
    if not (shutil.which("node") and shutil.which("npm")):
        pytest.skip("node and npm are not installed")
    folder = tmp_path_factory.mktemp("node")
    for name in ("package.json", "life.mjs"):
        shutil.copy(HERE / name, folder)
    install = ["npm", "install", "--no-audit", "--no-fund", "--ignore-scripts", "--no-package-lock"]
    done = subprocess.run(install, cwd=folder, capture_output=True, text=True, timeout=120)
    if done.returncode:
        pytest.skip(f"the registry of npm cannot be reached: {done.stderr[-200:]}")
    return folder


def run(folder, site, key):
    environment = {"PATH": os.environ["PATH"], "OPENAI_BASE_URL": f"{site}/v1", "OPENAI_API_KEY": key}
    command = ["node", "life.mjs", BASE]
    done = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def test_the_node_sdk_trains_talks_and_deletes(program, site, key, worker, engine):
    worker(steps=30, seconds=0.05)
    found = run(program, site, key)
    words = "Once upon a time"
    assert found["seen"] == [
        ["file", "processed", 591], ["listed file", "rows.jsonl"], ["paused", "paused"], ["resumed", True],
        ["cancelled", "cancelled"], ["job", "succeeded", None], ["events", True],
        ["listed job", "succeeded"], ["listed job", "cancelled"], ["checkpoint", True], ["chat", words],
        ["stream", words], ["completion", words], ["embedding", True], ["listed model", "you"],
        ["unknown", "model_not_found"], ["deleted", True, True], ["gone", 404],
    ]  # fmt: skip
    assert faults_of(found["answers"]) == []


def faults_of(answers):
    """What OpenAI's description would not allow; a paused job says so, which it forgot."""
    if schema.unchecked():
        pytest.skip(schema.unchecked())
    faults = []
    for answer in answers:
        operation = operation_of(answer["method"], answer["path"])
        if answer["status"] == 200 and answer["body"] and operation not in {"embeddings.create", "files.content"}:
            faults += schema.faults_of_answer(operation, answer["body"])
    return [fault for fault in faults if "'paused' is not one of" not in fault]
