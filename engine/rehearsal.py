"""Tries a base model on this machine: two steps of training on the longest rows, in a process of its own.

`python -m engine.rehearsal --base-model NAME --cache DIR [--rows train.jsonl] --json` prints one object:
`tokens_per_second`, `peak_memory_bytes`, `dtype`, `device`, `machine`. Nothing is kept. It ends with the exit code of
engine.train and, unless that is 0, its sentence on stderr.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import re
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from engine.base_models import DEFAULT_MODEL
from engine.errors import EXIT_BAD_INPUT, BadInput, TrainingError
from engine.job import Row, read_rows

STEPS = 2
"""The first step warms up (memory is touched, kernels are made); the last one is timed."""
TIMEOUT_SECONDS = 900.0
# Rows longer than this many characters are tried two at a time, one to a core: memory is the same, time is halved.
_LONG_ROW = 1200
# What a row of the product comes to: a note, a question and an answer, 170 tokens of English.
_TYPICAL: Row = {
    "prompt": "You are Ada. These are your own words:\n- " + "I tune pianos and I like it very much. " * 8
    + "\nQ: What do you do all day, and why do you go on with it after so many years? ->",
    "completion": " I tune pianos, because I like it very much when a room begins to sound as it should." * 2 + "###",
}  # fmt: skip


@dataclass(frozen=True)
class Rehearsal:
    """What two steps of training came to."""

    tokens_per_second: float
    peak_memory_bytes: int
    """The most that the process held at once (resident set)."""
    dtype: str
    device: str
    machine: str


class RehearsalFailed(TrainingError):
    """The child process did not train; the message is a sentence, `code` its exit code."""

    def __init__(self, message: str, code: int) -> None:
        super().__init__(message)
        self.code = code


def rehearse(
    base_model: str,
    cache_dir: Path,
    rows: Sequence[Row] = (),
    timeout: float = TIMEOUT_SECONDS,
    memory_limit: int | None = None,
) -> Rehearsal:
    """Train two steps on the longest of `rows` (typical ones if there are none). Raises RehearsalFailed.

    `timeout` in seconds, `memory_limit` in bytes, as in job.json.
    """
    _run([sys.executable, "-m", "engine.base_models", "--cache", str(cache_dir), "--model", base_model], timeout)
    with tempfile.TemporaryDirectory(prefix="rehearsal-") as name:
        folder = Path(name)
        _write_job(folder, base_model, cache_dir, rows or [_TYPICAL], memory_limit)
        _run([sys.executable, "-m", "engine.train", str(folder), "--die-with-parent"], timeout)
        return _read(folder / "progress.jsonl")


def machine_name() -> str:
    """The processor and the cores that this process may use, such as “AMD EPYC, 2 cores”."""
    try:
        info = Path("/proc/cpuinfo").read_text(encoding="utf-8")
    except OSError:
        info = ""
    found = re.search(r"^model name\s*: (.+)$", info, re.MULTILINE)
    processor = found[1].strip() if found else platform.processor() or platform.machine()
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return f"{processor}, {cores} core{'' if cores == 1 else 's'}"


def _write_job(
    folder: Path, base_model: str, cache_dir: Path, rows: Sequence[Row], memory_limit: int | None = None
) -> None:
    ordered = sorted(rows, key=_characters, reverse=True)
    batch_rows = 4 if _characters(ordered[0]) <= _LONG_ROW else 2
    tried = [ordered[number % len(ordered)] for number in range(STEPS * batch_rows)]
    overrides = {"epochs": 1, "batch_rows": batch_rows, "check_replies": 0, "sample_count": 0}
    settings: dict[str, Any] = {"base_model": base_model, "cache_dir": str(cache_dir.absolute())}
    settings |= {"overrides": overrides, "memory_limit_bytes": memory_limit}
    (folder / "job.json").write_text(json.dumps(settings), encoding="utf-8")
    text = "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in tried)
    (folder / "train.jsonl").write_text(text, encoding="utf-8")


def _characters(row: Row) -> int:
    texts = [message["content"] for message in row["messages"]] if "messages" in row else row.values()
    return sum(len(text) for text in texts if isinstance(text, str))


def _run(command: list[str], timeout: float) -> None:
    try:
        done = subprocess.run(
            command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True, timeout=timeout, check=False
        )
    except subprocess.TimeoutExpired:
        sentence = f"Two steps of training took more than {timeout / 60:.0f} minutes. Choose a smaller base model."
        raise RehearsalFailed(sentence, 1) from None
    if done.returncode < 0:
        sentence = "The trial was ended from outside, most likely for want of memory. Choose a smaller base model."
        raise RehearsalFailed(sentence, 1)
    if done.returncode:
        lines = done.stderr.strip().splitlines() or ["The trial failed without a reason."]
        raise RehearsalFailed(lines[-1], done.returncode)


def _read(progress: Path) -> Rehearsal:
    events: list[dict[str, Any]] = [json.loads(line) for line in progress.read_text(encoding="utf-8").splitlines()]
    steps = [event for event in events if event["event"] == "step"]
    result = next(event["result"] for event in events if event["event"] == "done")
    before, last = steps[-2], steps[-1]
    tokens = last["tokens_per_second"] * last["seconds"] - before["tokens_per_second"] * before["seconds"]
    return Rehearsal(
        tokens_per_second=round(tokens / max(last["seconds"] - before["seconds"], 1e-3), 1),
        peak_memory_bytes=result["peak_memory_bytes"],
        dtype=result["dtype"],
        device=result.get("device", "cpu"),
        machine=machine_name(),
    )


def _sentence(found: Rehearsal) -> str:
    speed, gigabytes = f"{found.tokens_per_second:.0f} tokens/s", f"{found.peak_memory_bytes / 1e9:.1f} GB"
    return f"{speed}, {gigabytes}, {found.dtype} on {found.device} ({found.machine})"


def main(arguments: list[str] | None = None) -> int:
    """Print how fast and in how much memory a base model trains here; 0, or engine.train's code after a sentence."""
    parser = argparse.ArgumentParser(prog="python -m engine.rehearsal", description=main.__doc__)
    parser.add_argument("--base-model", default=DEFAULT_MODEL, help="bundled name, folder or hub name (%(default)s)")
    parser.add_argument("--cache", type=Path, required=True, help="folder for converted and downloaded models")
    parser.add_argument("--rows", type=Path, help="rows whose longest are tried (default: typical ones)")
    parser.add_argument("--timeout", type=float, default=TIMEOUT_SECONDS, help="seconds (default: %(default)s)")
    parser.add_argument("--memory-limit", type=int, help="bytes that it may use (default: what the machine has)")
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    options = parser.parse_args(arguments)
    try:
        rows = read_rows(options.rows) if options.rows else []
        found = rehearse(options.base_model, options.cache, rows, options.timeout, options.memory_limit)
    except RehearsalFailed as error:
        print(error, file=sys.stderr)
        return error.code
    except BadInput as error:
        print(error, file=sys.stderr)
        return EXIT_BAD_INPUT
    gigabytes = found.peak_memory_bytes / 1e9
    sentence = (
        f"{found.tokens_per_second} tokens/s, {gigabytes:.1f} GB, {found.dtype} on {found.device} ({found.machine})"
    )
    print(json.dumps(asdict(found)) if options.json else sentence)
    return 0


if __name__ == "__main__":
    sys.exit(main())
