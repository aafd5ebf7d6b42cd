"""The server against llama.cpp called directly, in turns on the same machine: `python benchmarks/serve.py`.

Both run the bundled base model (Q8_0) with a LoRA of rank 16 on all linear layers, the size that training makes, with
the same settings; the direct side has no HTTP, no scheduler and no stop sequences. Printed are medians over rounds,
their ratio, and how long a first token takes: with a new note of about 100 tokens, with a note seen before, and after
changing to another adapter. The random adapters make nonsense, which costs the same time as sense.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import re
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any

os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")  # as the server does, before llama.cpp is loaded
os.environ.setdefault("GOMP_SPINCOUNT", "1000")
ROOT = Path(__file__).parents[1]
sys.path.insert(0, str(ROOT))

import gguf  # noqa: E402
import numpy as np  # noqa: E402
import openai  # noqa: E402
import xllamacpp  # noqa: E402

from engine.base_models import DEFAULT_MODEL, BaseModel, resolve  # noqa: E402
from engine.serving.llama import BATCH, CONTEXT_LENGTH, SLOTS, decode_threads  # noqa: E402

RANK, LAYERS, WIDTH, KEYS, INNER = 16, 30, 576, 192, 1536
SHAPES = {
    "attn_q": (WIDTH, WIDTH),
    "attn_k": (KEYS, WIDTH),
    "attn_v": (KEYS, WIDTH),
    "attn_output": (WIDTH, WIDTH),
    "ffn_gate": (INNER, WIDTH),
    "ffn_up": (INNER, WIDTH),
    "ffn_down": (WIDTH, INNER),
}
NOTE = (
    "You are Nora. These are your own words: - {} years I lived in a small harbour town, where my father mended nets "
    "and my mother kept the ledger of the lighthouse; I left at nineteen to study plants, and I still write home every "
    "Sunday about the weather, the garden, what I have sown and what the snails have eaten since the week before."
)
Run = tuple[float, float]
"""Seconds to the first token; tokens a second after it."""


def write_adapter(folder: Path, seed: int) -> Path:
    folder.mkdir(parents=True)
    writer = gguf.GGUFWriter(folder / "adapter.gguf", "llama")
    writer.add_string("general.type", "adapter")
    writer.add_string("adapter.type", "lora")
    writer.add_float32("adapter.lora.alpha", float(RANK))
    random = np.random.default_rng(seed)
    for layer in range(LAYERS):
        for name, (rows, columns) in SHAPES.items():
            for part, shape in (("a", (RANK, columns)), ("b", (rows, RANK))):
                values = (random.standard_normal(shape) * 0.03).astype(np.float16)
                writer.add_tensor(f"blk.{layer}.{name}.weight.lora_{part}", values)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    (folder / "adapter_config.json").write_text(json.dumps({"peft_type": "LORA"}))
    (folder / "adapter_model.safetensors").touch()
    return folder


def messages(note: int) -> list[Any]:
    return [
        {"role": "system", "content": NOTE.format(note)},
        {"role": "user", "content": "Where did you grow up?"},
    ]


class Direct:
    """xllamacpp in this process, with nothing around it."""

    def __init__(self, base: BaseModel, folder: Path) -> None:
        values = xllamacpp.CommonParams()
        values.model.path = str(base.gguf)
        values.hostnames = [str(folder / "direct.sock")]
        values.n_ctx, values.n_parallel, values.kv_unified = CONTEXT_LENGTH * SLOTS, SLOTS, False
        values.n_batch = values.n_ubatch = BATCH
        values.cpuparams.n_threads, values.cpuparams_batch.n_threads = decode_threads(), os.cpu_count()
        values.warmup = values.fit_params = False
        values.cache_ram_mib = values.verbosity = 0
        values.lora_adapters = [xllamacpp.CommonAdapterLoraInfo(str(folder / "adapter.gguf"), 1.0)]
        self._server = xllamacpp.Server(values)

    def run(self, note: int, tokens: int) -> Run:
        times: list[float] = []
        started = time.perf_counter()

        def on_chunk(chunk: Any) -> None:
            if chunk["choices"][0]["delta"].get("content"):
                times.append(time.perf_counter() - started)

        body = {"messages": messages(note), "max_tokens": tokens, "temperature": 0, "ignore_eos": True, "stream": True}
        self._server.handle_chat_completions(body, on_chunk)
        return _run(times)


class Served:
    """The server, through OpenAI's SDK."""

    def __init__(self, url: str, pid: int) -> None:
        self._client = openai.OpenAI(base_url=f"{url}/v1", api_key="none", max_retries=0)
        self.pid = pid

    def run(self, model: str, note: int, tokens: int) -> Run:
        times: list[float] = []
        started = time.perf_counter()
        stream: Any = self._client.chat.completions.create(
            model=model,
            messages=messages(note),
            max_tokens=tokens,
            temperature=0,
            stream=True,
            extra_body={"ignore_eos": True},
        )
        for chunk in stream:
            if chunk.choices and chunk.choices[0].delta.content:
                times.append(time.perf_counter() - started)
        return _run(times)

    def memory_mb(self) -> int:
        status = Path(f"/proc/{self.pid}/status").read_text()
        return int(status.split("VmRSS:")[1].split()[0]) // 1024


