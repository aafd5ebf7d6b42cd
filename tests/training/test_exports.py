"""Versions on their way out, and adapters on their way in, as a visitor does it."""

import json
import subprocess
import uuid
import zipfile
from io import BytesIO

import pytest
import torch
from asgiref.sync import async_to_sync
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import AsyncClient
from django.urls import reverse
from safetensors.torch import save

from tests.engine.conftest import save_tiny_model
from training import exports, tasks
from training.models import PersonaModel
from training.versions import version_publish_imported

pytestmark = pytest.mark.django_db

MODULE = "base_model.model.model.layers.0.self_attn.q_proj"
WEIGHTS = {f"{MODULE}.lora_A.weight": torch.ones(2, 32), f"{MODULE}.lora_B.weight": torch.ones(32, 2)}


@pytest.fixture(autouse=True)
def places(settings, tmp_path):
    settings.DATA_DIR, settings.BASE_DIR_CACHE = tmp_path, tmp_path / "base"


@pytest.fixture(scope="module")
def tiny(tmp_path_factory):
    return save_tiny_model(tmp_path_factory.mktemp("models") / "tiny")


def adapter_zip(base, weights=WEIGHTS):
    config = {"peft_type": "LORA", "r": 2, "lora_alpha": 4, "base_model_name_or_path": str(base)}
    content = BytesIO()
    with zipfile.ZipFile(content, "w") as archive:
        archive.writestr("adapter_config.json", json.dumps(config))
        archive.writestr("adapter_model.safetensors", save(dict(weights)))
    return SimpleUploadedFile("adapter.zip", content.getvalue(), "application/zip")


@pytest.fixture
def imported(persona, settings, tiny):
    """A version as an import leaves it."""
    key = uuid.uuid4()
    folder = settings.MODELS_DIR / str(key)
    with zipfile.ZipFile(adapter_zip(tiny)) as archive:
        archive.extractall(folder)
    (folder / "result.json").write_text('{"origin": "imported"}')
    return version_publish_imported(persona=persona, key=key, base_model=str(tiny), format="chat")


def where(version, name, *more):
    return reverse(name, args=(version.persona_id, version.pk, *more))


def test_an_uploaded_adapter_becomes_the_version_in_use(persona, visitor, settings, tiny):
    settings.BASE_MODEL = str(tiny)
    fields = {"file": adapter_zip(tiny), "base_model": str(tiny), "format": "chat"}
    page = visitor.post(reverse("version_import", args=(persona.pk,)), fields, follow=True).content.decode()
    version = PersonaModel.objects.get()
    assert ">imported</span>" in page
    assert ">imported</span>" in visitor.get(reverse("train", args=(persona.pk,))).content.decode()
    assert (version.run, version.is_current, version.base_model) == (None, True, str(tiny))
    assert version.figures["origin"] == "imported"
    assert version.name.startswith("ada-imported-")
    assert {"adapter_config.json", "adapter_model.safetensors"} <= {file.name for file in version.folder.iterdir()}


@pytest.mark.parametrize(
    ("weights", "sentence"),
    [
        ({}, "is empty"),
        ({f"{MODULE}.lora_A.weight": torch.ones(2, 8), f"{MODULE}.lora_B.weight": torch.ones(8, 2)}, "another base"),
    ],
)
def test_an_adapter_that_does_not_fit_leaves_no_version(persona, visitor, settings, tiny, weights, sentence):
    settings.BASE_MODEL = str(tiny)
    fields = {"file": adapter_zip(tiny, weights), "base_model": str(tiny), "format": "marker"}
    reply = visitor.post(reverse("version_import", args=(persona.pk,)), fields)
    assert reply.status_code == 400
    assert sentence in reply.content.decode()
    assert '<option value="marker" selected>' in reply.content.decode()
    assert not PersonaModel.objects.exists()
    assert not settings.MODELS_DIR.exists() or not list(settings.MODELS_DIR.iterdir())


def test_an_upload_without_a_file_too_large_or_of_another_base_is_refused(persona, visitor, monkeypatch):
    from training import adapter_import

    address = reverse("version_import", args=(persona.pk,))
    assert "Choose a file first." in visitor.post(address).content.decode()
    other = visitor.post(address, {"file": adapter_zip("x"), "base_model": "/etc", "format": "chat"})
    assert "one of the base models of the list" in other.content.decode()
    monkeypatch.setattr(adapter_import, "MOST_BYTES", 10)
    base = adapter_import.bases_of(persona)[0]
    large = visitor.post(address, {"file": adapter_zip("x"), "base_model": base, "format": "chat"})
    assert large.status_code == 413


