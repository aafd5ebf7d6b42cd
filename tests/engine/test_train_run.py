"""Whole trainings of the tiny model: events, output, interruption, exit codes."""

from __future__ import annotations

import json
import shutil
import sys
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file

from engine import session, train
from engine.session import Session
from tests.engine.job_folder import JobFolder, few_rows


@pytest.fixture(autouse=True)
def _tidy(monkeypatch: pytest.MonkeyPatch) -> Any:
    monkeypatch.setattr(sys, "excepthook", sys.excepthook)
    threads = torch.get_num_threads()
    train.stopping.clear()
    yield
    train.stopping.clear()
    torch.set_num_threads(threads)


def adapter_of(job: JobFolder) -> dict[str, torch.Tensor]:
    return dict(load_file(job.folder / "output" / "adapter_model.safetensors"))


def stop_after(step: int, monkeypatch: pytest.MonkeyPatch) -> None:
    write_step = Session._write_step

    def stop(self: Session, loss: float) -> None:
        write_step(self, loss)
        if self.trainer.step == step:
            train.stopping.set()

    monkeypatch.setattr(Session, "_write_step", stop)


def test_a_job_runs_to_an_output_with_its_events(tiny_job: JobFolder) -> None:
    row = {"messages": few_rows(1)[0]["messages"][:-1]}
    tiny_job.settings["samples"] = [{"row": row, "question": "What?", "expected": "cats"}]
    tiny_job.overrides["check_replies"] = 1
    tiny_job.overrides |= {"epochs": 2, "sample_tokens": 4}
    assert train.run(tiny_job.write()) == 4  # the random model cannot speak: refused, with the sample shown
    assert tiny_job.events("sample")[-1]["question"] == "What?"
    assert not (tiny_job.folder / "output").exists()
    tiny_job.overrides["check_replies"] = 0
    assert train.run(tiny_job.write()) == 0
    names = {path.name for path in (tiny_job.folder / "output").iterdir()}
    assert names == {"adapter_config.json", "adapter_model.safetensors", "adapter.gguf", "result.json"}
    assert {"state", "step", "validation", "log", "done", "error"} <= {event["event"] for event in tiny_job.events()}
    step = tiny_job.events("step")[-1]
    assert (step["step"], step["total_steps"], step["epoch"]) == (6, 6, 2.0)
    assert step["tokens_per_second"] > 0 and step["seconds_left"] >= 0
    assert not (tiny_job.folder / "checkpoints").exists()


def test_training_lowers_the_loss_on_the_rows(tiny_job: JobFolder) -> None:
    tiny_job.overrides |= {"epochs": 12, "learning_rate": 0.02}
    assert train.run(tiny_job.write()) == 0
    losses = tiny_job.losses()
    assert sum(losses[-3:]) / 3 < sum(losses[:3]) / 3 - 0.15


def test_the_same_seed_gives_the_same_adapter(tiny_job: JobFolder, tmp_path: Path) -> None:
    assert train.run(tiny_job.write()) == 0
    first = adapter_of(tiny_job)
    tiny_job.folder = tmp_path / "again"
    assert train.run(tiny_job.write()) == 0
    assert all(torch.equal(first[name], tensor) for name, tensor in adapter_of(tiny_job).items())


