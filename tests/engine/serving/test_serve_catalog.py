"""Folders become models, and broken ones a sentence."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from engine.serving.catalog import Catalog
from engine.serving.errors import ApiError


def write(folder: Path, config: object = None, leave_out: str = "") -> Path:
    folder.mkdir(parents=True)
    content = config if isinstance(config, str) else json.dumps(config or {"peft_type": "LORA"})
    for name, text in (("adapter_config.json", content), ("adapter_model.safetensors", "x"), ("adapter.gguf", "x")):
        if name != leave_out:
            (folder / name).write_text(text)
    return folder


@pytest.fixture
def catalog(tmp_path: Path) -> Catalog:
    return Catalog(tmp_path, "base", "adapter.gguf")


def sentence(catalog: Catalog, name: str) -> tuple[int, str]:
    with pytest.raises(ApiError) as caught:
        catalog.find(name)
    return caught.value.status, caught.value.message


def test_folders_come_and_go_without_a_restart(catalog: Catalog, tmp_path: Path) -> None:
    assert catalog.names() == ["base"]
    assert catalog.find("base") is None
    folder = write(tmp_path / "ann")
    found = catalog.find("ann")
    assert found is not None
    assert found.folder == folder
    shutil.rmtree(folder)
    assert sentence(catalog, "ann") == (404, "The model “ann” does not exist. There are: “base”.")


def test_a_replaced_folder_is_another_adapter(catalog: Catalog, tmp_path: Path) -> None:
    write(tmp_path / "ann")
    before = catalog.find("ann")
    shutil.rmtree(tmp_path / "ann")
    write(tmp_path / "ann")
    assert catalog.find("ann") != before


def test_names_lead_nowhere_else(catalog: Catalog, tmp_path: Path) -> None:
    write(tmp_path.parent / f"{tmp_path.name}-outside")
    write(tmp_path / ".draft")
    (tmp_path / "file").touch()
    for name in (f"../{tmp_path.name}-outside", ".", "..", ".draft", "file", str(tmp_path)):
        assert sentence(catalog, name)[0] == 404


@pytest.mark.parametrize(
    ("config", "leave_out", "words"),
    [
        (None, "adapter.gguf", "no adapter.gguf"),
        (None, "adapter_model.safetensors", "no adapter_model.safetensors"),
        (None, "adapter_config.json", "no adapter_config.json"),
        ("{", "", "not readable JSON"),
        ("[" * 100_000, "", "not readable JSON"),
        ([1], "", "no LoRA adapter"),
        ({"peft_type": "IA3"}, "", "no LoRA adapter"),
        ({"peft_type": "LORA", "base_model_name_or_path": "org/other"}, "", "trained on “org/other”"),
    ],
)
def test_a_broken_folder_says_why(catalog: Catalog, tmp_path: Path, config: object, leave_out: str, words: str) -> None:
    write(tmp_path / "bad", config, leave_out)
    write(tmp_path / "good")
    status, message = sentence(catalog, "bad")
    assert status == 422
    assert words in message
    assert [one.name for one in catalog.usable()] == ["good"]


def test_what_the_runtime_refused_is_remembered_until_it_changes(catalog: Catalog, tmp_path: Path) -> None:
    adapter = catalog.find(write(tmp_path / "ann").name)
    assert adapter is not None
    catalog.reject(adapter, "it is damaged.")
    assert sentence(catalog, "ann") == (422, "The model “ann” cannot be served: it is damaged.")
    (tmp_path / "ann" / "adapter.gguf").write_text("whole again")
    assert catalog.find("ann") is not None
