"""A community at work, for minutes: `python -m benchmarks.load [--minutes 10]`.

500 and 1,500 people who save an answer every 5 seconds, and 200 replies that are streamed at any time, on SQLite and on
PostgreSQL, with times, errors and the memory of the web processes from beginning to end; in the same run Label Studio's
annotation save at the same rate, or at the highest of its halves that it can take. The load comes from the same
machine. Each part has a site in a folder of its own. Times are from the moment when a save was due to its reply.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
from contextlib import ExitStack
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[1]
sys.path.insert(0, str(ROOT))

from benchmarks.loading.watch import many_files  # noqa: E402
from scripts.faults.postgresql import postgresql  # noqa: E402

BARS = {500: 50, 1500: 100}  # ms, 99 % of the saves
PEER = Path(tempfile.gettempdir()) / "persona-peer"


def one(part: str, database: str, options: argparse.Namespace) -> dict[str, Any]:
    """One part, in this process, which becomes a part of that site."""
    from benchmarks.loading import label_studio, saves, streams

    measures = {"saves": saves.measure, "streams": streams.measure, "peer": label_studio.measure}
    with tempfile.TemporaryDirectory(prefix="load-") as name, ExitStack() as stack:
        folder = Path(name)
        url = stack.enter_context(postgresql(folder / "pg")) if database == "postgresql" else ""
        return measures[part](options, folder, url)


def row(part: str, database: str, authors: int, options: argparse.Namespace) -> dict[str, Any]:
    """One part in a process of its own: Django knows one database a process."""
    given = {"seconds": 60 * options.minutes, "interval": options.interval, "web": options.web, "authors": authors}
    given |= {"streams": options.streams, "peer-folder": options.peer_folder}
    arguments = [word for name, value in given.items() for word in (f"--{name}", str(value))]
    command = [sys.executable, "-m", "benchmarks.load", "--one", f"{part}:{database}", *arguments]
    done = subprocess.run(command, cwd=ROOT, stdout=subprocess.PIPE, text=True)
    found = json.loads(done.stdout.splitlines()[-1]) if done.returncode == 0 else {"failed": done.returncode}
    load = round(os.getloadavg()[0], 1)
    return {"part": part, "database": database, "asked": authors or options.streams, "load_after": load, **found}


def plan(options: argparse.Namespace) -> list[tuple[str, str, int]]:
    return [
        (part, database, authors)
        for database in options.databases
        for part in options.parts
        for authors in ([0] if part == "streams" else options.authors)
    ]


def table(rows: list[dict[str, Any]]) -> str:
    lines = [
        "| what | database | p50 | p99 | bar | errors | memory from, to | growth |",
        "|---|---|---|---|---|---|---|---|",
    ]
    for row in rows:
        if "failed" in row:
            lines.append(f"| {row['part']} | {row['database']} | failed | | | | | |")
            continue
        p50, p99 = row["first_words_ms"] if row["part"] == "streams" else (row["p50_ms"], row["p99_ms"])
        bar = f"{BARS[row['asked']]} ms" if row["part"] == "saves" and row["asked"] in BARS else ""
        memory = " to ".join(f"{value}" for value in row["memory_mib"])
        lines.append(
            f"| {_named(row)} | {row['database']} | {p50} ms | {p99} ms | {bar} | {row['errors']} | {memory} MiB"
            f" | {row['memory_growth_percent']} % |"
        )
    return "\n".join(lines)


def _named(row: dict[str, Any]) -> str:
    if row["part"] == "streams":
        return f"{row['asked']} streams, to the first words"
    if row["part"] == "saves":
        return f"{row['asked']} authors"
    return f"Label Studio, {row['authors']} authors" + (f" (of {row['asked']})" if row["could_not_take"] else "")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--minutes", type=float, default=10.0, help="of each part")
    parser.add_argument("--interval", type=float, default=5.0, help="seconds between two saves of an author")
    parser.add_argument("--authors", type=int, nargs="+", default=[500, 1500])
    parser.add_argument("--streams", type=int, default=200)
    parser.add_argument("--web", type=int, default=2, help="web processes")
    parser.add_argument("--databases", nargs="+", choices=("sqlite", "postgresql"), default=["sqlite", "postgresql"])
    parser.add_argument(
        "--parts", nargs="+", choices=("saves", "streams", "peer"), default=["saves", "streams", "peer"]
    )
    parser.add_argument(
        "--peer-folder", type=Path, default=PEER, help=f"Label Studio's own environment; default: {PEER}"
    )
    parser.add_argument("--one", help=argparse.SUPPRESS)
    parser.add_argument("--seconds", type=float, help=argparse.SUPPRESS)
    options = parser.parse_args()
    many_files()
    if options.one:
        part, database = options.one.split(":")
        options.authors = options.authors[0]
        print(json.dumps(one(part, database, options)))
        return
    rows = []
    for part in plan(options):
        rows.append(row(*part, options))
        print(json.dumps(rows[-1]), flush=True)
    print(table(rows))


if __name__ == "__main__":
    main()
