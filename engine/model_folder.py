"""A folder with a model as transformers saves it: whether all of it is there, and what is wrong with it."""

from __future__ import annotations

import json
from pathlib import Path


class BaseModelError(Exception):
    """The base model cannot be used; the message is a sentence for the person."""


def is_whole(folder: Path) -> bool:
    """Whether every file that training needs is there: of weights in several files, all that their index names."""
    index = folder / "model.safetensors.index.json"
    try:
        named = set(json.loads(index.read_text(encoding="utf-8"))["weight_map"].values()) if index.is_file() else set()
    except (ValueError, KeyError, AttributeError):
        return False
    weights = all((folder / name).is_file() for name in named) if named else any(folder.glob("*.safetensors"))
    return weights and (folder / "config.json").is_file() and _has_tokenizer(folder)


def _has_tokenizer(folder: Path) -> bool:
    return any((folder / name).is_file() for name in ("tokenizer.json", "tokenizer.model", "vocab.json"))


def check_folder(folder: Path) -> None:
    """Raise BaseModelError unless `folder` holds a config, safetensors weights and a tokenizer that can be read."""
    advice = "Give a folder saved by transformers' save_pretrained."
    try:
        config = json.loads((folder / "config.json").read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise BaseModelError(f"The folder {folder} has no config.json. {advice}") from None
    except (UnicodeDecodeError, json.JSONDecodeError):
        raise BaseModelError(f"The config.json in {folder} is not readable JSON. {advice}") from None
    if not isinstance(config, dict) or "model_type" not in config:
        raise BaseModelError(f"The config.json in {folder} names no model_type. {advice}")
    weights = sorted(folder.glob("*.safetensors"))
    if not weights:
        raise BaseModelError(f"The folder {folder} has no weights in the safetensors format. {advice}")
    for file in weights:
        _check_safetensors(file)
    if not _has_tokenizer(folder):
        raise BaseModelError(f"The folder {folder} has no tokenizer. {advice}")


def _check_safetensors(file: Path) -> None:
    from safetensors import SafetensorError, safe_open

    try:
        with safe_open(file, framework="numpy"):
            pass
    except (SafetensorError, OSError) as error:
        raise BaseModelError(f"The weights in {file} are damaged ({error}). Copy or download them again.") from None
