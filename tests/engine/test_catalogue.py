"""The catalogue: facts that hold together, what is on this machine, and what cannot be trained here."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from engine import catalogue
from engine.base_models import DEFAULT_MODEL, locate
from engine.catalogue import entries, entry_named, is_present, offer_of, offers
from engine.memory import MachineMemory, Shape, training_bytes, why_impossible
from engine.recipes import Recipe


# Parameters that the model cards name, in millions.
@pytest.mark.parametrize(
    ("name", "millions"),
    [
        (DEFAULT_MODEL, 134.5),
        ("HuggingFaceTB/SmolLM2-360M-Instruct", 362),
        ("HuggingFaceTB/SmolLM2-1.7B-Instruct", 1711),
        ("Qwen/Qwen3-0.6B", 596),
        ("Qwen/Qwen3-1.7B", 1721),
        ("google/gemma-3-270m-it", 268),
        ("google/gemma-3-1b-it", 1000),
        ("meta-llama/Llama-3.2-1B-Instruct", 1236),
    ],
)
def test_shapes_have_the_parameters_that_their_makers_name(name: str, millions: float) -> None:
    assert entry_named(name).parameters / 1e6 == pytest.approx(millions, rel=0.005)


def test_every_download_holds_its_weights_in_two_bytes() -> None:
    for entry in entries():
        assert entry.bundled or 1.0 <= entry.download_bytes / (2 * entry.parameters) < 1.3, entry.name


def test_who_speaks_what() -> None:
    assert [entry.name for entry in entries() if entry.speaks("ru-RU")] == ["Qwen/Qwen3-0.6B", "Qwen/Qwen3-1.7B"]
    assert all(entry.speaks("en") and entry.licence and entry.licence_url for entry in entries())
    assert {entry.name for entry in entries() if entry.gated} == {
        "google/gemma-3-270m-it",
        "google/gemma-3-1b-it",
        "meta-llama/Llama-3.2-1B-Instruct",
    }


def test_a_hub_name_is_present_once_all_of_its_files_are(tiny_model: Path, tmp_path: Path) -> None:
    name, kept = "Qwen/Qwen3-0.6B", tmp_path / "hub" / "models--Qwen--Qwen3-0.6B"
    assert not is_present(name, tmp_path)
    shutil.copytree(tiny_model, kept / "snapshots" / "abc")
    assert not is_present(name, tmp_path)
    (kept / "refs").mkdir()
    (kept / "refs" / "main").write_text("abc")
    found = locate(name, tmp_path)
    assert found is not None and found.folder == kept / "snapshots" / "abc" and found.name == name
    index = {"weight_map": {"a": "model.safetensors", "b": "model-2.safetensors"}}
    (found.folder / "model.safetensors.index.json").write_text(json.dumps(index))
    assert not is_present(name, tmp_path)


def test_the_bundled_model_is_present_before_it_is_converted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert is_present(DEFAULT_MODEL, tmp_path) and is_present("HuggingFaceTB/SmolLM2-135M-Instruct", tmp_path)
    monkeypatch.setattr(catalogue, "bundled_file_or_none", lambda: None)
    assert not is_present(DEFAULT_MODEL, tmp_path)


def test_a_folder_is_described_by_its_config(tiny_model: Path, tmp_path: Path) -> None:
    offer = offer_of(str(tiny_model), tmp_path)
    assert (offer.entry.title, offer.present, offer.impossible) == (tiny_model.name, True, None)
    assert offer.entry.parameters == 258 * 32 + 2 * (32 * 32 * 2 + 32 * 16 * 2 + 3 * 32 * 64)
    assert not offer.entry.speaks("en")
    (tmp_path / "empty").mkdir()
    assert offer_of(str(tmp_path / "empty"), tmp_path).memory_bytes is None


def test_memory_grows_with_rows_rank_and_number_type() -> None:
    shape = Shape(30, 576, 1536, 9, 3, 64, 49152)
    usual = training_bytes(shape, Recipe(), 168)
    assert 1.6e9 < usual < 2.2e9  # measured: 1.8 GB
    assert training_bytes(shape, Recipe(), 400) > usual
    assert training_bytes(shape, Recipe(rank=128), 168) > usual
    assert training_bytes(shape, Recipe(first_layer=15), 168) < usual
    assert training_bytes(shape, Recipe(), 168, dtype="float32") > usual + shape.parameters * 2


def test_an_impossible_choice_is_a_sentence_that_says_what_to_do() -> None:
    shape = entry_named("Qwen/Qwen3-1.7B").shape
    assert shape is not None
    needed = training_bytes(shape)
    assert why_impossible(shape, needed, needed) is None
    assert "it may use 4.0 GB here. Choose a smaller" in str(why_impossible(shape, int(4e9), int(64e9)))
    assert "5.0 GB are free. Close other programs" in str(why_impossible(shape, int(64e9), int(5e9)))


def test_offers_say_what_fits_here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(catalogue, "machine_memory", lambda: MachineMemory(int(4e9), int(3e9)))
    fitting = [offer.entry.name for offer in offers(tmp_path) if offer.impossible is None]
    assert fitting[0] == DEFAULT_MODEL and "Qwen/Qwen3-1.7B" not in fitting
    assert len(offers(tmp_path)) == len(entries()) > len(fitting)
