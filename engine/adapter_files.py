"""LoRA adapters on disk, in peft's format: read strictly, checked against a base model, written again.

Only safetensors are read: a pickle can run code. What the engine does not serve (DoRA, embeddings, ranks of their own
per module) is refused with a sentence instead of being left out in silence.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from torch import Tensor

from engine.errors import BadInput
from engine.lora import peft_config, write_peft_files

CONFIG, WEIGHTS = "adapter_config.json", "adapter_model.safetensors"
HIGHEST_RANK = 512

_TENSOR = re.compile(r"base_model\.model\.(?P<module>[\w.]+)\.lora_(?P<side>[AB])\.weight")
_LAYER = re.compile(r"\.\d+\.")
_FLOATS = {torch.float32, torch.float16, torch.bfloat16}
# Settings of peft's LoraConfig under which W + (alpha / r) B A is not the whole of the adapter.
_UNSUPPORTED = (
    "use_dora", "use_rslora", "fan_in_fan_out", "modules_to_save", "rank_pattern", "alpha_pattern", "lora_bias",
    "layer_replication", "megatron_config", "trainable_token_indices", "target_parameters",
)  # fmt: skip


@dataclass(frozen=True)
class LoadedAdapter:
    """An adapter as numbers. `pairs`: module name -> A (rank, in) and B (out, rank), float32."""

    base_model: str
    rank: int
    alpha: float
    pairs: Mapping[str, tuple[Tensor, Tensor]]

    @property
    def scale(self) -> float:
        """What B A is multiplied with before it is added to the weight."""
        return self.alpha / self.rank

    def tensors(self) -> Iterator[tuple[str, Tensor, Tensor]]:
        """Module name, A, B."""
        for module, (a, b) in self.pairs.items():
            yield module, a, b

    def delta(self, module: str) -> Tensor:
        """(out, in) float32: what the adapter adds to the weight of `module`."""
        a, b = self.pairs[module]
        return (b @ a) * self.scale


def read_adapter(folder: Path) -> LoadedAdapter:
    """The adapter in `folder`. BadInput with a sentence if a file is missing, damaged, or holds what is not served."""
    config = _read_config(folder / CONFIG)
    rank, alpha = config["r"], config["lora_alpha"]
    if isinstance(rank, bool) or not isinstance(rank, int) or not 1 <= rank <= HIGHEST_RANK:
        raise BadInput(f"The rank (r) in {CONFIG} must be a whole number from 1 to {HIGHEST_RANK}, not {rank!r}.")
    if isinstance(alpha, bool) or not isinstance(alpha, (int, float)) or not 0 < alpha < math.inf:
        raise BadInput(f"lora_alpha in {CONFIG} must be a number above 0, not {alpha!r}.")
    pairs = _pairs(_read_tensors(folder / WEIGHTS), rank)
    return LoadedAdapter(str(config.get("base_model_name_or_path") or ""), rank, float(alpha), pairs)


def _read_config(file: Path) -> dict[str, Any]:
    try:
        config = json.loads(file.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise BadInput(f"There is no {CONFIG}. Save the adapter with peft's save_pretrained.") from None
    except (ValueError, RecursionError):
        raise BadInput(f"{CONFIG} is not readable JSON. Save the adapter again with peft's save_pretrained.") from None
    if not isinstance(config, dict) or config.get("peft_type") != "LORA" or not {"r", "lora_alpha"} <= set(config):
        raise BadInput(f"{CONFIG} describes no LoRA adapter. Other kinds of adapters cannot be used.")
    used = [name for name in _UNSUPPORTED if config.get(name)]
    if config.get("bias", "none") != "none":
        used.append("bias")
    if used:
        raise BadInput(f"The adapter uses {', '.join(used)} ({CONFIG}), which cannot be served. Use plain LoRA.")
    return config


def _read_tensors(file: Path) -> dict[str, Tensor]:
    try:
        with safe_open(file, framework="pt") as opened:
            return {name: opened.get_tensor(name) for name in opened.keys()}  # noqa: SIM118  (no mapping)
    except FileNotFoundError:
        raise BadInput(f"There is no {WEIGHTS}. Adapters as .bin files are refused: save as safetensors.") from None
    except (SafetensorError, OSError) as error:
        raise BadInput(f"{WEIGHTS} is damaged ({error}). Copy or save it again.") from error


def _pairs(tensors: Mapping[str, Tensor], rank: int) -> dict[str, tuple[Tensor, Tensor]]:
    sides: dict[str, dict[str, Tensor]] = {}
    for name, tensor in tensors.items():
        found = _TENSOR.fullmatch(name)
        if found is None or not _LAYER.search(found["module"]):
            raise BadInput(f"{WEIGHTS} holds “{name[:80]}”, which is no LoRA of a layer. Use plain LoRA on the layers.")
        if tensor.dtype not in _FLOATS or tensor.ndim != 2:
            raise BadInput(f"“{name}” in {WEIGHTS} is no matrix of floating-point numbers.")
        sides.setdefault(found["module"], {})[found["side"]] = tensor.float()
    if not sides:
        raise BadInput(f"{WEIGHTS} is empty. Save the adapter again.")
    return {module: _pair(module, both, rank) for module, both in sorted(sides.items(), key=_by_layer)}


def _by_layer(entry: tuple[str, Any]) -> list[tuple[bool, int, str]]:
    return [(part.isdecimal(), int(part) if part.isdecimal() else 0, part) for part in entry[0].split(".")]


def _pair(module: str, both: Mapping[str, Tensor], rank: int) -> tuple[Tensor, Tensor]:
    if set(both) != {"A", "B"}:
        raise BadInput(f"“{module}” in {WEIGHTS} has only one of its two matrices. Save the adapter again.")
    a, b = both["A"], both["B"]
    if a.shape[0] != rank or b.shape[1] != rank:
        raise BadInput(f"“{module}” in {WEIGHTS} has another rank than the {rank} of {CONFIG}.")
    if not (bool(a.isfinite().all()) and bool(b.isfinite().all())):
        raise BadInput(f"“{module}” in {WEIGHTS} holds numbers that are not finite. The training went wrong.")
    return a, b


def base_shapes(folder: Path) -> dict[str, tuple[int, ...]]:
    """Name -> shape of every weight in the safetensors of a base model's folder; only the headers are read."""
    shapes: dict[str, tuple[int, ...]] = {}
    for file in sorted(folder.glob("*.safetensors")):
        with safe_open(file, framework="pt") as opened:
            shapes |= {name: tuple(opened.get_slice(name).get_shape()) for name in opened.keys()}  # noqa: SIM118
    return shapes


def check_fits(adapter: LoadedAdapter, folder: Path) -> None:
    """BadInput unless every module of the adapter is a matrix of the base model in `folder`, of fitting shape."""
    shapes = base_shapes(folder)
    for module, a, b in adapter.tensors():
        shape = shapes.get(f"{module}.weight")
        if shape is None:
            raise BadInput(
                f"The base model has no “{module}”, which the adapter changes. It is for another base model."
            )
        if shape != (b.shape[0], a.shape[1]):
            wanted, found = " x ".join(map(str, shape)), f"{b.shape[0]} x {a.shape[1]}"
            raise BadInput(f"“{module}” is {wanted} in the base model and {found} in the adapter: another base model.")


def write_adapter(adapter: LoadedAdapter, base_model: str, folder: Path) -> None:
    """Write the two files as peft's `save_pretrained` does. OSError if the disk is full."""
    config = peft_config(base_model, adapter.rank, adapter.alpha, adapter.pairs)
    write_peft_files(adapter.tensors(), config, folder)
