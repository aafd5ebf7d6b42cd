"""What a training takes in memory, before it is tried: an estimate from the base model's shape and the recipe."""

from __future__ import annotations

import json
import os
import resource
import sys
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import psutil

from engine.recipes import Recipe

# Fitted to `python -m engine.rehearsal` (peak resident memory, bfloat16, two cores) on the bundled model, on a random
# llama of 19 million and a random Qwen3 of 596 million parameters, with rows of 12, 168 and 871 tokens: 0.5 to 6.4 GB,
# each within 0.35 GB.
_RUNTIME_BYTES = 430e6
"""Python, torch, transformers and the tokenizer."""
_ADAPTER_BYTES = 28
"""A number of the adapter: itself, the best so far, gradients of two parts and their sum, AdamW's two averages, in
float32."""
_KEPT = 1.3
"""What backward needs of a token, over the count in `_layer_bytes`, which knows no temporary tensors."""
_LOGIT_BYTES = 18
"""A logit: bfloat16, float32, softmax, gradient, and half of it again while they are made."""

TYPICAL_ROW_TOKENS = 256
"""A note, a question and an answer; 150 answers of a test persona have rows of up to 240 tokens."""
_ANSWER_SHARE = 0.25
# Limits of engine.session.
_LONG_ROW, _MOST_PARTS = 512, 4
# Sizes of a part that are tried, the usual one first: smaller ones take longer, as less is computed at once.
_PART_TOKENS = (1024, 512, 256, 1)
_SAFE = 0.85
"""Of a limit: how far the estimate may be off."""


class UnknownShape(ValueError):
    """A config.json that does not tell the sizes of a decoder."""


@dataclass(frozen=True)
class Shape:
    """The sizes of a decoder-only transformer that decide its memory."""

    layers: int
    hidden: int
    intermediate: int
    heads: int
    kv_heads: int
    head_dim: int
    vocabulary: int
    tied: bool = True
    """Whether the output matrix is the embedding."""

    @property
    def parameters(self) -> int:
        """Weights of the matrices; norms and biases are less than a thousandth."""
        embedding = self.vocabulary * self.hidden * (1 if self.tied else 2)
        return embedding + self.layers * sum(rows * columns for rows, columns in self._matrices())

    def adapter_parameters(self, rank: int, first_layer: int = 0) -> int:
        """Numbers of a LoRA on every linear layer from `first_layer` on."""
        layers = max(0, self.layers - first_layer)
        return layers * rank * sum(rows + columns for rows, columns in self._matrices())

    def _matrices(self) -> list[tuple[int, int]]:
        queries, keys = self.heads * self.head_dim, self.kv_heads * self.head_dim
        attention = [(self.hidden, queries), (self.hidden, keys), (self.hidden, keys), (queries, self.hidden)]
        return attention + [(self.hidden, self.intermediate)] * 3


