"""Reads and writes the llama architecture in GGUF, the file format of llama.cpp.

llama.cpp stores the rows of the query and key projections interleaved, because its rotary embedding pairs
neighbours where transformers pairs the two halves of a head. `permute_rows` and `unpermute_rows` go between the two
(`LlamaModel.permute` in llama.cpp's convert_hf_to_gguf.py).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

import gguf
import numpy as np
import numpy.typing as npt

Array = npt.NDArray[Any]
StepCallback = Callable[[str, float], None]

_LAYER_PARTS = {
    "attn_norm": "input_layernorm",
    "attn_q": "self_attn.q_proj",
    "attn_k": "self_attn.k_proj",
    "attn_v": "self_attn.v_proj",
    "attn_output": "self_attn.o_proj",
    "ffn_norm": "post_attention_layernorm",
    "ffn_gate": "mlp.gate_proj",
    "ffn_up": "mlp.up_proj",
    "ffn_down": "mlp.down_proj",
}
_TOP_LEVEL = {"token_embd": "model.embed_tokens", "output_norm": "model.norm", "output": "lm_head"}


class LlamaShape(NamedTuple):
    """The numbers that fix a llama model's tensors."""

    layers: int
    hidden: int
    intermediate: int
    heads: int
    kv_heads: int
    vocabulary: int
    context: int
    rope_base: float
    norm_epsilon: float

    def heads_of(self, part: str) -> int | None:
        """How many heads the rows of `part` hold, or None where llama.cpp keeps the order of transformers."""
        return {"attn_q": self.heads, "attn_k": self.kv_heads}.get(part)


def permute_rows(rows: Array, heads: int) -> Array:
    """Reorder the rows (heads * head_size, n) of a projection from transformers' to llama.cpp's order."""
    size = rows.shape[0] // heads
    return rows.reshape(heads, 2, size // 2, *rows.shape[1:]).swapaxes(1, 2).reshape(rows.shape)


def unpermute_rows(rows: Array, heads: int) -> Array:
    """The inverse of `permute_rows`."""
    size = rows.shape[0] // heads
    return rows.reshape(heads, size // 2, 2, *rows.shape[1:]).swapaxes(1, 2).reshape(rows.shape)


def field(reader: gguf.GGUFReader, key: str) -> Any:
    """The value under `key`; ValueError names a key that is missing."""
    found = reader.get_field(key)
    if found is None:
        raise ValueError(f"The GGUF file has no {key}.")
    return found.contents()


def read_shape(reader: gguf.GGUFReader) -> LlamaShape:
    """The shape of the llama model in `reader`; ValueError for another architecture."""
    architecture = field(reader, "general.architecture")
    if architecture != "llama":
        raise ValueError(f"The GGUF file holds a model of the architecture {architecture}; only llama is supported.")
    return LlamaShape(
        layers=field(reader, "llama.block_count"),
        hidden=field(reader, "llama.embedding_length"),
        intermediate=field(reader, "llama.feed_forward_length"),
        heads=field(reader, "llama.attention.head_count"),
        kv_heads=field(reader, "llama.attention.head_count_kv"),
        vocabulary=len(reader.fields["tokenizer.ggml.tokens"].data),
        context=field(reader, "llama.context_length"),
        rope_base=float(field(reader, "llama.rope.freq_base")),
        norm_epsilon=round(float(field(reader, "llama.attention.layer_norm_rms_epsilon")), 9),
    )


def transformers_name(name: str) -> str:
    """`blk.3.attn_q.weight` -> `model.layers.3.self_attn.q_proj.weight`; KeyError for a tensor that llama lacks."""
    pieces = name.split(".")
    if pieces[0] == "blk":
        return f"model.layers.{pieces[1]}.{_LAYER_PARTS[pieces[2]]}.{pieces[3]}"
    return f"{_TOP_LEVEL[pieces[0]]}.{pieces[1]}"


def gguf_name(module: str) -> str:
    """`model.layers.3.self_attn.q_proj` -> `blk.3.attn_q`; KeyError for a module that llama lacks."""
    pieces = module.split(".")
    parts = {theirs: ours for ours, theirs in _LAYER_PARTS.items()}
    if pieces[:2] == ["model", "layers"]:
        return f"blk.{pieces[2]}.{parts['.'.join(pieces[3:])]}"
    return {theirs: ours for ours, theirs in _TOP_LEVEL.items()}[module]


def read_tensors(reader: gguf.GGUFReader) -> Iterator[tuple[str, Array]]:
    """Every tensor under its transformers name, dequantised to float32, in transformers' order of rows."""
    shape = read_shape(reader)
    for tensor in reader.tensors:
        values = gguf.quants.dequantize(tensor.data, tensor.tensor_type)
        heads = shape.heads_of(tensor.name.split(".")[-2])
        yield transformers_name(tensor.name), values if heads is None else unpermute_rows(values, heads)


def _copy_metadata(reader: gguf.GGUFReader, writer: gguf.GGUFWriter) -> None:
    replaced = {"general.architecture", "general.file_type", "general.quantization_version"}
    for key, entry in reader.fields.items():
        if key.startswith("GGUF.") or key in replaced:
            continue
        sub_type = entry.types[-1] if entry.types[0] == gguf.GGUFValueType.ARRAY else None
        writer.add_key_value(key, entry.contents(), entry.types[0], sub_type=sub_type)
    writer.add_file_type(gguf.LlamaFileType.MOSTLY_Q8_0)
    writer.add_quantization_version(gguf.GGML_QUANT_VERSION)


def requantise_to_q8_0(source: Path, target: Path, progress: StepCallback) -> None:
    """Write `source` again with its matrices in Q8_0 (34 bytes for 32 weights); vectors stay float32.

    Q8_0 and not Q4_1, because a LoRA of a small model drowns in the noise of 4 bits once it is merged.
    """
    reader = gguf.GGUFReader(source)
    writer = gguf.GGUFWriter(target, field(reader, "general.architecture"))
    _copy_metadata(reader, writer)
    for number, tensor in enumerate(reader.tensors):
        values = gguf.quants.dequantize(tensor.data, tensor.tensor_type)
        if values.ndim == 1:
            writer.add_tensor(tensor.name, values.astype(np.float32))
        else:
            packed = gguf.quants.quantize(values, gguf.GGMLQuantizationType.Q8_0)
            writer.add_tensor(tensor.name, packed, raw_dtype=gguf.GGMLQuantizationType.Q8_0)
        progress("converting to Q8_0", (number + 1) / len(reader.tensors))
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
