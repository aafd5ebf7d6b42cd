"""Backups of a site under load: `python scripts/backup_campaign.py [--rounds 3] [--database sqlite|postgresql]`.

100 saves a second go to the web server while `manage.py backup` runs; each backup is restored into an empty folder, or
an empty database, by `manage.py restore`. Exit code 1 unless each restored database is one instant: every save that was
acknowledged before the backup began is in it, so is every save that was acknowledged before another one that is in it
was sent, and none is there by half.
"""

import argparse
import asyncio
import json
import os
import subprocess
import sys
import tempfile
import time
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from benchmarks.save import make_authors, prepare, serving  # noqa: E402
from benchmarks.saving.authors import Author, write_all  # noqa: E402
from scripts.faults.postgresql import postgresql  # noqa: E402
from scripts.faults.site import free_port  # noqa: E402

AUTHORS, SAVES_A_SECOND = 50, 100
WARM_SECONDS, MOST_SECONDS = 2.0, 60.0
REPORT = """
import json
from questionnaires.models import Answer, AnswerRevision
half = [str(a.pk) for a in Answer.objects.exclude(revision=0)
        if [a.text] != list(a.revisions.filter(revision=a.revision, conflict=False).values_list("text", flat=True))
        or a.revisions.filter(conflict=False).count() != a.revision]
print(json.dumps({"half": half, "operations": list(AnswerRevision.objects.values_list("operation_id", flat=True))}))
"""


@dataclass
class Times:
    """When each operation was sent and acknowledged, as seconds of one clock."""

    sent: dict[str, float] = field(default_factory=dict)
    acknowledged: dict[str, float] = field(default_factory=dict)

    def watch(self, author: Author) -> None:
        inner_body, inner_heard, last = author.body, author.heard, [""]

        def body(text: str) -> dict[str, object]:
            made = inner_body(text)
            last[0] = str(made["operation"])
            self.sent[last[0]] = time.monotonic()
            return made

        def heard(reply: dict[str, object]) -> None:
            self.acknowledged[last[0]] = time.monotonic()
            inner_heard(reply)

        author.body, author.heard = body, heard

    def faults(self, kept: set[str], begun: float) -> list[str]:
        """What contradicts that the operations `kept` are those of one instant after `begun`."""
        latest = max([begun, *(self.sent[name] for name in kept if name in self.sent)])
        return [f"{name} is missing" for name, at in self.acknowledged.items() if at < latest and name not in kept]


async def back_up_under_load(authors: list[Author], port: int, folder: Path) -> tuple[float, float]:
    """When the backup began and how long it took; the saves go on before and after it."""
    writing = asyncio.create_task(write_all(authors, port, MOST_SECONDS, AUTHORS / SAVES_A_SECOND))
    await asyncio.sleep(WARM_SECONDS)
    begun = time.monotonic()
    process = await asyncio.create_subprocess_exec(*manage("backup", "--to", str(folder)), cwd=ROOT)
    if await process.wait():
        raise SystemExit("The backup failed.")
    took = time.monotonic() - begun
    await asyncio.sleep(WARM_SECONDS / 2)
    writing.cancel()
    await asyncio.wait({writing})
    return begun, took


def manage(*arguments: str) -> list[str]:
    return [sys.executable, str(ROOT / "manage.py"), *arguments]


def restored(file: Path, into: Path, url: str) -> dict[str, Any]:
    """What the restored installation holds."""
    environment = os.environ | {"DATA_DIR": str(into), "DATABASE_URL": url}
    subprocess.run(manage("restore", str(file), "--into", str(into)), env=environment, cwd=ROOT, check=True)
    found = subprocess.run(
        manage("shell", "-v", "0", "-c", REPORT), env=environment, cwd=ROOT, check=True, capture_output=True, text=True
    )
    return dict(json.loads(found.stdout.strip().splitlines()[-1]))


def back_up_again_and_again(folder: Path, database: str, rounds: int, url: str = "") -> bool:
    """True where each backup was one instant. `url` is PostgreSQL's; each round restores into a database of its own."""
    port, times, good = free_port(), Times(), True
    prepare(folder, port, url)
    authors = make_authors(AUTHORS)
    for author in authors:
        times.watch(author)
    for number in range(rounds):
        backups, into = folder / f"backups{number}", folder / f"restored{number}"
        with serving("persona_site.asgi:application", port):
            begun, took = asyncio.run(back_up_under_load(authors, port, backups))
        (file,) = backups.glob("*.zip")
        found = restored(file, into, new_database(url, f"restored{number}"))
        kept = set(found["operations"])
        faults = times.faults(kept, begun) + [f"{key} is there by half" for key in found["half"]]
        print(
            f"{database}: backup in {took:.1f} s of {len(times.acknowledged)} saves acknowledged so far,"
            f" {len(kept)} in it, {file.stat().st_size / 1e6:.1f} MB, faults: {faults[:3] or 'none'}",
            flush=True,
        )
        good &= not faults and len(kept) > 50 * number
    return good


def new_database(url: str, name: str) -> str:
    """Address of an empty database of the same server; empty for SQLite."""
    if not url:
        return ""
    import psycopg

    with psycopg.connect(url, autocommit=True) as server:
        server.execute(f'CREATE DATABASE "{name}"')
    return url.rpartition("/")[0] + f"/{name}"


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--database", choices=("sqlite", "postgresql"), default="sqlite")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="backups-") as name, ExitStack() as stack:
        folder = Path(name)
        url = stack.enter_context(postgresql(folder / "pg")) if options.database == "postgresql" else ""
        return 0 if back_up_again_and_again(folder, options.database, options.rounds, url) else 1


if __name__ == "__main__":
    sys.exit(main())
