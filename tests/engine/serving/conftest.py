"""One server for all tests, started as a person would, with adapters of random weights beside the bundled model."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import gguf
import numpy as np
import openai
import pytest

from engine.base_models import DEFAULT_MODEL, BaseModel

BASE = DEFAULT_MODEL
MakeAdapter = Callable[..., Path]


def write_gguf(path: Path, seed: int, scale: float, layers: int = 30, width: int = 576) -> None:
    """A random LoRA on the attention's query and output matrices."""
    writer = gguf.GGUFWriter(path, "llama")
    writer.add_string("general.type", "adapter")
    writer.add_string("adapter.type", "lora")
    writer.add_float32("adapter.lora.alpha", 4.0)
    random = np.random.default_rng(seed)
    for layer in range(layers):
        for name in ("attn_q", "attn_output"):
            for part, shape in (("a", (4, width)), ("b", (width, 4))):
                values = (random.standard_normal(shape) * scale).astype(np.float16)
                writer.add_tensor(f"blk.{layer}.{name}.weight.lora_{part}", values)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()


@dataclass
class Running:
    """A server process and a client for it."""

    url: str
    models: Path
    process: subprocess.Popen[str]

    def client(self, key: str = "none") -> openai.OpenAI:
        return openai.OpenAI(base_url=f"{self.url}/v1", api_key=key, max_retries=0, timeout=60)

    def memory_mb(self) -> int:
        status = Path(f"/proc/{self.process.pid}/status").read_text()
        return int(status.split("VmRSS:")[1].split()[0]) // 1024


@pytest.fixture(scope="session")
def make_adapter() -> MakeAdapter:
    """Write a folder as a training job does: adapter for peft (here a stub) and for llama.cpp."""

    def make(folder: Path, seed: int = 0, scale: float = 0.15, **shape: int) -> Path:
        draft = folder.with_name(f".{folder.name}")
        draft.mkdir(parents=True)
        write_gguf(draft / "adapter.gguf", seed, scale, **shape)
        (draft / "adapter_config.json").write_text(json.dumps({"peft_type": "LORA", "base_model_name_or_path": BASE}))
        (draft / "adapter_model.safetensors").write_bytes(b"not read by llama.cpp")
        return draft.rename(folder)

    return make


@pytest.fixture(scope="session")
def start(real_model: BaseModel, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[..., Running]]:
    """Start a server on a free port; all of them are stopped at the end."""
    started: list[subprocess.Popen[str]] = []

    def run(models: Path, *extra: str) -> Running:
        log = tmp_path_factory.mktemp("log") / "serve.log"
        command = [sys.executable, "-m", "engine.serve", "--port", "0", "--models", str(models)]
        command += ["--cache", str(real_model.folder.parent), *extra]
        with log.open("w") as stderr:
            process = subprocess.Popen(
                command, stderr=stderr, text=True, env={**os.environ, "PYTHONPATH": str(Path.cwd())}
            )
        started.append(process)
        return Running(_wait_until_healthy(process, log), models, process)

    yield run
    for process in started:
        process.kill()
        process.wait()


@pytest.fixture(scope="session")
def server(
    start: Callable[..., Running], make_adapter: MakeAdapter, tmp_path_factory: pytest.TempPathFactory
) -> Running:
    """The server that tests share: two working adapters, `ann` and `ben`, and two broken ones."""
    models = tmp_path_factory.mktemp("adapters")
    make_adapter(models / "ann", seed=1)
    make_adapter(models / "ben", seed=2)
    (models / "unfinished").mkdir()
    with (make_adapter(models / "damaged", seed=3) / "adapter.gguf").open("r+b") as file:
        file.truncate(50_000)
    return start(models)


@pytest.fixture
def client(server: Running) -> openai.OpenAI:
    return server.client()


def _wait_until_healthy(process: subprocess.Popen[str], log: Path) -> str:
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        assert process.poll() is None, log.read_text()
        found = re.search(r"on (http://\S+)", log.read_text())
        if found and _healthy(found[1]):
            return found[1]
        time.sleep(0.1)
    raise AssertionError(f"The server did not start: {log.read_text()}")


def _healthy(url: str) -> bool:
    try:
        with urllib.request.urlopen(f"{url}/health", timeout=5) as response:
            return bool(response.status == 200)
    except (urllib.error.URLError, TimeoutError):
        return False
