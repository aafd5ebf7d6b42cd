"""A job that cannot be done says why, where, and what to do."""

from __future__ import annotations

from typing import Any

import pytest

from engine.errors import BadInput
from engine.job import read_job
from engine.recipes import RECIPES, recipe_named
from tests.engine.job_folder import JobFolder, chat_row

MARKER = {"prompt": "Q: a ->", "completion": " b###"}


def test_a_good_job_is_read(tiny_job: JobFolder) -> None:
    tiny_job.settings["samples"] = [{"row": {"prompt": "Q: a ->"}, "question": "a", "expected": "b"}]
    job = read_job(tiny_job.write())
    assert (job.format, len(job.train), len(job.validation), job.samples[0].expected) == ("chat", 12, 3, "b")


@pytest.mark.parametrize(
    ("row", "sentence"),
    [
        ("{", "train.jsonl, line 2: not JSON"),
        ('{"prompt": "x"}', "line 2: expected the texts"),
        ('{"prompt": "x", "completion": "  "}', "line 2: the completion is empty"),
        ('{"messages": [{"role": "user", "content": "x"}]}', "line 2: .* the last one from the assistant"),
        ('{"messages": "x"}', "line 2: “messages” must be texts with roles"),
        ("[1]", "line 2: expected the texts"),
    ],
)
def test_a_bad_row_is_named_by_its_line(tiny_job: JobFolder, row: str, sentence: str) -> None:
    file = tiny_job.write() / "train.jsonl"
    first = file.read_text().splitlines()[0]
    file.write_text(f"{first}\n{row}\n")
    with pytest.raises(BadInput, match=sentence):
        read_job(tiny_job.folder)


def test_a_line_separator_inside_a_row_is_not_the_end_of_it(tiny_job: JobFolder) -> None:
    folder = tiny_job.write()
    (folder / "train.jsonl").write_text('{"prompt": "a\u2028b", "completion": " c\u0085d###"}\n', encoding="utf-8")
    (folder / "validation.jsonl").unlink()
    assert read_job(folder).train[0]["prompt"] == "a\u2028b"


@pytest.mark.parametrize(
    ("settings", "sentence"),
    [
        ({"recipe": "fast"}, "no recipe “fast”"),
        ({"overrides": {"speed": 1}}, "“speed” .* is no hyperparameter"),
        ({"overrides": {"epochs": "two"}}, "“epochs” .* must be a whole number"),
        ({"overrides": {"epochs": 0}}, "“epochs” .* must be at least 1"),
        ({"overrides": {"learning_rate": -1}}, "“learning_rate” .* of 0 or more"),
        ({"seed": "x"}, "The seed"),
        ({"samples": [{"row": {}}]}, "A sample in job.json lacks"),
    ],
)
def test_bad_settings_are_a_sentence(tiny_job: JobFolder, settings: dict[str, Any], sentence: str) -> None:
    tiny_job.settings = settings
    with pytest.raises(BadInput, match=sentence):
        read_job(tiny_job.write())


def test_mixed_formats_and_no_rows_are_refused(tiny_job: JobFolder) -> None:
    tiny_job.rows = [MARKER, chat_row("a", "b")]
    with pytest.raises(BadInput, match="one format"):
        read_job(tiny_job.write())
    tiny_job.rows = []
    with pytest.raises(BadInput, match="holds no rows"):
        read_job(tiny_job.write())


def test_overrides_change_a_recipe() -> None:
    recipe = recipe_named("thorough", {"epochs": 5, "learning_rate": 1})
    assert (recipe.epochs, recipe.learning_rate, recipe.patience) == (5, 1.0, RECIPES["thorough"].patience)


def test_the_data_hash_changes_with_the_rows(tiny_job: JobFolder) -> None:
    first = read_job(tiny_job.write()).data_hash
    tiny_job.rows[0] = chat_row("other", "words")
    assert read_job(tiny_job.write()).data_hash != first
