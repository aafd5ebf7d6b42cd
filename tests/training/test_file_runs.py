"""Trainings on a file that a program brought."""

import json

import pytest

from questionnaires.models import Persona
from questionnaires.services import Refused
from training.execution import run_execute
from training.file_runs import FileOrder, file_run_create
from training.models import TrainingRun, UploadedFile
from training.services import run_cancel, run_retry
from training.uploaded_rows import files_of, rows_read, usual_epochs
from training.uploads import MAX_BYTES, upload_create, upload_delete, upload_read


@pytest.fixture(autouse=True)
def uploads(tmp_path, settings):
    settings.UPLOADS_DIR = tmp_path / "uploads"


def lines(*rows):
    return "\n".join(json.dumps(row) for row in rows).encode()


def dialogue(*texts, **more):
    roles = ["user", "assistant"] * len(texts)
    return {"messages": [{"role": role, "content": text} for role, text in zip(roles, texts, strict=False)], **more}


PAIRS = [{"prompt": f"Question {n}?", "completion": f" Answer {n}."} for n in range(12)]


def bring(owner, *rows, name="rows.jsonl"):
    return upload_create(owner=owner, filename=name, chunks=[lines(*rows)])


def started(owner, *rows, **order):
    return file_run_create(owner=owner, order=FileOrder(bring(owner, *rows), "smollm2-135m-instruct", **order))[0]


def test_a_file_is_kept_and_looked_at(owner):
    file = bring(owner, *PAIRS, name="../up/rows.jsonl")
    assert (file.filename, file.rows, file.format, file.fault) == ("rows.jsonl", 12, "marker", "")
    assert upload_read(file=file) == lines(*PAIRS)
    file.path.write_bytes(b"other")
    with pytest.raises(Refused, match="damaged"):
        upload_read(file=file)


def test_a_deleted_file_leaves_nothing(owner, django_capture_on_commit_callbacks):
    file = bring(owner, *PAIRS)
    with django_capture_on_commit_callbacks(execute=True):
        upload_delete(file=file)
    assert not file.path.exists()


