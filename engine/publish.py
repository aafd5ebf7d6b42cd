"""Writes the finished adapter as `output/`, which appears by one rename."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from engine.atomic import new_folder, remove_leftovers
from engine.base_models import BaseModel
from engine.lora import Adapter, write_peft
from engine.model import CausalModel


def publish(target: Path, model: CausalModel, base: BaseModel, adapter: Adapter, result: Mapping[str, Any]) -> None:
    """Write the adapter for peft and, over a base that llama.cpp serves, as GGUF; and result.json.

    OSError if the disk is full; `target` then does not exist.
    """
    remove_leftovers(target)
    flat = adapter.flat.detach()
    with new_folder(target) as folder:
        write_peft(adapter, flat, str(result["base_model"]), folder)
        if base.gguf is not None:
            from engine.gguf_families import family_of
            from engine.gguf_lora import write_gguf

            config = model.network.config
            heads, family = (config.num_attention_heads, config.num_key_value_heads), family_of(config.to_dict())
            write_gguf(adapter.tensors(flat), adapter.alpha, *heads, folder / "adapter.gguf", family)
        (folder / "result.json").write_text(json.dumps(dict(result), indent=2) + "\n", encoding="utf-8")
