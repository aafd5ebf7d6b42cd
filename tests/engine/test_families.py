"""Base models of other families, tiny and random: converted for llama.cpp, trained, and served."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from engine.base_models import BaseModel
from engine.gguf_families import NotConvertible, family_of, rope_factors, rope_of
from engine.gguf_tokenizer import split_name
from tests.engine.families import FAMILIES, LLAMA3_ROPE, SIZES, TEXT, make_family

SCORED = " I like pianos. What day"
OTHER_TEXT = "Why do you like it so?  12 pianos — что нравится?\n\t\tShe'd say: “So.” ½ 🎹🙂 ▁ <|im_start|>"
QWEN3: dict[str, Any] = {**SIZES, "model_type": "qwen3", "rope_theta": 1e6}


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"model_type": "gpt2"}, "models of the type gpt2"),
        ({"attention_bias": True}, "attention_bias is set"),
        ({"rope_scaling": {"rope_type": "yarn", "factor": 4.0}}, "scaled .yarn."),
        ({"layer_types": ["sliding_attention", "full_attention"]}, "another order"),
        ({"model_type": "mistral", "sliding_window": 4096}, "another order"),
        ({"model_type": "gemma3_text", "query_pre_attn_scalar": 168}, "query_pre_attn_scalar"),
        ({"model_type": "smollm3", "no_rope_layers": [1, 0, 1, 0]}, "not every fourth"),
    ],
)
def test_what_llama_cpp_would_compute_otherwise_is_not_converted(change: dict[str, Any], reason: str) -> None:
    assert family_of(QWEN3).architecture == "qwen3"
    with pytest.raises(NotConvertible, match=reason):
        family_of({**QWEN3, **change})


def test_positions_are_read_as_both_versions_of_transformers_write_them() -> None:
    assert rope_of({"rope_theta": 5.0, "rope_scaling": None}).base == 5.0
    assert rope_of({"rope_parameters": {"rope_type": "default", "rope_theta": 7.0}}).base == 7.0
    gemma = {"full_attention": {"rope_theta": 1e6}, "sliding_attention": {"rope_theta": 1e4}}
    assert rope_of({"rope_parameters": gemma}).base == 1e6
    assert rope_factors(rope_of({"rope_theta": 5.0}), 64) is None


def test_slow_frequencies_are_stretched_as_in_transformers() -> None:
    rope = rope_of({"rope_parameters": LLAMA3_ROPE})
    factors = rope_factors(rope, 32)
    assert factors is not None
    assert factors[0] == 1 and factors[-1] == LLAMA3_ROPE["factor"]
    assert np.all(np.diff(factors) >= 0)


@pytest.mark.parametrize(
    "pre_tokenizer",
    [
        None,
        {"type": "Whitespace"},
        {"type": "ByteLevel", "add_prefix_space": True, "use_regex": True},
        {"type": "Sequence", "pretokenizers": [{"type": "Digits", "individual_digits": False}, {"type": "ByteLevel"}]},
        {
            "type": "Sequence",
            "pretokenizers": [
                {"type": "Split", "pattern": {"Regex": "unknown"}, "behavior": "Isolated", "invert": False},
                {"type": "ByteLevel", "add_prefix_space": False, "use_regex": False},
            ],
        },
    ],
)
def test_an_unknown_way_of_splitting_is_not_guessed(pre_tokenizer: dict[str, Any] | None) -> None:
    with pytest.raises(NotConvertible):
        split_name({"pre_tokenizer": pre_tokenizer})


@pytest.fixture(scope="session")
def family(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> BaseModel:
    """A family's base model, converted."""
    from engine.base_models import resolve

    folder = make_family(request.param, tmp_path_factory.mktemp("families") / request.param)
    return resolve(str(folder), tmp_path_factory.mktemp("cache"))


@pytest.mark.slow
@pytest.mark.parametrize("family", FAMILIES, indirect=True)
def test_llama_cpp_reads_and_computes_what_transformers_does(family: BaseModel) -> None:
    from engine.serving.llama import LlamaBackend
    from engine.serving.torch_backend import TransformersBackend

    theirs = TransformersBackend(BaseModel(family.name, family.folder, None))
    ours = LlamaBackend(family)
    try:
        for text in (TEXT, OTHER_TEXT):
            expected = theirs._tokenizer.encode(text, add_special_tokens=False)
            assert [token for token, _ in ours._socket.tokenize(text)] == expected
        scores = [[one.logprob for one in backend.score(TEXT, SCORED, None, 0)] for backend in (ours, theirs)]
    finally:
        ours.close()
    assert max(scores[1]) - min(scores[1]) > 1
    assert scores[0] == pytest.approx(scores[1], abs=0.15)  # 8 bits against 16


@pytest.mark.slow
def test_a_conversion_with_rows_in_another_order_would_be_noticed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from engine import gguf_convert
    from engine.base_models import resolve
    from engine.serving.llama import LlamaBackend
    from engine.serving.torch_backend import TransformersBackend

    folder = make_family("llama", tmp_path / "llama")
    monkeypatch.setattr(gguf_convert, "permute_rows", lambda rows, heads: rows)
    wrong = resolve(str(folder), tmp_path / "cache")
    backends = (LlamaBackend(wrong), TransformersBackend(BaseModel("llama", folder, None)))
    scores = [[one.logprob for one in backend.score(TEXT, SCORED, None, 0)] for backend in backends]
    backends[0].close()
    assert max(abs(one - other) for one, other in zip(*scores, strict=True)) > 0.3


@pytest.mark.slow
def test_a_model_that_cannot_be_converted_is_served_by_transformers(tmp_path: Path) -> None:
    from engine.base_models import resolve

    folder = make_family("qwen3", tmp_path / "qwen3")
    tokenizer = json.loads((folder / "tokenizer.json").read_text())
    tokenizer["pre_tokenizer"]["pretokenizers"][0]["pattern"]["Regex"] = r"\s+"
    (folder / "tokenizer.json").write_text(json.dumps(tokenizer))
    assert resolve(str(folder), tmp_path / "cache").gguf is None
    noted = next((tmp_path / "cache" / "gguf").glob("*/why-not.txt")).read_text()
    assert "splits text in a way" in noted
    shutil.rmtree(tmp_path / "cache")
