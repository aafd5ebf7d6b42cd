"""People who save every few seconds, at the product's web server."""

import argparse
import asyncio
import os
import time
from pathlib import Path
from typing import Any

from benchmarks.loading.watch import Watch
from benchmarks.save import make_authors, prepare, serving
from benchmarks.saving.authors import Author, Outcome, write_all
from scripts.faults.site import free_port

WARM_SECONDS = 15.0
PATIENCE_SECONDS = 10.0  # beyond the end, for a server that does not keep up


def measure(options: argparse.Namespace, folder: Path, url: str) -> dict[str, Any]:
    """Figures of `options.authors` people at `options.web` processes over the database at `url`, or SQLite."""
    port = free_port()
    os.environ["WEB_PROCESSES"] = str(options.web)
    prepare(folder, port, url)
    authors = make_authors(options.authors)
    with serving("persona_site.asgi:application", port) as process:
        return under_load(authors, port, process.pid, options.seconds, options.interval)


def under_load(authors: list[Author], port: int, pid: int, seconds: float, interval: float) -> dict[str, Any]:
    """Warm first: each author has a connection, an answer and a thread's caches."""
    warm = max(interval, min(WARM_SECONDS, seconds))
    asyncio.run(write_all(authors, port, warm, interval, PATIENCE_SECONDS))
    before = time.process_time()
    with Watch(pid) as watch:
        outcome = asyncio.run(write_all(authors, port, seconds, interval, PATIENCE_SECONDS))
    taken = {"load_generator_seconds": round(time.process_time() - before, 1)}
    return figures(outcome) | watch.figures() | taken


def figures(outcome: Outcome) -> dict[str, Any]:
    p50, p99, most = (round(outcome.quantile(share) * 1000, 1) for share in (0.5, 0.99, 1))
    times = {"p50_ms": p50, "p99_ms": p99, "most_ms": most}
    return {"saves": len(outcome.seconds), **times, "errors": len(outcome.errors), "first_errors": outcome.errors[:3]}