def shape_of(config: Mapping[str, Any]) -> Shape:
    """The shape in a transformers config.json. Raises UnknownShape when it does not tell."""
    config = config.get("text_config") or config
    try:
        heads = int(config["num_attention_heads"])
        return Shape(
            layers=int(config["num_hidden_layers"]),
            hidden=int(config["hidden_size"]),
            intermediate=int(config["intermediate_size"]),
            heads=heads,
            kv_heads=int(config.get("num_key_value_heads") or heads),
            head_dim=int(config.get("head_dim") or config["hidden_size"] // heads),
            vocabulary=int(config["vocab_size"]),
            tied=bool(config.get("tie_word_embeddings", True)),
        )
    except (KeyError, TypeError, ValueError, ZeroDivisionError) as error:
        raise UnknownShape(f"config.json does not tell {error}") from error


def shape_in(folder: Path) -> Shape | None:
    """The shape of the model in a transformers folder, or None if its config.json does not tell."""
    with suppress(OSError, ValueError, AttributeError):
        return shape_of(json.loads((folder / "config.json").read_text(encoding="utf-8")))
    return None


def training_bytes(
    shape: Shape, recipe: Recipe | None = None, row_tokens: int = TYPICAL_ROW_TOKENS, dtype: str = "bfloat16"
) -> int:
    """Peak memory of a training in bytes, when its longest rows have `row_tokens` tokens. On the host, not a GPU."""
    recipe = recipe or Recipe()
    width = 4 if dtype == "float32" else 2
    longest = min(row_tokens, recipe.max_tokens)
    rows_at_once = min(recipe.batch_rows, _parts() * max(1, recipe.part_tokens // max(1, longest)))
    at_once = rows_at_once * longest
    adapter = shape.adapter_parameters(recipe.rank, recipe.first_layer) * _ADAPTER_BYTES
    layers = max(1, shape.layers - recipe.first_layer)
    kept = _KEPT * layers * at_once * _layer_bytes(shape, longest, width)
    logits = at_once * _ANSWER_SHARE * shape.vocabulary * _LOGIT_BYTES
    return int(_RUNTIME_BYTES + shape.parameters * width + adapter + kept + logits)


def fitted(shape: Shape, recipe: Recipe, limit_bytes: int, row_tokens: int = TYPICAL_ROW_TOKENS) -> Recipe:
    """`recipe` with parts so small that a training of `shape` fits well into `limit_bytes`, or as small as can be."""
    sizes = [recipe.part_tokens, *(size for size in _PART_TOKENS if size < recipe.part_tokens)]
    smaller = [replace(recipe, part_tokens=size) for size in sizes]
    return next((one for one in smaller if training_bytes(shape, one, row_tokens) <= _SAFE * limit_bytes), smaller[-1])


def _parts() -> int:
    """Parts of a batch that are in work at once: one for each core, as in engine.session."""
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return min(cores, _MOST_PARTS)


def _layer_bytes(shape: Shape, longest: int, width: int) -> float:
    """Bytes that backward needs of one token in one decoder layer: inputs of the linear layers, the norms' float32
    copies, gate, up and their product, and in eager attention the scores before and after the softmax."""
    queries = shape.heads * shape.head_dim
    scores = 3 * width * shape.heads * longest if longest <= _LONG_ROW else 0
    return 2 * (4 + width) * shape.hidden + 3 * width * queries + 4 * width * shape.intermediate + scores


@dataclass(frozen=True)
class MachineMemory:
    """Bytes of this machine, or of the container that it runs in."""

    limit: int
    available: int


def machine_memory() -> MachineMemory:
    """What there is and what is free now; swap counts half, for a training that lives in it takes hours."""
    memory, swap = psutil.virtual_memory(), psutil.swap_memory()
    limit, available = memory.total + swap.total // 2, memory.available + swap.free // 2
    allowed, used = _cgroup_bytes("memory.max"), _cgroup_bytes("memory.current")
    if allowed is None:
        return MachineMemory(limit, available)
    return MachineMemory(min(limit, allowed), min(available, max(0, allowed - (used or 0))))


def _cgroup_bytes(name: str) -> int | None:
    """A number of this container's control group (version 2), or None where there is none or no limit."""
    with suppress(OSError, ValueError):
        return int((Path("/sys/fs/cgroup") / name).read_text(encoding="ascii"))
    return None


def why_impossible(
    base: Shape,
    limit_bytes: int,
    available_bytes: int,
    recipe: Recipe | None = None,
    row_tokens: int = TYPICAL_ROW_TOKENS,
) -> str | None:
    """A sentence if a training of `base`, its parts made small if need be, cannot fit into `limit_bytes` or into what
    is free now; else None."""
    needed = training_bytes(base, fitted(base, recipe or Recipe(), limit_bytes, row_tokens), row_tokens)
    if needed > limit_bytes:
        return (
            f"Training this base model takes about {_gigabytes(needed)}; it may use {_gigabytes(limit_bytes)} here. "
            "Choose a smaller base model, or train it at a provider."
        )
    if needed > available_bytes:
        return (
            f"Training this base model takes about {_gigabytes(needed)}; {_gigabytes(available_bytes)} are free. "
            "Close other programs, or choose a smaller base model."
        )
    return None


def _gigabytes(count: int) -> str:
    return f"{count / 1e9:.1f} GB"


def peak_memory() -> int:
    """Bytes of resident memory that this process had at most.

    On Linux from /proc: getrusage's figure outlasts exec, so a child would count what its parent held (getrusage(2)).
    """
    with suppress(FileNotFoundError):
        for line in Path("/proc/self/status").read_text(encoding="ascii", errors="replace").splitlines():
            if line.startswith("VmHWM:"):
                return int(line.split()[1]) * 1024
    most = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return most if sys.platform == "darwin" else most * 1024
