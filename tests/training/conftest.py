"""A persona with enough answers, and a trainer that needs no model."""

import json
import sys
import threading
import time
from pathlib import Path

import pytest

FAKE = Path(__file__).with_name("fake_trainer.py")


@pytest.fixture(autouse=True)
def folders(tmp_path, settings):
    settings.RUNS_DIR = tmp_path / "runs"
    settings.MODELS_DIR = tmp_path / "models"


@pytest.fixture(autouse=True)
def no_broker(settings, monkeypatch):
    """Rings are collected instead of published."""
    from training import tasks

    rung = []
    monkeypatch.setattr(tasks, "_publish", lambda task, *arguments, **_: rung.append((task.name, *arguments)) or True)
    return rung


@pytest.fixture
def fake(monkeypatch):
    """Sets what the trainer does; quick and well without arguments."""
    from training.providers import PROVIDERS, local
    from training.providers.local import LocalProvider

    monkeypatch.setitem(PROVIDERS, "local", LocalProvider([sys.executable, str(FAKE)]))
    monkeypatch.setattr(local, "POLL_SECONDS", 0.02)

    def plan(**what):
        monkeypatch.setenv("FAKE_TRAINER", json.dumps(what))

    plan()
    return plan


def answer(persona, count, start=0):
    from questionnaires.models import Answer
    from questionnaires.services import question_create

    for number in range(start, start + count):
        question = question_create(persona=persona, text=f"What is thing {number} of {number * 37} to you, {number}?")
        text = f"Thing {number} is the {['blue', 'red', 'green'][number % 3]} door number {number * 91} of my street."
        Answer.objects.create(owner=persona.owner, persona=persona, question=question, state="answered", text=text)


@pytest.fixture
def author(persona):
    """A persona with twelve answers."""
    answer(persona, 12)
    return persona


@pytest.fixture
def run(author):
    from training.services import run_create

    return run_create(persona=author, recipe="quick")[0]


def wait_for(condition, seconds=10.0):
    """Polls until the condition holds; fails the test after `seconds`."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if found := condition():
            return found
        time.sleep(0.02)
    raise AssertionError("It did not happen in time.")


def in_background(function, *arguments, **named):
    """Runs it in a thread and closes the thread's database connection afterwards."""
    from django.db import connection

    def body():
        try:
            function(*arguments, **named)
        finally:
            connection.close()

    thread = threading.Thread(target=body)
    thread.start()
    return thread
