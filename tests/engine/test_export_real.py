"""Exports of a really trained adapter are used as others would use them, and say what the chat says."""

from __future__ import annotations

import json
import socket
import subprocess
import sys
import time
import urllib.request
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from engine.base_models import BaseModel
from engine.serving.chat_template import ChatTemplate
from tests.engine.job_folder import JobFolder, chat_row

pytestmark = [
    pytest.mark.slow,
    pytest.mark.timeout(900),
    pytest.mark.filterwarnings("ignore:.is_gradient_checkpointing:FutureWarning"),
]

PROMPTS, TOKENS = 20, 24
SYSTEM = "You are Ada."


@pytest.fixture(scope="module")
def trained(real_model: BaseModel, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A models' folder with one version, of a few rows."""
    folder = tmp_path_factory.mktemp("work")
    overrides = {"epochs": 3, "check_replies": 0, "evaluations_per_epoch": 1}
    job = JobFolder(folder / "job", real_model.name, real_model.folder.parent, overrides=overrides)
    subprocess.run([sys.executable, "-m", "engine.train", str(job.write())], check=True, stderr=subprocess.DEVNULL)
    (folder / "models").mkdir()
    (job.folder / "output").rename(folder / "models" / "ada")
    return folder / "models"


@pytest.fixture(scope="module")
def questions() -> list[list[dict[str, str]]]:
    """Half of them with a note, as chat asks."""
    asked = []
    for number in range(PROMPTS):
        answer = f"I have {number} cats and {number + 3} pianos."
        row = chat_row(f"What about number {number}, really?", answer, answer if number % 2 else "")
        asked.append(row["messages"][:-1])
    return asked


def take(trained: Path, real_model: BaseModel, to: str, folder: Path) -> Path:
    """The export, unpacked."""
    card = folder / "card.json"
    card.write_text(json.dumps({"title": "Ada", "system": SYSTEM, "stop": ["<|im_end|>"]}))
    out = folder / f"{to}.zip"
    options = ["--to", to, "--out", str(out), "--cache", str(real_model.folder.parent), "--card", str(card)]
    subprocess.run([sys.executable, "-m", "engine.export", str(trained / "ada"), *options], check=True)
    with zipfile.ZipFile(out) as archive:
        archive.extractall(folder / to)
    return folder / to


class Server:
    """The engine's own, over HTTP."""

    def __init__(self, models: Path, cache: Path) -> None:
        with socket.create_server(("127.0.0.1", 0)) as listener:
            self.url = f"http://127.0.0.1:{listener.getsockname()[1]}"
        address = ["--host", "127.0.0.1", "--port", self.url.rpartition(":")[2]]
        options = [*address, "--models", str(models), "--cache", str(cache)]
        self.process = subprocess.Popen([sys.executable, "-m", "engine.serve", *options], stderr=subprocess.DEVNULL)

    def reply(self, messages: list[dict[str, str]]) -> str:
        body = {"model": "ada", "messages": messages, "temperature": 0, "max_tokens": TOKENS, "stop": ["<|im_end|>"]}
        return str(self._post("/v1/chat/completions", body)["choices"][0]["message"]["content"])

    def _post(self, path: str, body: dict[str, Any]) -> Any:
        request = urllib.request.Request(self.url + path, json.dumps(body).encode())
        request.add_header("Content-Type", "application/json")
        with urllib.request.urlopen(request, timeout=120) as answer:
            return json.load(answer)

    def wait(self) -> None:
        for _look in range(600):
            try:
                urllib.request.urlopen(self.url + "/health", timeout=2)
            except OSError:
                assert self.process.poll() is None
                time.sleep(0.1)
            else:
                return
        raise AssertionError("The server did not start.")


@pytest.fixture(scope="module")
def said(trained: Path, real_model: BaseModel, questions: list[list[dict[str, str]]]) -> Iterator[list[str]]:
    """What the engine's server answers to each."""
    server = Server(trained, real_model.folder.parent)
    try:
        server.wait()
        replies = [server.reply(messages) for messages in questions]
    finally:
        server.process.terminate()
        server.process.wait(30)
    assert len(set(replies)) > PROMPTS // 2  # it does not say the same to everything
    yield replies


def greedy(base: Path, adapter: Path, prompts: list[str]) -> list[str]:
    """The most likely replies of llama.cpp, with the key cache in 8 bits, as the export's README advises."""
    import xllamacpp

    parameters = xllamacpp.CommonParams()
    parameters.model.path, parameters.n_ctx, parameters.verbosity = str(base), 2048, 0
    parameters.cache_type_k = 8  # GGML_TYPE_Q8_0
    # Two threads wait for each other, which takes minutes on a busy machine.
    parameters.cpuparams.n_threads = parameters.cpuparams_batch.n_threads = 1
    parameters.lora_adapters = [xllamacpp.CommonAdapterLoraInfo(str(adapter), 1.0)]
    server = xllamacpp.Server(parameters)
    asked = ({"prompt": prompt, "n_predict": TOKENS, "temperature": 0} for prompt in prompts)
    return [server.handle_completions(request)["choices"][0]["text"] for request in asked]


def test_the_gguf_says_in_llama_cpp_what_the_chat_says(
    trained: Path, real_model: BaseModel, questions: list[list[dict[str, str]]], said: list[str], tmp_path: Path
) -> None:
    folder = take(trained, real_model, "gguf", tmp_path)
    assert f'SYSTEM """{SYSTEM}"""' in (folder / "Modelfile").read_text()
    template = ChatTemplate(real_model.folder)
    prompts = [template.render(messages) for messages in questions]
    assert greedy(folder / "model.gguf", folder / "adapter.gguf", prompts) == said


def test_peft_and_the_merged_model_compute_the_same_in_plain_transformers(
    trained: Path, real_model: BaseModel, questions: list[list[dict[str, str]]], tmp_path: Path
) -> None:
    """Logits of merged float16 weights are within 0.1 of peft's (0.04 was measured), and no likeliest token differs
    where peft's own lead is larger than that.
    """
    import torch
    from peft import PeftModel
    from transformers import AutoModelForCausalLM, AutoTokenizer

    torch.set_num_threads(1)
    adapter = take(trained, real_model, "peft", tmp_path)
    whole = take(trained, real_model, "safetensors", tmp_path)
    tokenizer = AutoTokenizer.from_pretrained(whole)
    base = AutoModelForCausalLM.from_pretrained(real_model.folder, dtype="float32")
    tuned = PeftModel.from_pretrained(base, adapter)
    merged = AutoModelForCausalLM.from_pretrained(whole, dtype="float32")
    for messages in questions[:3]:
        text = tokenizer.apply_chat_template(messages, tokenize=False, add_generation_prompt=True)
        ids = tokenizer(text + "I have 3 cats and 6 pianos.", return_tensors="pt", add_special_tokens=False)
        with torch.inference_mode():
            wanted, found = tuned(**ids).logits[0], merged(**ids).logits[0]
        assert (wanted - found).abs().max() < 0.1
        lead = wanted.topk(2).values
        sure = lead[:, 0] - lead[:, 1] > 0.2
        assert torch.equal(wanted.argmax(-1)[sure], found.argmax(-1)[sure])


def test_an_adapter_that_was_taken_out_and_brought_in_says_the_same(
    trained: Path, real_model: BaseModel, questions: list[list[dict[str, str]]], said: list[str], tmp_path: Path
) -> None:
    """From the adapter.gguf that the import made of the safetensors."""
    from engine.export import main
    from engine.importing import import_adapter

    assert main([str(trained / "ada"), "--to", "peft", "--out", str(tmp_path / "ada.zip")]) == 0
    import_adapter(tmp_path / "ada.zip", tmp_path / "again", real_model)
    template = ChatTemplate(real_model.folder)
    some = list(zip(questions, said, strict=True))[:4]
    prompts = [template.render(messages) for messages, _reply in some]
    assert real_model.gguf is not None
    assert greedy(real_model.gguf, tmp_path / "again" / "adapter.gguf", prompts) == [reply for _messages, reply in some]
