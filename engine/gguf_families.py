"""Which base models llama.cpp can serve from a conversion of ours, and what sets each family apart.

Facts are those of llama.cpp's convert_hf_to_gguf.py and of its loader of each architecture.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

Config = Mapping[str, Any]


class NotConvertible(Exception):
    """A model that has to be served by transformers; the message says why."""


@dataclass(frozen=True)
class Family:
    """An architecture of llama.cpp. `permutes`: rows of queries and keys are stored interleaved (engine.llama_gguf)."""

    architecture: str
    permutes: bool = False
    norm_offset: float = 0.0
    """What is added to the norms' weights: Gemma multiplies with 1 + w."""


LLAMA = Family("llama", permutes=True)
_FAMILIES = {
    "llama": LLAMA,
    "mistral": LLAMA,
    "smollm3": Family("smollm3", permutes=True),
    "qwen3": Family("qwen3"),
    "gemma3_text": Family("gemma3", norm_offset=1.0),
}
_NO_ROPE_STEP = 4  # llama.cpp fixes SmolLM3's at every fourth layer
_SLIDING_STEP = 6  # and Gemma 3's full attention at every sixth


def family_of(config: Config) -> Family:
    """The family of a transformers config.json. Raises NotConvertible if llama.cpp would compute something else."""
    family = _FAMILIES.get(str(config.get("model_type")))
    if family is None:
        raise NotConvertible(f"models of the type {config.get('model_type')} are not converted")
    for setting in ("attention_bias", "mlp_bias", "final_logit_softcapping", "attn_logit_softcapping"):
        if config.get(setting):
            raise NotConvertible(f"{setting} is set")
    rope_of(config)
    _check_layers(family, config)
    return family


def _check_layers(family: Family, config: Config) -> None:
    kinds = [kind == "full_attention" for kind in config.get("layer_types") or []]
    if family.architecture == "gemma3":
        if config.get("query_pre_attn_scalar", head_dim(config)) != head_dim(config):
            raise NotConvertible("query_pre_attn_scalar is not the size of a head")
        expected = [(place + 1) % _SLIDING_STEP == 0 for place in range(len(kinds))]
    else:
        expected = [True] * len(kinds)
    if kinds != expected or (family is LLAMA and config.get("sliding_window")):
        raise NotConvertible("its layers attend in another order than llama.cpp knows")
    turns = config.get("no_rope_layers")
    if turns and turns != [int((place + 1) % _NO_ROPE_STEP != 0) for place in range(len(turns))]:
        raise NotConvertible("its layers without positions are not every fourth")


def head_dim(config: Config) -> int:
    """Numbers in an attention head."""
    return int(config.get("head_dim") or config["hidden_size"] // config["num_attention_heads"])


@dataclass(frozen=True)
class Rope:
    """Rotary positions: the base, and Llama 3's stretching of slow frequencies (None: not stretched)."""

    base: float
    stretching: Mapping[str, float] | None = None


def rope_of(config: Config) -> Rope:
    """The rotary embedding in a config.json of transformers 4 or 5. Raises NotConvertible for unknown scaling."""
    given: Config = config.get("rope_parameters") or config.get("rope_scaling") or {}
    given = given.get("full_attention") or given
    kind = given.get("rope_type", given.get("type", "default"))
    base = float(given.get("rope_theta") or config.get("rope_theta") or 10_000.0)
    if kind == "default":
        return Rope(base)
    if kind != "llama3":
        raise NotConvertible(f"its positions are scaled ({kind})")
    return Rope(base, given)


def rope_factors(rope: Rope, size: int) -> npt.NDArray[np.float32] | None:
    """What llama.cpp divides each of the size / 2 frequencies by, or None (Llama 3.1's scaling of transformers)."""
    if rope.stretching is None:
        return None
    factor, low, high = (float(rope.stretching[key]) for key in ("factor", "low_freq_factor", "high_freq_factor"))
    length = float(rope.stretching["original_max_position_embeddings"])
    waves = 2 * math.pi * rope.base ** (np.arange(0, size, 2, dtype=np.float64) / size)
    smooth = (length / waves - low) / (high - low)
    between = 1 / ((1 - smooth) / factor + smooth)
    found = np.where(waves < length / high, 1.0, np.where(waves > length / low, factor, between))
    return found.astype(np.float32)
