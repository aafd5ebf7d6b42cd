"""An adapter worked into the weights of its base model: as safetensors, and as one GGUF."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from pathlib import Path

import gguf
import numpy as np
import torch
from safetensors import safe_open
from safetensors.torch import save_file

from engine.adapter_files import LoadedAdapter
from engine.llama_gguf import Array, StepCallback, field

MERGED = gguf.GGMLQuantizationType.F16
"""Of 20 greedy replies 14 stayed as they were; with Q8_0 11, and 14 with float32 as well."""

_TOO_LARGE_FOR_FLOAT16 = "gemma"
"""Its activations pass 65504 (the model card of Gemma 3 asks for bfloat16)."""

_KEPT_FILES = ("*.json", "*.jinja", "tokenizer.model", "merges.txt", "vocab.txt")


def merge_safetensors(adapter: LoadedAdapter, base: Path, target: Path, progress: StepCallback) -> None:
    """Fill the folder `target` with a model that transformers loads alone: the base in `base` with W + s B A.

    In float16, with 11 significant bits against the 8 of bfloat16 and the same size. OSError if the disk is full.
    """
    for pattern in _KEPT_FILES:
        for file in base.glob(pattern):
            shutil.copyfile(file, target / file.name)
    dtype = _write_config(target / "config.json")
    shards = sorted(base.glob("*.safetensors"))
    for number, shard in enumerate(shards):
        save_file(dict(_merged(adapter, shard, dtype)), target / shard.name, metadata={"format": "pt"})
        (target / shard.name).chmod(0o644)
        progress("merging", (number + 1) / len(shards))


def _write_config(file: Path) -> torch.dtype:
    """Names the number type in config.json, and returns it."""
    config = json.loads(file.read_text(encoding="utf-8"))
    name = "bfloat16" if str(config["model_type"]).startswith(_TOO_LARGE_FOR_FLOAT16) else "float16"
    config.pop("torch_dtype", None)
    file.write_text(json.dumps({**config, "dtype": name}, indent=2) + "\n", encoding="utf-8")
    dtype: torch.dtype = getattr(torch, name)
    return dtype


def _merged(adapter: LoadedAdapter, shard: Path, dtype: torch.dtype) -> Iterator[tuple[str, torch.Tensor]]:
    with safe_open(shard, framework="pt") as opened:
        for name in opened.keys():  # noqa: SIM118  (no mapping)
            tensor = opened.get_tensor(name)
            module = name.removesuffix(".weight")
            if module in adapter.pairs:
                tensor = tensor.float() + adapter.delta(module)
            yield name, tensor.to(dtype) if tensor.is_floating_point() else tensor


def merge_gguf(base: Path, adapter: Path, target: Path, progress: StepCallback) -> None:
    """Write the GGUF `base` with the adapter GGUF worked in; the changed matrices are stored in float16.

    What the adapter does not touch is copied byte for byte, so that it is what the server computes with.
    """
    reader, deltas = gguf.GGUFReader(base), dict(_deltas(gguf.GGUFReader(adapter)))
    writer = gguf.GGUFWriter(target, field(reader, "general.architecture"))
    _copy_metadata(reader, writer)
    for number, tensor in enumerate(reader.tensors):
        if tensor.name in deltas:
            values = gguf.quants.dequantize(tensor.data, tensor.tensor_type) + deltas.pop(tensor.name)
            writer.add_tensor(tensor.name, gguf.quants.quantize(values, MERGED), raw_dtype=MERGED)
        else:
            writer.add_tensor(tensor.name, np.asarray(tensor.data), raw_dtype=tensor.tensor_type)
        progress("merging", (number + 1) / len(reader.tensors))
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()


def _deltas(adapter: gguf.GGUFReader) -> Iterator[tuple[str, Array]]:
    """Tensor name -> (out, in) float32, in llama.cpp's order of rows."""
    alpha = float(field(adapter, gguf.Keys.Adapter.LORA_ALPHA))
    halves = {tensor.name: tensor.data.astype(np.float32) for tensor in adapter.tensors}
    for name in [name for name in halves if name.endswith(".lora_a")]:
        tensor = name.removesuffix(".lora_a")
        a, b = halves[name], halves[f"{tensor}.lora_b"]
        yield tensor, (alpha / a.shape[0]) * (b @ a)


def _copy_metadata(reader: gguf.GGUFReader, writer: gguf.GGUFWriter) -> None:
    for key, entry in reader.fields.items():
        if key.startswith("GGUF.") or key == "general.architecture":
            continue
        sub_type = entry.types[-1] if entry.types[0] == gguf.GGUFValueType.ARRAY else None
        writer.add_key_value(key, entry.contents(), entry.types[0], sub_type=sub_type)
