"""How fast a data set leaves, and in how much memory: `python -m benchmarks.export [--rows N] [--formats F ...]`.

A million answers, those of the demo persona again and again with a number each, are written to a file in each format:
from the answers, rendered and encoded, to bytes on the disk. Beside it `datasets.to_json` writes the same rows, which
it gets rendered. Each has a process of its own, so that its peak memory is its own; `processor` is rows a second of
processor time, which a busy machine leaves comparable.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from typing import Any

import yaml

from engine.memory import peak_memory
from questionnaires.dataset.book import Context
from questionnaires.dataset.exports import FORMATS
from questionnaires.dataset.items import Item

PEER = "datasets.to_json"
ROWS = 1_000_000
DEMO = Path(__file__).parents[1] / "questionnaires" / "data" / "demo.yaml"


def answers() -> Iterator[Item]:
    """Without an end; each its own text."""
    told = yaml.safe_load(DEMO.read_text("utf-8"))["answers"]
    texts = [(slug.replace("-", " "), text.strip()) for slug, text in told.items()]
    number = 0
    while True:
        for question, text in texts:
            yield Item(f"{question}, {number}?", f"{text} {number}", ("Say it again?",), "en", question.split()[0])
            number += 1


def ours(name: str, rows: int, file: Path) -> dict[str, Any]:
    """Writes `rows` answers in a format of the product."""
    return _timed(rows, file, lambda: _write(name, rows, file))


def _write(name: str, rows: int, file: Path) -> None:
    pieces = FORMATS[name].write(islice(answers(), rows), Context("Connie", {}))
    with file.open("wb", buffering=1 << 20) as target:
        target.writelines(pieces)


def peer(rows: int, file: Path) -> dict[str, Any]:
    """datasets writes what it was given as an Arrow file on the disk, as it keeps any data set."""
    from datasets import Dataset, Features, Value

    def rendered() -> Iterator[dict[str, str]]:
        for item in islice(answers(), rows):
            yield {"prompt": f"Q: {item.question} ->", "completion": f" {item.answer}###"}

    features = Features({"prompt": Value("string"), "completion": Value("string")})
    table = Dataset.from_generator(rendered, features=features, cache_dir=str(file.parent))
    return _timed(rows, file, lambda: table.to_json(str(file)))


def _timed(rows: int, file: Path, write: Any) -> dict[str, Any]:
    started, busy = time.perf_counter(), time.process_time()
    write()
    seconds, processor = time.perf_counter() - started, time.process_time() - busy
    return {
        "rows_per_second": rows / seconds,
        "rows_per_processor_second": rows / processor,
        "megabytes": file.stat().st_size / 1e6,
        "peak_megabytes": peak_memory() / 1e6,
    }


def _alone(name: str, rows: int) -> dict[str, Any]:
    """The figures of one writer, in a process of its own."""
    command = [sys.executable, "-m", "benchmarks.export", "--one", name, "--rows", str(rows)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        raise SystemExit(f"{name} failed:\n{done.stderr[-2000:]}")
    figures: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return figures


def main() -> None:
    """Prints a table in Markdown."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=ROWS)
    parser.add_argument("--formats", nargs="+", default=["marker", "chat", "csv", "parquet"], choices=list(FORMATS))
    parser.add_argument("--one", help=argparse.SUPPRESS)
    wanted = parser.parse_args()
    if wanted.one:
        with tempfile.TemporaryDirectory() as folder:
            file = Path(folder) / "out"
            found = peer(wanted.rows, file) if wanted.one == PEER else ours(wanted.one, wanted.rows, file)
        print(json.dumps(found))
        return
    print(f"{wanted.rows:,} answers\n\n| | rows/s | processor | file, MB | peak memory, MB |\n|---|---|---|---|---|")
    for name in [*wanted.formats, PEER]:
        found = _alone(name, wanted.rows)
        cells = [f"{found['rows_per_second']:,.0f}", f"{found['rows_per_processor_second']:,.0f}"]
        cells += [f"{found['megabytes']:,.0f}", f"{found['peak_megabytes']:,.0f}"]
        print(f"| {name} | " + " | ".join(cells) + " |", flush=True)


if __name__ == "__main__":
    main()
