"""Checkpoints: folders `step-N` that appear whole, are checked before use, and give way to newer ones."""

from __future__ import annotations

import hashlib
import json
import shutil
from dataclasses import dataclass
from pathlib import Path

import torch
from safetensors import SafetensorError
from safetensors.torch import load, save

from engine.atomic import new_folder

_KEPT = 2


@dataclass(frozen=True)
class Checkpoint:
    """Where a training stands; `tensors` are the trainer's state and, as `best`, the adapter to publish so far."""

    step: int
    data_hash: str
    dtype: str
    best_loss: float | None
    best_step: int
    since_best: int
    seconds: float
    """Spent on training before this point, over all its runs."""
    tokens: int
    """Learned and read before this point."""
    tensors: dict[str, torch.Tensor]


def save_checkpoint(folder: Path, checkpoint: Checkpoint) -> None:
    """Write `folder/step-N` and remove all but the newest two. OSError if the disk is full; older ones then stay."""
    target = folder / f"step-{checkpoint.step}"
    if not target.exists():
        with new_folder(target) as temporary:
            blob = save({name: tensor.contiguous() for name, tensor in checkpoint.tensors.items()})
            (temporary / "state.safetensors").write_bytes(blob)
            facts = {name: value for name, value in vars(checkpoint).items() if name != "tensors"}
            facts["sha256"] = hashlib.sha256(blob).hexdigest()
            (temporary / "state.json").write_text(json.dumps(facts, indent=2) + "\n", encoding="utf-8")
    for old in _newest_first(folder)[_KEPT:]:
        shutil.rmtree(old, ignore_errors=True)


def latest_checkpoint(folder: Path, data_hash: str) -> Checkpoint | None:
    """The newest checkpoint that is whole and belongs to this data; damaged ones are passed over."""
    found = (_read(path) for path in _newest_first(folder))
    return next((checkpoint for checkpoint in found if checkpoint and checkpoint.data_hash == data_hash), None)


def _newest_first(folder: Path) -> list[Path]:
    paths = [path for path in folder.glob("step-*") if path.name[5:].isdigit()]
    return sorted(paths, key=lambda path: int(path.name[5:]), reverse=True)


def _read(path: Path) -> Checkpoint | None:
    try:
        facts = json.loads((path / "state.json").read_bytes())
        blob = (path / "state.safetensors").read_bytes()
        if hashlib.sha256(blob).hexdigest() != facts.pop("sha256"):
            return None
        return Checkpoint(**facts, tensors=load(blob))
    except (OSError, ValueError, KeyError, TypeError, SafetensorError):
        return None


def remove_temporary(folder: Path) -> None:
    """Delete what a killed writer left."""
    for leftover in folder.glob(".step-*.tmp"):
        shutil.rmtree(leftover, ignore_errors=True)
