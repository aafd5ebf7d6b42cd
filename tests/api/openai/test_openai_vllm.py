"""A fine-tuned model asked for through the door is answered by a vLLM server where there is one."""

import pytest

from api.openai.model_names import EMBEDDING_MODEL, name_of_version
from tests.training.test_engines import VllmHandler, serving
from training import engines, vllm
from training.models import PersonaModel

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def gpu(settings):
    engines._seen.clear()
    vllm._loaded.clear()
    with serving(VllmHandler) as fake:
        settings.VLLM_URLS, settings.VLLM_MODELS_DIR = [fake.url], "/versions"
        yield fake


@pytest.fixture
def version(persona):
    return PersonaModel.objects.create(
        owner=persona.owner, persona=persona, number=1, name="v1", base_model="base", format="chat",
        spoken_name="Ada", data_hash="0" * 64,
    )  # fmt: skip


def words(client, version):
    model = name_of_version(version)
    said = [{"role": "user", "content": "Go on"}]
    stream = client.chat.completions.create(model=model, messages=said, stream=True)
    return "".join(chunk.choices[0].delta.content or "" for chunk in stream if chunk.choices)


def test_vllm_loads_the_version_once_and_writes(client, engine, gpu, version):
    for _turn in range(2):
        assert words(client, version) == "I grew up by the sea."
    asked = [{"lora_name": str(version.pk), "lora_path": f"/versions/{version.pk}"}]
    assert gpu.bodies("/v1/load_lora_adapter") == asked
    assert not engine.requests


def test_the_sites_own_server_answers_what_vllm_cannot(client, engine, gpu, version, monkeypatch):
    monkeypatch.setattr(vllm, "LOOK_SECONDS", 0.01)
    gpu.folder = "/elsewhere"
    assert words(client, version) == "Once upon a time"
    gpu.folder = "/versions"
    gpu.status["/v1/chat/completions"] = 404  # it began anew and has forgotten the version
    assert words(client, version) == "Once upon a time"
    gpu.status.clear()
    assert words(client, version) == "I grew up by the sea."
    assert len(gpu.bodies("/v1/load_lora_adapter")) == vllm.LOOKS + 2


def test_texts_are_embedded_by_the_sites_own_server(client, engine, gpu):
    client.embeddings.create(model=EMBEDDING_MODEL, input="Where?")
    assert [path for path, _body in engine.requests] == ["/v1/embeddings"] and not gpu.requests