def test_a_file_is_asked_for_made_by_the_worker_and_downloaded(imported, visitor, no_broker):
    assert visitor.get(where(imported, "version_export_file", "peft")).status_code == 404
    assert visitor.post(where(imported, "version_export", "peft")).status_code == 302
    assert no_broker == [("training.tasks.make_export", str(imported.pk), "peft")]
    assert "is being made" in visitor.get(where(imported, "version")).content.decode()
    tasks.make_export(str(imported.pk), "peft")
    page = visitor.get(where(imported, "version")).content.decode()
    assert "is being made" not in page
    assert where(imported, "version_export_file", "peft") in page

    async def download(owner, address):
        client = AsyncClient()
        await client.aforce_login(owner)
        reply = await client.get(address)
        return reply, b"".join([piece async for piece in reply.streaming_content])

    reply, content = async_to_sync(download)(imported.owner, where(imported, "version_export_file", "peft"))
    assert reply["Content-Disposition"] == 'attachment; filename="ada-version-1-peft.zip"'
    assert int(reply["Content-Length"]) == len(content)
    with zipfile.ZipFile(BytesIO(content)) as archive:
        assert archive.namelist() == ["adapter_config.json", "adapter_model.safetensors"]


@pytest.mark.parametrize(
    ("code", "words", "told"),
    [
        (2, "converting 3%\nThe adapter is damaged: save it again.\n", "The adapter is damaged: save it again."),
        (1, "Traceback: secret", "The file could not be made."),
    ],
)
def test_a_failure_is_told_and_can_be_tried_again(imported, visitor, no_broker, monkeypatch, code, words, told):
    def run(command, **_options):
        return subprocess.CompletedProcess(command, code, "", words)

    monkeypatch.setattr(exports.subprocess, "run", run)
    visitor.post(where(imported, "version_export", "safetensors"))
    tasks.make_export(str(imported.pk), "safetensors")
    page = visitor.get(where(imported, "version")).content.decode()
    assert told in page
    assert "Traceback" not in page
    assert "Try again" in page


def test_without_a_broker_nothing_is_promised(imported, visitor, monkeypatch):
    monkeypatch.setattr(tasks, "_publish", lambda *_: False)
    page = visitor.post(where(imported, "version_export", "peft"), follow=True).content.decode()
    assert "The worker cannot be reached just now" in page
    assert "is being made" not in page


def test_a_worker_that_was_lost_is_not_waited_for_forever(imported, monkeypatch):
    exports.export_ask(version=imported, kind="peft")
    assert [each.kind for each in exports.exports_of(imported) if each.under_way] == ["peft"]
    now = exports.time.time()
    monkeypatch.setattr(exports.time, "time", lambda: now + exports.LOST_SECONDS)
    assert not any(each.under_way for each in exports.exports_of(imported))


def test_unknown_kinds_are_not_found(imported, visitor):
    (imported.folder / "adapter.gguf").unlink(missing_ok=True)
    for kind in ("pickle", "gguf"):
        assert visitor.post(where(imported, "version_export", kind)).status_code == 404
        assert visitor.get(where(imported, "version_export_file", kind)).status_code == 404


def test_files_go_with_their_version_and_after_a_day(
    imported, visitor, django_capture_on_commit_callbacks, monkeypatch
):
    file = exports.file_of(imported, "peft")
    file.write_bytes(b"x")
    exports.export_ask(version=imported, kind="safetensors")
    assert file.exists()
    now = exports.time.time()
    monkeypatch.setattr(exports.time, "time", lambda: now + exports.KEPT_SECONDS + 60)
    exports.export_ask(version=imported, kind="safetensors")
    assert not file.exists()
    with django_capture_on_commit_callbacks(execute=True):
        visitor.post(where(imported, "version_delete"))
    assert not file.parent.exists()


def test_the_card_asks_outside_as_the_chat_asks(imported):
    assert exports.card_of(imported)["system"] == "You are Ada."
    assert exports.card_of(imported)["stop"] == ["<|im_end|>"]
    imported.format = "marker"
    assert exports.card_of(imported)["prompt"] == "Q: {question} ->{reply}###"
