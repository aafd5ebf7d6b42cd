"""Turns a llama GGUF into a folder that transformers loads: config, bfloat16 safetensors, tokenizer."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import gguf
import numpy as np
import torch
from safetensors.torch import save_file
from transformers import AutoTokenizer
from transformers.utils import logging

from engine.llama_gguf import StepCallback, field, read_shape, read_tensors


def write_transformers_folder(source: Path, folder: Path, progress: StepCallback) -> None:
    """Fill `folder` from the GGUF `source`; ValueError if it is not a llama model."""
    reader = gguf.GGUFReader(source)
    config = llama_config(reader)
    (folder / "config.json").write_text(json.dumps(config, indent=2) + "\n", encoding="utf-8")
    generation = {key: config[key] for key in ("bos_token_id", "eos_token_id", "pad_token_id")}
    (folder / "generation_config.json").write_text(json.dumps(generation, indent=2) + "\n", encoding="utf-8")
    tensors: dict[str, torch.Tensor] = {}
    for name, values in read_tensors(reader):
        tensors[name] = torch.from_numpy(np.array(values)).to(torch.bfloat16)
        progress("converting to bfloat16", len(tensors) / len(reader.tensors) / 2)
    save_file(tensors, folder / "model.safetensors", metadata={"format": "pt"})
    (folder / "model.safetensors").chmod(0o644)
    progress("converting the tokenizer", 0.5)
    _write_tokenizer(source, folder)
    progress("converting the tokenizer", 1.0)


def llama_config(reader: gguf.GGUFReader) -> dict[str, Any]:
    """The config.json of the llama model in `reader`."""
    shape = read_shape(reader)
    return {
        "architectures": ["LlamaForCausalLM"],
        "model_type": "llama",
        "dtype": "bfloat16",
        "hidden_act": "silu",
        "hidden_size": shape.hidden,
        "intermediate_size": shape.intermediate,
        "num_hidden_layers": shape.layers,
        "num_attention_heads": shape.heads,
        "num_key_value_heads": shape.kv_heads,
        "head_dim": shape.hidden // shape.heads,
        "vocab_size": shape.vocabulary,
        "max_position_embeddings": shape.context,
        "rms_norm_eps": shape.norm_epsilon,
        "rope_parameters": {"rope_type": "default", "rope_theta": shape.rope_base},
        "rope_theta": shape.rope_base,
        "tie_word_embeddings": not any(tensor.name == "output.weight" for tensor in reader.tensors),
        "attention_bias": False,
        "mlp_bias": False,
        "bos_token_id": field(reader, "tokenizer.ggml.bos_token_id"),
        "eos_token_id": field(reader, "tokenizer.ggml.eos_token_id"),
        "pad_token_id": field(reader, "tokenizer.ggml.padding_token_id"),
    }


def _write_tokenizer(source: Path, folder: Path) -> None:
    # transformers knows how to build a tokenizer from GGUF metadata; its progress bars would spoil ours.
    logging.disable_progress_bar()
    tokenizer = AutoTokenizer.from_pretrained(source.parent, gguf_file=source.name)  # nosec B615
    tokenizer.model_max_length = int(field(gguf.GGUFReader(source), "llama.context_length"))
    tokenizer.save_pretrained(folder)
