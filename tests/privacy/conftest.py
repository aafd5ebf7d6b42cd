"""Folders of the test's own, and no broker."""

import pytest


@pytest.fixture(autouse=True)
def places(settings, tmp_path):
    settings.DATA_DIR = tmp_path / "data"
    settings.RUNS_DIR, settings.MODELS_DIR = settings.DATA_DIR / "runs", settings.DATA_DIR / "models"
    settings.UPLOADS_DIR = settings.DATA_DIR / "uploads"
    settings.DATA_DIR.mkdir()


@pytest.fixture(autouse=True)
def rung(monkeypatch):
    """Rings are collected instead of published."""
    from privacy import tasks

    rings = []
    monkeypatch.setattr(tasks, "_publish", lambda task, *arguments, **_: rings.append((task.name, *arguments)) or True)
    return rings


@pytest.fixture
def bank(db):
    from questionnaires.models import Question, Topic

    topic = Topic.objects.create(slug="home", title={"en": "Home"}, position=1)
    for number in range(4):
        texts = {"en": {"text": f"Question {number} of the bank?", "wordings": [f"And {number}?"], "hint": ""}}
        Question.objects.create(slug=f"bank-{number}", topic=topic, texts=texts, position=number)
