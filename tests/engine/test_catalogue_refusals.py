"""A training that cannot fit is refused with exit code 2 before anything is loaded."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest

from engine import job_memory, train
from engine.errors import BadInput
from engine.job import read_job
from engine.job_memory import fit_into_memory
from engine.memory import MachineMemory
from tests.engine.job_folder import JobFolder, chat_row


@pytest.fixture
def job(tmp_path: Path) -> JobFolder:
    """A job over a model of 1.7 billion parameters that is not even fetched."""
    return JobFolder(
        tmp_path / "job", "Qwen/Qwen3-1.7B", tmp_path / "cache", settings={"memory_limit_bytes": 4 * 10**9}
    )


def test_the_limit_of_the_caller_counts(job: JobFolder, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(job_memory, "machine_memory", lambda: MachineMemory(10**11, 10**11))
    monkeypatch.setattr(sys, "excepthook", sys.excepthook)
    assert train.run(job.write()) == 2
    error = job.events("error")[-1]
    assert error["code"] == 2 and "it may use 4.0 GB here. Choose a smaller base model" in error["message"]
    assert "torch" not in error["message"] and not job.cache_dir.exists()


def test_the_machine_counts_too_and_what_fits_is_let_through(job: JobFolder, monkeypatch: pytest.MonkeyPatch) -> None:
    job.settings = {}
    for machine, words in ((MachineMemory(10**9, 10**9), "may use 1.0 GB"), (MachineMemory(10**11, 10**9), "are free")):
        monkeypatch.setattr(job_memory, "machine_memory", lambda machine=machine: machine)
        with pytest.raises(BadInput, match=words):
            fit_into_memory(read_job(job.write()))
    monkeypatch.setattr(job_memory, "machine_memory", lambda: MachineMemory(10**11, 10**11))
    fit_into_memory(read_job(job.write()))


def test_long_rows_need_more(job: JobFolder, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(job_memory, "machine_memory", lambda: MachineMemory(int(6e9), int(6e9)))
    job.settings = {}
    fit_into_memory(read_job(job.write()))
    job.rows = [chat_row("Why?", "so " * 1500)]
    with pytest.raises(BadInput, match="takes about"):
        fit_into_memory(read_job(job.write()))


def test_parts_get_smaller_where_memory_is_short(job: JobFolder, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(job_memory, "machine_memory", lambda: MachineMemory(10**11, 10**11))
    job.rows = [chat_row("Why?", "so " * 300)]
    sizes = []
    for limit in (20, 8):
        job.settings = {"memory_limit_bytes": limit * 10**9}
        sizes.append(fit_into_memory(read_job(job.write())).recipe.part_tokens)
    assert sizes == [1024, 256]


def test_a_limit_that_is_no_number_is_a_sentence(job: JobFolder) -> None:
    job.settings["memory_limit_bytes"] = "4 GB"
    with pytest.raises(BadInput, match="memory_limit_bytes"):
        read_job(job.write())
    assert json.loads((job.folder / "job.json").read_text())["memory_limit_bytes"] == "4 GB"
