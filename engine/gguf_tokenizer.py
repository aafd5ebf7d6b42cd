"""Writes a tokenizer.json into a GGUF, where llama.cpp has the same tokenizer.

Two kinds are known: byte-level BPE with one of the ways to split text that llama.cpp has by name, and the BPE with byte
fallback that was SentencePiece once (Gemma). Any other is NotConvertible: a base model whose text is cut in another way
than in training answers nonsense without an error.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import gguf

from engine.gguf_families import NotConvertible

_WORDS = r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|"
_REST = r"| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"
# llama-vocab.cpp: LLAMA_VOCAB_PRE_TYPE_*, by the expression of each.
_SPLITS = {_WORDS + r"\p{N}{1,3}" + _REST: "llama-bpe", _WORDS + r"\p{N}" + _REST: "qwen2"}
_BYTE = re.compile(r"<0x[0-9A-F]{2}>")
_NEVER = -1e9
Json = dict[str, Any]


def write_tokenizer(writer: gguf.GGUFWriter, folder: Path, vocabulary: int) -> None:
    """Add the tokenizer in `folder`, filled up to `vocabulary` tokens. Raises NotConvertible."""
    content = _read(folder / "tokenizer.json")
    model = content["model"]
    tokens, kinds = _tokens(content, vocabulary)
    merges = [one if isinstance(one, str) else " ".join(one) for one in model.get("merges", [])]
    if model.get("byte_fallback"):
        _check_sentencepiece(content)
        writer.add_tokenizer_model("llama")
        writer.add_tokenizer_pre("default")
        writer.add_token_scores(_scores(tokens, merges))
        writer.add_add_space_prefix(False)
    else:
        pre = split_name(content)
        writer.add_tokenizer_model("gpt2")
        writer.add_tokenizer_pre(pre)
        writer.add_token_merges(merges)
    writer.add_token_list(tokens)
    writer.add_token_types(kinds)
    _write_special(writer, folder, {token: number for number, token in enumerate(tokens)})


def _read(file: Path) -> Json:
    try:
        content = json.loads(file.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise NotConvertible("it has no tokenizer.json") from None
    if not isinstance(content, dict) or (content.get("model") or {}).get("type") != "BPE":
        raise NotConvertible("its tokenizer is no BPE")
    return content


def split_name(content: Mapping[str, Any]) -> str:
    """llama.cpp's name of the way in which a byte-level tokenizer.json splits text. Raises NotConvertible."""
    parts = _parts(content.get("pre_tokenizer"))
    kinds = [part["type"] for part in parts]
    if not kinds or kinds[-1] != "ByteLevel" or parts[-1].get("add_prefix_space"):
        raise NotConvertible("its tokenizer is not byte-level")
    splits_itself = parts[-1].get("use_regex", True)
    if kinds == ["ByteLevel"] and splits_itself:
        return "gpt-2"
    if kinds == ["Digits", "ByteLevel"] and parts[0].get("individual_digits") and splits_itself:
        return "smollm"
    if kinds == ["Split", "ByteLevel"] and not splits_itself and not parts[0].get("invert"):
        found = _SPLITS.get(parts[0]["pattern"].get("Regex", ""))
        if found and parts[0].get("behavior") == "Isolated":
            return found
    raise NotConvertible("its tokenizer splits text in a way that is not known here")


def _parts(pre_tokenizer: Json | None) -> list[Json]:
    if pre_tokenizer is None:
        return []
    return list(pre_tokenizer["pretokenizers"]) if pre_tokenizer["type"] == "Sequence" else [pre_tokenizer]


def _check_sentencepiece(content: Mapping[str, Any]) -> None:
    normalizer = content.get("normalizer") or {}
    if normalizer.get("type") != "Replace" or normalizer.get("content") != "▁":
        raise NotConvertible("its tokenizer changes the text before it is split")


def _tokens(content: Json, vocabulary: int) -> tuple[list[str], list[gguf.TokenType]]:
    numbers: dict[int, str] = {number: token for token, number in content["model"]["vocab"].items()}
    bytes_fall_back = bool(content["model"].get("byte_fallback"))
    # Gemma's tokenizer knows a token for images that the models for text alone have no row for.
    added = {one["id"]: one for one in content.get("added_tokens", []) if one["id"] < vocabulary}
    if max(numbers) >= vocabulary:
        raise NotConvertible("its tokenizer has more tokens than the model")
    for number, one in added.items():
        # llama.cpp looks for these in the text before spaces become ▁.
        numbers[number] = one["content"].replace("▁", " ") if bytes_fall_back else one["content"]
    tokens = [numbers.get(number, f"[PAD{number}]") for number in range(vocabulary)]
    unknown = content["model"].get("unk_token")

    def kind(number: int) -> gguf.TokenType:
        if number not in numbers:
            return gguf.TokenType.UNUSED
        if bytes_fall_back and numbers[number] == unknown:
            return gguf.TokenType.UNKNOWN
        if number in added:
            return gguf.TokenType.CONTROL if added[number]["special"] else gguf.TokenType.USER_DEFINED
        is_byte = bytes_fall_back and _BYTE.fullmatch(numbers[number])
        return gguf.TokenType.BYTE if is_byte else gguf.TokenType.NORMAL

    return tokens, [kind(number) for number in range(vocabulary)]


def _scores(tokens: list[str], merges: list[str]) -> list[float]:
    """llama.cpp joins the pair with the highest score first: that of the earliest merge into the token."""
    ranks: dict[str, int] = {}
    for rank, merge in enumerate(merges):
        ranks.setdefault(merge.replace(" ", ""), rank)
    return [-float(ranks[token]) if token in ranks else _NEVER for token in tokens]


def _write_special(writer: gguf.GGUFWriter, folder: Path, numbers: Mapping[str, int]) -> None:
    """Tokens with a meaning. No begin-of-sequence token is added on its own: training adds none beyond the template."""
    settings = _settings(folder / "tokenizer_config.json")
    adders = {"bos_token": writer.add_bos_token_id, "eos_token": writer.add_eos_token_id}
    adders |= {"pad_token": writer.add_pad_token_id, "unk_token": writer.add_unk_token_id}
    for name, add in adders.items():
        text = settings.get(name)
        text = str(text.get("content") if isinstance(text, dict) else text)
        if text in numbers:
            add(numbers[text])
    writer.add_add_bos_token(False)
    ends = list(_further_ends(folder, numbers.get(str(settings.get("eos_token")))))
    if ends:
        writer.add_eot_token_id(ends[-1])


def _further_ends(folder: Path, eos: int | None) -> Iterator[int]:
    given = _settings(folder / "generation_config.json").get("eos_token_id")
    yield from (one for one in (given if isinstance(given, list) else []) if one != eos)


def _settings(file: Path) -> Json:
    content = json.loads(file.read_text(encoding="utf-8")) if file.is_file() else {}
    return content if isinstance(content, dict) else {}
