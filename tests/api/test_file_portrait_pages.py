"""A model that a program trained has the pages that a person's portrait has."""

import html
import json

import pytest

from questionnaires.models import Persona
from tests.training.conftest import fake, no_broker  # noqa: F401
from training.execution import run_execute
from training.file_runs import FileOrder, file_run_create
from training.uploads import upload_create

ROWS = "\n".join(json.dumps({"prompt": f"Q{n}?", "completion": f" A{n}."}) for n in range(12)).encode()


@pytest.fixture
def run(owner, tmp_path, settings, fake):  # noqa: F811
    settings.RUNS_DIR, settings.MODELS_DIR = tmp_path / "runs", tmp_path / "models"
    settings.UPLOADS_DIR = tmp_path / "uploads"
    file = upload_create(owner=owner, filename="rows.jsonl", chunks=[ROWS])
    order = FileOrder(file, "smollm2-135m-instruct", suffix="Tales")
    run, _ = file_run_create(owner=owner, order=order)
    run_execute(run_id=run.pk)
    run.refresh_from_db()
    assert run.state == "ready"
    return run


def text(answer):
    assert answer.status_code == 200, answer
    return html.unescape(answer.content.decode())


def test_it_is_found_and_marked(visitor, run, no_broker):  # noqa: F811
    page = text(visitor.get("/personas/"))
    assert "Tales" in page
    assert "from a file" in page


@pytest.mark.parametrize("room", ["data/", "train/", "train/{run}/", "train/versions/{run}/", "chat/", "likeness/"])
def test_every_room_opens(visitor, run, no_broker, room):  # noqa: F811
    answer = visitor.get(f"/p/{run.persona_id}/{room.format(run=run.pk)}", follow=True)
    assert "Tales" in text(answer)


def test_home_is_a_persons_own_portrait(visitor, run, owner):
    Persona.objects.exclude(made_from="file").delete()
    mine = Persona.objects.create(owner=owner, name="Ada")
    assert visitor.get("/").url.startswith(f"/p/{mine.pk}/")


def test_its_trainings_are_ordered_by_programs(visitor, run, no_broker):  # noqa: F811
    page = text(visitor.get(f"/p/{run.persona_id}/train/"))
    assert "A program orders its trainings" in page
    assert "Teach it to answer as you would" not in page
    visitor.post(f"/p/{run.persona_id}/train/start/", {"recipe": "quick"})
    assert run.persona.runs.count() == 1