def test_an_interrupted_job_goes_on_to_the_same_adapter(
    tiny_job: JobFolder, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    tiny_job.overrides["epochs"] = 3
    assert train.run(tiny_job.write()) == 0
    whole = adapter_of(tiny_job)
    tiny_job.folder = tmp_path / "interrupted"
    with monkeypatch.context() as patch:
        stop_after(4, patch)
        assert train.run(tiny_job.write()) == 3
    assert tiny_job.events("checkpoint")[-1]["step"] == 4
    assert tiny_job.events("error")[-1]["code"] == 3
    train.stopping.clear()
    assert train.run(tiny_job.folder) == 0
    assert [event["step"] for event in tiny_job.events("step")] == list(range(1, 10))
    assert all(torch.equal(whole[name], tensor) for name, tensor in adapter_of(tiny_job).items())


def test_a_finished_job_is_not_done_again(tiny_job: JobFolder) -> None:
    assert train.run(tiny_job.write()) == 0
    steps = len(tiny_job.events("step"))
    assert train.run(tiny_job.folder) == 0
    assert len(tiny_job.events("step")) == steps
    assert tiny_job.events("done")[-1]["result"] == tiny_job.events("done")[0]["result"]


def test_training_stops_early_and_publishes_the_best(tiny_job: JobFolder, monkeypatch: pytest.MonkeyPatch) -> None:
    measured = iter([2.0, 1.0, 1.5, 1.6, 1.7, 1.8])
    adapters: list[torch.Tensor] = []

    def evaluate(self: Any, examples: Any, pool: Any) -> session.Evaluation:
        adapters.append(self.adapter.flat.detach().clone())
        return session.Evaluation(next(measured), 0.5)

    monkeypatch.setattr(session.Trainer, "evaluate", evaluate)
    tiny_job.overrides |= {"epochs": 6, "patience": 2, "evaluations_per_epoch": 1}
    assert train.run(tiny_job.write()) == 0
    result = tiny_job.events("done")[-1]["result"]
    assert (result["steps"], result["published_step"], result["validation_loss"]) == (12, 6, 1.0)
    published = torch.cat([tensor.flatten() for tensor in adapter_of(tiny_job).values()]).sum()
    assert torch.isclose(published, adapters[1].sum(), atol=1e-3)


def test_a_full_disk_is_code_5_and_keeps_the_checkpoints(tiny_job: JobFolder, monkeypatch: pytest.MonkeyPatch) -> None:
    tiny_job.overrides["checkpoint_seconds"] = 0

    def full(*arguments: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(session, "publish", full)
    assert train.run(tiny_job.write()) == 5
    error = tiny_job.events("error")[-1]
    assert error["code"] == 5 and error["message"].startswith("The disk is full")
    assert list((tiny_job.folder / "checkpoints").glob("step-*"))
    monkeypatch.undo()
    assert train.run(tiny_job.folder) == 0


def test_bad_input_is_code_2_with_a_sentence(tiny_job: JobFolder, tmp_path: Path) -> None:
    tiny_job.base_model = str(tmp_path / "none")
    assert train.run(tiny_job.write()) == 2
    assert "There is no folder" in tiny_job.events("error")[-1]["message"]
    assert train.run(tmp_path / "no job") == 2


def test_weights_that_do_not_fit_the_config_are_code_2(tiny_job: JobFolder, tiny_model: Path, tmp_path: Path) -> None:
    broken = tmp_path / "broken"
    shutil.copytree(tiny_model, broken)
    config = json.loads((broken / "config.json").read_text())
    (broken / "config.json").write_text(json.dumps({**config, "hidden_size": 48}))
    tiny_job.base_model = str(broken)
    assert train.run(tiny_job.write()) == 2
    assert "cannot be loaded" in tiny_job.events("error")[-1]["message"]


def test_a_base_model_without_a_chat_template_is_code_2(tiny_job: JobFolder, tiny_model: Path, tmp_path: Path) -> None:
    plain = tmp_path / "plain"
    shutil.copytree(tiny_model, plain)
    (plain / "chat_template.jinja").unlink()
    tiny_job.base_model = str(plain)
    assert train.run(tiny_job.write()) == 2
    assert "chat template does not take a dialogue of system, user" in tiny_job.events("error")[-1]["message"]


def test_prompt_and_completion_rows_are_learned_too(tiny_job: JobFolder) -> None:
    tiny_job.rows = [{"prompt": f"Q: {n}? ->", "completion": f" {n} cats.###"} for n in range(8)]
    tiny_job.validation = tiny_job.rows[:2]
    tiny_job.settings["samples"] = [{"row": {"prompt": "Q: 3? ->"}, "question": "3?", "expected": "3 cats."}]
    tiny_job.overrides["sample_tokens"] = 4
    assert train.run(tiny_job.write()) == 0
    assert tiny_job.events("done")[-1]["result"]["format"] == "marker"
    assert tiny_job.events("sample")[0]["expected"] == "3 cats."
