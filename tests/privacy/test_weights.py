"""Weights of an archive are read strictly and written anew; what cannot be served here is told."""

import json

import pytest
import torch
from safetensors.torch import save

from privacy.archive_bringing import archive_bring
from privacy.archive_writing import archive_write
from questionnaires.models import Persona
from tests.engine.conftest import save_tiny_model
from training.models import PersonaModel

pytestmark = [pytest.mark.django_db, pytest.mark.slow]

MODULE = "base_model.model.model.layers.0.self_attn.q_proj"
WEIGHTS = {f"{MODULE}.lora_A.weight": torch.ones(2, 32), f"{MODULE}.lora_B.weight": torch.ones(32, 2)}


def silent(*_told):
    return None


@pytest.fixture
def archive(persona, settings, tmp_path):
    """Of a version over a tiny base model, with a GGUF that is not what its weights say."""
    settings.BASE_MODEL = str(save_tiny_model(tmp_path / "tiny"))
    settings.BASE_DIR_CACHE = tmp_path / "base"
    version = PersonaModel.objects.create(
        owner=persona.owner, persona=persona, number=1, name="one", base_model=settings.BASE_MODEL, format="chat",
        spoken_name="Ada", data_hash="", is_current=True,
    )  # fmt: skip
    version.folder.mkdir(parents=True)
    config = {"peft_type": "LORA", "r": 2, "lora_alpha": 4, "base_model_name_or_path": settings.BASE_MODEL}
    (version.folder / "adapter_config.json").write_text(json.dumps(config))
    (version.folder / "adapter_model.safetensors").write_bytes(save(dict(WEIGHTS)))
    (version.folder / "adapter.gguf").write_bytes(b"GGUF, or so it says")
    (version.folder / "result.json").write_text('{"origin": "trained", "loss": 1.5}')
    archive_write(owner=persona.owner, target=tmp_path / "all.zip", beat=silent)
    Persona.objects.all().delete()
    return tmp_path / "all.zip"


def test_weights_come_along_written_anew(archive, stranger):
    brought = archive_bring(path=archive, owner=stranger, beat=silent)
    assert brought.left_out == []
    folder = PersonaModel.objects.get(owner=stranger).folder
    assert json.loads((folder / "result.json").read_text()) == {"origin": "trained", "loss": 1.5}
    assert (folder / "adapter_model.safetensors").stat().st_size > 500
    gguf = folder / "adapter.gguf"
    assert not gguf.exists() or b"so it says" not in gguf.read_bytes()


def test_without_the_base_model_the_version_comes_alone(archive, stranger, settings):
    settings.BASE_MODEL = "smollm2-135m-instruct"
    brought = archive_bring(path=archive, owner=stranger, beat=silent)
    assert any("is not on this computer" in sentence for sentence in brought.left_out)
    version = PersonaModel.objects.get(owner=stranger)
    assert version.base_model == "tiny"
    assert not (version.folder / "adapter_model.safetensors").exists()
