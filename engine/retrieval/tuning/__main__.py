"""Learns the weights of both spaces and writes engine/retrieval/weights.npz.

`python -m engine.retrieval.tuning [--space NAME] [--leave-out NAME ...] [--out FILE]`: about an hour on one core.
The persons of `data.HELD_OUT` are never used.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch

from engine.retrieval.encoder import Array, save_arrays
from engine.retrieval.space import WEIGHTS
from engine.retrieval.tuning.data import HELD_OUT
from engine.retrieval.tuning.english import learn_english
from engine.retrieval.tuning.others import learn_multilingual

SPACES: dict[str, Callable[[set[str]], dict[str, Array]]] = {
    "english": learn_english,
    "multilingual": learn_multilingual,
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--space", choices=list(SPACES), help="learn one and keep the other")
    parser.add_argument("--leave-out", nargs="*", default=[], help="names of persons to learn without")
    parser.add_argument("--out", type=Path, default=WEIGHTS)
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    for name in [arguments.space] if arguments.space else SPACES:
        print(name, flush=True)
        write(arguments.out, name, SPACES[name]({*HELD_OUT, *arguments.leave_out}))


def write(path: Path, name: str, learned: dict[str, Array]) -> None:
    """Replaces the arrays of one space in the file."""
    kept: dict[str, Array] = {}
    if path.exists():
        with np.load(path, allow_pickle=False) as stored:
            kept = {key: stored[key] for key in stored.files if not key.startswith(f"{name}/")}
    new = {f"{name}/{key}": values.astype(np.float16) for key, values in learned.items()}
    partial = path.with_suffix(".partial")
    save_arrays(partial, kept | new)
    partial.replace(path)
    print(f"wrote {path}, {path.stat().st_size / 1000:.0f} kB")


if __name__ == "__main__":
    main()