def cpu_seconds(pid: int) -> float:
    """Processor time that a process has used; unlike tokens a second it hardly depends on what else is running."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def _run(times: list[float]) -> Run:
    return times[0], (len(times) - 1) / (times[-1] - times[0]) if len(times) > 1 else 0.0


@contextmanager
def serving(models: Path, cache: Path) -> Iterator[Served]:
    command = [sys.executable, "-m", "engine.serve", "--port", "0", "--models", str(models), "--cache", str(cache)]
    with subprocess.Popen(command, cwd=ROOT, stderr=subprocess.PIPE, text=True) as process:
        assert process.stderr is not None
        line = process.stderr.readline()
        found = re.search(r"on (http://\S+)", line)
        if found is None:
            raise SystemExit(line + process.stderr.read())
        try:
            time.sleep(4)  # the server loads the adapters it finds while it is idle
            yield Served(found[1], process.pid)
        finally:
            process.terminate()


def measure(base: BaseModel, models: Path, served: Served, rounds: int, tokens: int) -> dict[str, list[float]]:
    direct = Direct(base, models / "ann")
    note = iter(range(10**6))
    found: dict[str, list[float]] = {}

    def add(name: str, work: Callable[[], Run], value: int) -> None:
        found.setdefault(name, []).append(work()[value])

    served.run("ann", next(note), 8)
    direct.run(next(note), 8)
    for _ in range(rounds):
        before = cpu_seconds(os.getpid())
        add("direct decode", lambda: direct.run(next(note), tokens), 1)
        found.setdefault("direct cpu", []).append((cpu_seconds(os.getpid()) - before) / tokens)
        before = cpu_seconds(served.pid)
        add("server decode", lambda: served.run("ann", next(note), tokens), 1)
        found.setdefault("server cpu", []).append((cpu_seconds(served.pid) - before) / tokens)
        found.setdefault("server decode, two together", []).append(two_together(served, next(note), next(note), tokens))
        add("direct first", lambda: direct.run(next(note), 1), 0)
        add("server first", lambda: served.run("ann", next(note), 1), 0)
        served.run("ann", -1, 1)
        add("server first, note seen", lambda: served.run("ann", -1, 1), 0)
        add("server first, other adapter", lambda: served.run("ben", next(note), 1), 0)
    for place in range(min(rounds, 5)):
        name = write_adapter(models / f"new-{place}", 10 + place).name
        add("server first, adapter never loaded", lambda name=name: served.run(name, next(note), 1), 0)  # type: ignore[misc]
    return found


def two_together(served: Served, first: int, second: int, tokens: int) -> float:
    """Tokens a second of both replies, their prompts included."""
    started = time.perf_counter()
    with ThreadPoolExecutor(2) as pool:
        list(pool.map(lambda note: served.run("ann", note, tokens), (first, second)))
    return 2 * tokens / (time.perf_counter() - started)


def report(found: dict[str, list[float]], memory: int) -> None:
    cpu = next((line.partition(":")[2].strip() for line in _cpu_lines() if line.startswith("model name")), "")
    print(f"{cpu or platform.processor()}, {os.cpu_count()} cores, load {os.getloadavg()[0]:.1f}")
    for name, values in found.items():
        unit, digits = (
            ("tokens/s", 1) if "decode" in name else ("s a token, prompt included", 4) if "cpu" in name else ("s", 3)
        )
        low, high = min(values), max(values)
        print(f"{name:<36}{statistics.median(values):8.{digits}f} {unit}   ({low:.{digits}f} to {high:.{digits}f})")
    ratio = statistics.median(
        server / direct for server, direct in zip(found["server decode"], found["direct decode"], strict=True)
    )
    print(f"{'decode, server / direct':<36}{ratio:8.2f}   (median of {len(found['server decode'])} pairs)")
    print(f"{'memory of the server (RSS)':<36}{memory:8d} MB   (base model and 4 adapters)")


def _cpu_lines() -> list[str]:
    file = Path("/proc/cpuinfo")
    return file.read_text().splitlines() if file.is_file() else []


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--tokens", type=int, default=96)
    parser.add_argument("--cache", type=Path, default=ROOT / "var" / "base", help="folder for the converted base model")
    options = parser.parse_args()
    base = resolve(DEFAULT_MODEL, options.cache)
    with tempfile.TemporaryDirectory() as folder:
        models = Path(folder)
        for seed, name in enumerate(("ann", "ben")):
            write_adapter(models / name, seed)
        with serving(models, options.cache) as served:
            found = measure(base, models, served, options.rounds, options.tokens)
            report(found, served.memory_mb())


if __name__ == "__main__":
    main()
