"""Turns a transformers folder into a Q8_0 GGUF that llama.cpp serves, where it knows the architecture."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import gguf
import numpy as np
from safetensors import safe_open

from engine.gguf_families import Family, NotConvertible, family_of, head_dim, rope_factors, rope_of
from engine.gguf_tokenizer import write_tokenizer
from engine.llama_gguf import Array, StepCallback, permute_rows

_BLOCK = 32
"""Weights in a block of Q8_0: a row must hold a whole number of them."""


def convert(folder: Path, target: Path, progress: StepCallback) -> None:
    """Write the model in `folder` as `target`: matrices in Q8_0, vectors in float32.

    Raises NotConvertible if llama.cpp would compute something else, OSError if the disk is full.
    """
    config: dict[str, Any] = json.loads((folder / "config.json").read_text(encoding="utf-8"))
    family = family_of(config)
    # Pieces go to a temporary file: a model of a billion weights would not fit into memory beside a training.
    writer = gguf.GGUFWriter(target, family.architecture, use_temp_file=True)
    try:
        _write_sizes(writer, config)
        write_tokenizer(writer, folder, config["vocab_size"])
        _write_tensors(writer, folder, config, family, progress)
        writer.write_header_to_file()
        writer.write_kv_data_to_file()
        writer.write_tensors_to_file()
    finally:
        writer.close()


def _write_sizes(writer: gguf.GGUFWriter, config: dict[str, Any]) -> None:
    writer.add_context_length(config["max_position_embeddings"])
    writer.add_embedding_length(config["hidden_size"])
    writer.add_block_count(config["num_hidden_layers"])
    writer.add_feed_forward_length(config["intermediate_size"])
    writer.add_head_count(config["num_attention_heads"])
    writer.add_head_count_kv(config.get("num_key_value_heads") or config["num_attention_heads"])
    writer.add_layer_norm_rms_eps(config["rms_norm_eps"])
    writer.add_key_length(head_dim(config))
    writer.add_value_length(head_dim(config))
    writer.add_rope_dimension_count(head_dim(config))
    writer.add_rope_freq_base(rope_of(config).base)
    writer.add_vocab_size(config["vocab_size"])
    if config["model_type"] == "gemma3_text":
        writer.add_sliding_window(config["sliding_window"])
    writer.add_file_type(gguf.LlamaFileType.MOSTLY_Q8_0)
    writer.add_quantization_version(gguf.GGML_QUANT_VERSION)


def _write_tensors(
    writer: gguf.GGUFWriter, folder: Path, config: dict[str, Any], family: Family, progress: StepCallback
) -> None:
    architecture = next(key for key, name in gguf.MODEL_ARCH_NAMES.items() if name == family.architecture)
    names = gguf.get_tensor_name_map(architecture, config["num_hidden_layers"])
    if (factors := rope_factors(rope_of(config), head_dim(config))) is not None:
        writer.add_tensor("rope_freqs.weight", factors)
    count = len(list(_names(folder)))
    for number, (name, values) in enumerate(_tensors(folder)):
        if not (name == "lm_head.weight" and config.get("tie_word_embeddings", True)):
            short = names.get_name(name, try_suffixes=(".weight", ".bias"))
            if short is None:
                raise NotConvertible(f"llama.cpp has no place for {name}")
            _add(writer, short, _in_their_order(short, values, config, family))
        progress("converting to Q8_0", (number + 1) / count)


def _in_their_order(name: str, values: Array, config: dict[str, Any], family: Family) -> Array:
    """`values` as llama.cpp keeps them: rows of queries and keys interleaved, norms with their offset."""
    heads = {"attn_q": "num_attention_heads", "attn_k": "num_key_value_heads"}.get(name.split(".")[-2])
    if heads and family.permutes:
        return permute_rows(values, config.get(heads) or config["num_attention_heads"])
    return values + family.norm_offset if name.endswith("norm.weight") else values


def _add(writer: gguf.GGUFWriter, name: str, values: Array) -> None:
    if values.ndim == 1:
        writer.add_tensor(name, values.astype(np.float32))
    elif values.shape[-1] % _BLOCK:
        writer.add_tensor(name, values.astype(np.float16))
    else:
        packed = gguf.quants.quantize(values, gguf.GGMLQuantizationType.Q8_0)
        writer.add_tensor(name, packed, raw_dtype=gguf.GGMLQuantizationType.Q8_0)


def _names(folder: Path) -> Iterator[tuple[Path, str]]:
    for file in sorted(folder.glob("*.safetensors")):
        with safe_open(file, framework="pt") as weights:
            yield from ((file, name) for name in weights.keys())  # noqa: SIM118 (no dictionary)


def _tensors(folder: Path) -> Iterator[tuple[str, Array]]:
    """Every tensor as float32; through torch, because numpy has no bfloat16."""
    for file in sorted(folder.glob("*.safetensors")):
        with safe_open(file, framework="pt") as weights:
            for name in weights.keys():  # noqa: SIM118 (no dictionary)
                yield name, weights.get_tensor(name).float().numpy()
