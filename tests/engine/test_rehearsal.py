"""The trial of a base model: which rows it tries, what it reads from them, and how it fails."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from engine import rehearsal
from engine.base_models import DEFAULT_MODEL, BaseModel
from engine.job import read_job
from engine.memory import shape_in, training_bytes
from engine.rehearsal import RehearsalFailed, machine_name, rehearse
from tests.engine.job_folder import chat_row


def written(tmp_path: Path, rows: list[dict[str, object]]) -> list[dict[str, object]]:
    rehearsal._write_job(tmp_path, "base", tmp_path / "cache", rows)
    return list(read_job(tmp_path).train)


def test_the_longest_rows_are_tried_for_two_steps(tmp_path: Path) -> None:
    rows = [chat_row("Why?", "x" * length) for length in range(1, 21)]
    tried = written(tmp_path, rows)
    assert [row["messages"][-1]["content"] for row in tried] == ["x" * length for length in range(20, 12, -1)]
    assert read_job(tmp_path).recipe.batch_rows * rehearsal.STEPS == len(tried)


def test_few_rows_are_tried_again_and_long_ones_two_at_a_time(tmp_path: Path) -> None:
    assert len(written(tmp_path, [chat_row("Why?", "x")])) == 8
    assert len(written(tmp_path, [chat_row("Why?", "x" * 2000)])) == 4


def test_the_last_step_is_timed(tmp_path: Path) -> None:
    events = [
        {"event": "step", "seconds": 3.0, "tokens_per_second": 100.0},
        {"event": "step", "seconds": 4.0, "tokens_per_second": 150.0},
        {"event": "done", "result": {"peak_memory_bytes": 7, "dtype": "float32"}},
    ]
    file = tmp_path / "progress.jsonl"
    file.write_text("".join(json.dumps(event) + "\n" for event in events))
    found = rehearsal._read(file)
    assert (found.tokens_per_second, found.peak_memory_bytes, found.dtype, found.device) == (300, 7, "float32", "cpu")
    assert found.machine == machine_name()


def test_what_cannot_be_tried_is_a_sentence(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    options = ["--base-model", str(tmp_path / "nowhere"), "--cache", str(tmp_path), "--json"]
    assert rehearsal.main(options) == 2
    assert capsys.readouterr().err.startswith("There is no folder")
    assert rehearsal.main([*options, "--rows", str(tmp_path / "no.jsonl")]) == 2


def test_a_process_that_was_killed_points_to_memory() -> None:
    with pytest.raises(RehearsalFailed, match="want of memory"):
        rehearsal._run(["bash", "-c", "kill -9 $$"], timeout=5)
    with pytest.raises(RehearsalFailed, match="smaller base model"):
        rehearsal._run(["sleep", "5"], timeout=0.1)


@pytest.mark.slow
def test_a_tiny_model_is_rehearsed_and_nothing_is_kept(tiny_model: Path, tmp_path: Path) -> None:
    found = rehearse(str(tiny_model), tmp_path)
    assert found.tokens_per_second > 0
    assert 100e6 < found.peak_memory_bytes < 2e9
    assert [one.name for one in tmp_path.iterdir()] == ["gguf"]  # the base model for llama.cpp, made once


@pytest.mark.slow
def test_the_estimate_of_memory_is_near_what_a_rehearsal_takes(real_model: BaseModel) -> None:
    shape = shape_in(real_model.folder)
    assert shape is not None
    found = rehearse(DEFAULT_MODEL, real_model.folder.parent)
    assert training_bytes(shape, row_tokens=168) == pytest.approx(found.peak_memory_bytes, rel=0.35)
