"""Base models: the bundled conversion, folders, and sentences for what cannot be used."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest

from engine import base_models
from engine.base_models import BaseModelError, check_folder, locate, resolve
from engine.llama_gguf import gguf_name, permute_rows, transformers_name, unpermute_rows


def test_permuting_rows_pairs_the_two_halves_of_each_head() -> None:
    rows = np.arange(8)[:, None]  # two heads of four rows
    assert permute_rows(rows, 2)[:, 0].tolist() == [0, 2, 1, 3, 4, 6, 5, 7]


def test_unpermuting_undoes_permuting() -> None:
    rows = np.random.default_rng(0).normal(size=(9 * 64, 5))
    assert np.array_equal(unpermute_rows(permute_rows(rows, 9), 9), rows)


@pytest.mark.parametrize(
    ("ours", "theirs"),
    [
        ("blk.3.attn_q", "model.layers.3.self_attn.q_proj"),
        ("blk.29.ffn_down", "model.layers.29.mlp.down_proj"),
        ("token_embd", "model.embed_tokens"),
    ],
)
def test_names_go_both_ways(ours: str, theirs: str) -> None:
    assert transformers_name(ours + ".weight") == theirs + ".weight"
    assert gguf_name(theirs) == ours


def test_a_missing_folder_is_a_sentence(tmp_path: Path) -> None:
    with pytest.raises(BaseModelError, match="There is no folder"):
        resolve(str(tmp_path / "nowhere"), tmp_path)


@pytest.mark.parametrize(
    ("spoil", "sentence"),
    [
        (lambda folder: (folder / "config.json").unlink(), "has no config.json"),
        (lambda folder: (folder / "config.json").write_text("{"), "not readable JSON"),
        (lambda folder: (folder / "config.json").write_text("[]"), "names no model_type"),
        (lambda folder: (folder / "model.safetensors").write_bytes(b"\0" * 64), "damaged"),
        (lambda folder: (folder / "model.safetensors").unlink(), "no weights in the safetensors format"),
        (lambda folder: (folder / "tokenizer.json").unlink(), "has no tokenizer"),
    ],
)
def test_a_broken_folder_is_one_sentence(tiny_model: Path, tmp_path: Path, spoil: object, sentence: str) -> None:
    folder = tmp_path / "model"
    shutil.copytree(tiny_model, folder)
    check_folder(folder)
    assert callable(spoil)
    spoil(folder)
    with pytest.raises(BaseModelError, match=sentence):
        resolve(str(folder), tmp_path)


def test_a_folder_is_used_as_it_is(tiny_model: Path, tmp_path: Path) -> None:
    before = sorted(tiny_model.iterdir())
    model = resolve(str(tiny_model), tmp_path)
    assert (model.name, model.folder) == (tiny_model.name, tiny_model)
    assert sorted(tiny_model.iterdir()) == before
    assert model.gguf is not None and model.gguf.is_relative_to(tmp_path)
    assert locate(str(tiny_model), tmp_path) == model


def test_two_callers_at_once_convert_once(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    conversions: list[Path] = []

    def convert(source: Path, folder: Path, progress: object) -> None:
        conversions.append(folder)
        (folder / base_models.GGUF_NAME).write_bytes(b"GGUF")

    monkeypatch.setattr(base_models, "_convert", convert)
    with ThreadPoolExecutor(4) as pool:
        models = list(pool.map(lambda _: resolve(base_models.DEFAULT_MODEL, tmp_path), range(4)))
    assert len(conversions) == 1
    assert {model.folder for model in models} == {tmp_path / "smollm2-135m-instruct-v1"}
    assert models[0].gguf is not None and models[0].gguf.read_bytes() == b"GGUF"


def test_a_failed_conversion_leaves_nothing_and_the_next_call_tries_again(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    def fail(source: Path, folder: Path, progress: object) -> None:
        (folder / "half").write_bytes(b"x")
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(base_models, "_convert", fail)
    with pytest.raises(OSError, match="No space"):
        resolve(base_models.DEFAULT_MODEL, tmp_path)
    assert [path.suffix for path in tmp_path.iterdir()] == [".lock"]


def test_the_command_says_what_is_wrong(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "engine.base_models", "--cache", str(tmp_path), "--model", str(tmp_path / "x")]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 2
    assert done.stderr.startswith("There is no folder") and done.stderr.count("\n") == 1


@pytest.mark.slow
def test_the_bundled_model_answers_in_transformers_and_in_llama_cpp(real_model: base_models.BaseModel) -> None:
    import xllamacpp
    from transformers import AutoModelForCausalLM, AutoTokenizer

    tokenizer = AutoTokenizer.from_pretrained(real_model.folder)
    system = {"role": "system", "content": "You are a helpful assistant."}
    messages = [system, {"role": "user", "content": "What is the capital of France?"}]
    prompt = tokenizer.apply_chat_template(messages, tokenize=False, add_generation_prompt=True)
    model = AutoModelForCausalLM.from_pretrained(real_model.folder)
    ids = tokenizer(prompt, return_tensors="pt", add_special_tokens=False)
    out = model.generate(**ids, max_new_tokens=24, do_sample=False)[0, ids.input_ids.shape[1] :]
    assert "Paris" in tokenizer.decode(out)
    parameters = xllamacpp.CommonParams()
    parameters.model.path = str(real_model.gguf)
    parameters.n_ctx, parameters.verbosity = 512, 0
    reply = xllamacpp.Server(parameters).handle_completions({"prompt": prompt, "n_predict": 24, "temperature": 0})
    assert "Paris" in json.dumps(reply)
