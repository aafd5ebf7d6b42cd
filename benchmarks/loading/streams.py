"""Replies that are streamed all the time, from a model server of a fixed rate (benchmarks/streams.py)."""

import argparse
import asyncio
import os
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

from benchmarks.loading.watch import Watch
from benchmarks.save import prepare, serving
from benchmarks.streams import RATE, TOKENS, Page, Rows, follow, rows_make, wait_for
from scripts.faults.site import ROOT, end_tree, free_port


def measure(options: argparse.Namespace, folder: Path, url: str) -> dict[str, Any]:
    """`options.streams` pages, each of which follows one reply after another."""
    port, engine = free_port(), free_port()
    os.environ |= {"ENGINE_URL": f"http://127.0.0.1:{engine}", "WEB_PROCESSES": str(options.web)}
    prepare(folder, port, url)
    rounds = int(options.seconds * RATE / TOKENS) + 2
    rows = rows_make(options.streams * rounds)
    command = [sys.executable, "-m", "benchmarks.streams", "--engine", str(engine)]
    server = subprocess.Popen(command, cwd=ROOT)
    try:
        wait_for(engine)
        with serving("persona_site.asgi:application", port) as process:
            return asyncio.run(_all(port, process.pid, rows, options))
    finally:
        end_tree(server)


async def _all(port: int, pid: int, rows: Rows, options: argparse.Namespace) -> dict[str, Any]:
    """Begins one page after another over the length of a reply, so that as many begin as end at any time."""
    count, length = options.streams, TOKENS / RATE
    until = time.perf_counter() + length + options.seconds
    pages: list[Page] = []
    tasks = [
        asyncio.create_task(_one(port, rows, rows.replies[number::count], number * length / count, until, pages))
        for number in range(count)
    ]
    await asyncio.sleep(length)
    with Watch(pid) as watch:
        await asyncio.sleep(options.seconds)
    await asyncio.gather(*tasks)
    return _figures(pages) | watch.figures()


async def _one(port: int, rows: Rows, replies: list[str], wait: float, until: float, pages: list[Page]) -> None:
    await asyncio.sleep(wait)
    for path in replies:
        if time.perf_counter() > until:
            return
        pages.append(page := Page())
        await follow(port, rows, path, page)


def _figures(pages: list[Page]) -> dict[str, Any]:
    found: dict[str, Any] = {"replies": len(pages)}
    for name, key in (("first", "first_event_ms"), ("words", "first_words_ms")):
        times = sorted(1000 * value for page in pages if (value := getattr(page, name)) is not None)
        found[key] = [round(times[int(share * (len(times) - 1))], 1) for share in (0.5, 0.99)] if times else []
    found["errors"] = sum(page.names[-1:] != ["done"] for page in pages)
    return found
