"""Writes an adapter as GGUF, for llama.cpp to lay over its own copy of the base model."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

import gguf
import numpy as np
from torch import Tensor

from engine.gguf_families import LLAMA, Family
from engine.llama_gguf import gguf_name, permute_rows

Pairs = Iterable[tuple[str, Tensor, Tensor]]
"""Module name, A (rank, in) and B (out, rank), both float32."""


def write_gguf(pairs: Pairs, alpha: float, heads: int, kv_heads: int, target: Path, family: Family = LLAMA) -> None:
    """Write the adapter `pairs` of a model of `family` with that many heads. OSError if the disk is full.

    The rows of B follow the rows of the weight, which llama.cpp permutes for queries and keys; A stays as it is.
    Matches convert_lora_to_gguf.py of llama.cpp; float16 because that is its default and half the size.
    """
    writer = gguf.GGUFWriter(target, family.architecture)
    writer.add_type(gguf.GGUFType.ADAPTER)
    writer.add_string(gguf.Keys.Adapter.TYPE, "lora")
    writer.add_float32(gguf.Keys.Adapter.LORA_ALPHA, alpha)
    for module, a, b in pairs:
        name = gguf_name(module)
        rows, count = b.detach().numpy(), {"attn_q": heads, "attn_k": kv_heads}.get(name.rpartition(".")[2])
        if family.permutes and count is not None:
            rows = permute_rows(rows, count)
        writer.add_tensor(f"{name}.weight.lora_a", a.detach().numpy().astype(np.float16))
        writer.add_tensor(f"{name}.weight.lora_b", np.ascontiguousarray(rows, dtype=np.float16))
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