def test_too_large_a_file_leaves_nothing(owner, settings):
    with pytest.raises(Refused) as refused:
        upload_create(owner=owner, filename="x", chunks=(bytes(2**20) for _ in range(MAX_BYTES // 2**20 + 1)))
    assert refused.value.status == 413
    assert not UploadedFile.objects.exists()
    assert not list(settings.UPLOADS_DIR.iterdir())


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        (b"", "no example"),
        (b'{"prompt": "a", "completion": "b"}\nnot json', "Line 2: this is not JSON"),
        (b"[1]", "Line 1"),
        (lines({"prompt": "a"}), "Line 1: expected"),
        (lines({"prompt": "a", "completion": " "}), "completion is empty"),
        (lines(dialogue("a", "b"), PAIRS[0]), "mixes"),
        (lines({"messages": []}), "Line 1"),
        (lines({"messages": [{"role": "assistant", "content": "b"}]}), "no message"),
        (lines(dialogue("a", "b", tools=[{}])), "tools"),
        (lines({"messages": [{"role": ["x"], "content": "a"}]}), "role"),
        (lines({"messages": [{"role": "user", "content": [{"type": "image_url"}]}]}), "content"),
    ],
)
def test_what_is_no_row_is_named_with_its_line(content, sentence):
    with pytest.raises(Refused, match=sentence):
        rows_read(content)


def test_each_answer_of_a_dialogue_is_learned_unless_its_weight_is_nought():
    row = dialogue("a", "b", "c", "d")
    row["messages"].insert(0, {"role": "developer", "content": [{"type": "text", "text": "Be brief."}]})
    found = rows_read(lines(row))
    assert [len(each["messages"]) for each in found.rows] == [3, 5]
    assert found.rows[0]["messages"][0] == {"role": "system", "content": "Be brief."}
    row["messages"][2]["weight"] = 0
    assert [len(each["messages"]) for each in rows_read(lines(row)).rows] == [5]


def test_nothing_is_held_out_but_a_validation_file():
    training, kept = rows_read(lines(*PAIRS)), rows_read(lines(*PAIRS[:2]))
    assert files_of(training, None).validation == b""
    files = files_of(training, kept)
    assert (len(files.training_rows), len(files.validation_rows)) == (12, 2)
    assert files.samples[0] == {
        "row": {"prompt": "Question 0?"}, "question": "Question 0?", "expected": " Answer 0."
    }  # fmt: skip
    with pytest.raises(Refused, match="two formats"):
        files_of(training, rows_read(lines(dialogue("a", "b"))))


@pytest.mark.parametrize(
    ("examples", "epochs"), [(1, 25), (10, 10), (33, 3), (50, 3), (1000, 3), (12_500, 2), (90_000, 1)]
)
def test_passes_follow_the_cookbook(examples, epochs):
    assert usual_epochs(examples) == epochs


def test_a_run_trains_on_the_file_and_its_version_stands_at_a_persona(owner, fake):
    run = started(owner, *PAIRS, suffix="Sleepy", overrides={"batch_rows": 2}, seed=7)
    run_execute(run_id=run.pk)
    run.refresh_from_db()
    assert (run.state, run.items, run.overrides) == ("ready", 12, {"epochs": 8, "batch_rows": 2})
    assert (run.persona.name, run.persona.made_from, run.version.format) == ("Sleepy", "file", "marker")
    job = json.loads((run.folder / "job.json").read_text())
    assert (job["overrides"]["epochs"], job["overrides"]["check_replies"], job["seed"]) == (8, 0, 7)
    assert [json.loads(line) for line in (run.folder / "train.jsonl").read_bytes().splitlines()] == PAIRS


def test_a_file_that_went_is_said(owner, fake):
    run = started(owner, *PAIRS)
    UploadedFile.objects.all().delete()
    run_execute(run_id=run.pk)
    run.refresh_from_db()
    assert run.state == "failed"
    assert "was deleted" in run.error


def test_a_file_in_use_is_not_deleted(owner):
    run = started(owner, *PAIRS)
    file = UploadedFile.objects.get()
    with pytest.raises(Refused, match="under way"):
        upload_delete(file=file)
    run_cancel(run=run)
    upload_delete(file=file)


def test_trainings_of_one_name_follow_each_other_and_stand_side_by_side(owner):
    first = started(owner, *PAIRS, suffix="Sleepy")
    second = started(owner, *PAIRS, suffix="Sleepy")
    assert first.persona != second.persona
    run_cancel(run=first)
    assert started(owner, *PAIRS, suffix="Sleepy").persona == first.persona
    assert Persona.objects.filter(made_from="file").count() == 2


def test_an_order_with_a_name_is_one(owner):
    order = FileOrder(bring(owner, *PAIRS), "smollm2-135m-instruct")
    first, is_new = file_run_create(owner=owner, order=order, client_key="k1")
    assert is_new
    assert file_run_create(owner=owner, order=order, client_key="k1") == (first, False)
    assert file_run_create(owner=owner, order=order, client_key="k2")[1]


def test_another_try_reads_the_same_file(owner, fake):
    run = started(owner, *PAIRS)
    TrainingRun.objects.filter(pk=run.pk).update(state="failed", resumable=False)
    run.refresh_from_db()
    again = run_retry(run=run)
    assert (again.source, again.persona) == (run.source, run.persona)
    run_execute(run_id=again.pk)
    again.refresh_from_db()
    assert again.state == "ready"


def test_files_count_against_what_a_person_may_keep(owner, settings):
    settings.QUOTAS = {"storage_mb": 1}
    upload_create(owner=owner, filename="a", chunks=[b"x" * 900_000])
    with pytest.raises(Refused) as refused:
        upload_create(owner=owner, filename="b", chunks=[b"x" * 200_000])
    assert refused.value.status == 429
    assert UploadedFile.objects.count() == 1


def test_a_training_over_the_limit_leaves_no_portrait(owner, settings):
    settings.QUOTAS = {"trainings": 1}
    run_cancel(run=started(owner, *PAIRS))
    with pytest.raises(Refused) as refused:
        started(owner, *PAIRS, suffix="another")
    assert refused.value.status == 429
    assert not Persona.objects.filter(name="another").exists()
