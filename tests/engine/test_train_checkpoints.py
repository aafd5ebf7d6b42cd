"""Checkpoints are whole or not there, and a damaged one does not stop a training."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
import torch

from engine import atomic, checkpoints
from engine.checkpoints import Checkpoint, latest_checkpoint, save_checkpoint
from engine.progress import Progress

ONE = Checkpoint(1, "hash", "bfloat16", 2.5, 1, 0, 3.0, 100, {"adapter": torch.arange(4.0)})


def test_the_newest_checkpoint_comes_back(tmp_path: Path) -> None:
    save_checkpoint(tmp_path, ONE)
    save_checkpoint(tmp_path, replace(ONE, step=12, tensors={"adapter": torch.ones(4)}))
    found = latest_checkpoint(tmp_path, "hash")
    assert found is not None
    assert (found.step, found.best_loss, found.tensors["adapter"].tolist()) == (12, 2.5, [1.0] * 4)


@pytest.mark.parametrize("file", ["state.json", "state.safetensors"])
@pytest.mark.parametrize("spoilt", [b"", b"{}", b"\0" * 4096])
def test_a_damaged_one_is_passed_over(tmp_path: Path, file: str, spoilt: bytes) -> None:
    save_checkpoint(tmp_path, ONE)
    save_checkpoint(tmp_path, replace(ONE, step=2))
    (tmp_path / "step-2" / file).write_bytes(spoilt)
    found = latest_checkpoint(tmp_path, "hash")
    assert found is not None and found.step == 1


def test_one_of_other_data_is_not_used(tmp_path: Path) -> None:
    save_checkpoint(tmp_path, ONE)
    assert latest_checkpoint(tmp_path, "other") is None


def test_two_are_kept(tmp_path: Path) -> None:
    for step in (1, 2, 10):
        save_checkpoint(tmp_path, replace(ONE, step=step))
    assert sorted(path.name for path in tmp_path.iterdir()) == ["step-10", "step-2"]


def test_a_full_disk_leaves_the_older_one_and_nothing_half(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    save_checkpoint(tmp_path, ONE)

    def full(folder: Path) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(atomic, "sync_tree", full)
    with pytest.raises(OSError, match="No space"):
        save_checkpoint(tmp_path, replace(ONE, step=2))
    assert [path.name for path in tmp_path.iterdir()] == ["step-1"]


def test_what_a_killed_writer_left_is_removed(tmp_path: Path) -> None:
    (tmp_path / ".step-3.abc.tmp").mkdir()
    checkpoints.remove_temporary(tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_progress_goes_on_after_a_torn_line(tmp_path: Path) -> None:
    file = tmp_path / "progress.jsonl"
    file.write_text('{"event": "step"}\n{"event": "st')
    progress = Progress(file)
    progress.write("done", result=1)
    progress.close()
    lines = file.read_text().splitlines()
    assert len(lines) == 2 and lines[0] == '{"event": "step"}' and '"done"' in lines[1]
