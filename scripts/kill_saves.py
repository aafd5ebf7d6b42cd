"""kill -9 of the web server under a hundred saves a second, again and again; then every acknowledged save is sought.

    .venv/bin/python scripts/kill_saves.py [--rounds 50] [--database sqlite|postgresql]

In a folder of its own. Exit code 1 if an acknowledged text is neither the answer nor in its history, or if the database
is damaged.
"""

import argparse
import asyncio
import os
import random
import signal
import sqlite3
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


@dataclass
class Book:
    """What an author was told: the texts whose saving was acknowledged, each with the hash that came back."""

    path: str
    texts: list[str] = field(default_factory=list)
    wrong: list[str] = field(default_factory=list)


def watch(author: Author) -> Book:
    """Notes each acknowledgement of the author's; what is not acknowledged is sent again as it was."""
    from questionnaires.saving import text_digest

    book, inner, heard = Book(author.path), author.body, author.heard
    waiting: dict[str, Any] = {}

    def body(text: str) -> dict[str, object]:
        if not waiting:
            waiting.update(inner(text))
        return waiting

    def acknowledged(reply: dict[str, object]) -> None:
        text = str(waiting["text"])
        (book.texts if reply["sha256"] == text_digest(text) else book.wrong).append(text)
        waiting.clear()
        heard(reply)

    author.body, author.heard = body, acknowledged
    return book


async def write_and_kill(authors: list[Author], port: int, pid: int) -> bool:
    """Saves for some seconds and kills the server in the middle of them. False where a save was refused."""
    await write_all(authors[:1], port, 0.1, 1)  # the first request loads the views
    seconds = random.uniform(0.6, 2.0)  # noqa: S311
    writing = asyncio.create_task(write_all(authors, port, seconds + 0.5, AUTHORS / SAVES_A_SECOND))
    await asyncio.sleep(0.5 + seconds)
    os.kill(pid, signal.SIGKILL)
    outcome = await writing
    refused = [error for error in outcome.errors if error[0].isdigit()]
    if refused:
        print(f"refused: {refused[0]}")
    return not refused


def lost(books: list[Book]) -> list[str]:
    """Acknowledged texts that are nowhere."""
    from django.db import connections

    from questionnaires.models import AnswerRevision

    missing = []
    for book in books:
        rows = AnswerRevision.objects.filter(answer__persona_id=book.path.split("/")[2])
        stored = set(rows.values_list("text", flat=True))
        missing += [text for text in book.texts if text not in stored] + book.wrong
    connections.close_all()
    return missing


def damage(database: str, folder: Path) -> str:
    """What the database says of itself; "ok" where nothing is wrong."""
    if database == "sqlite":
        with sqlite3.connect(folder / "data" / "persona.sqlite3") as connection:
            return str(connection.execute("PRAGMA integrity_check").fetchone()[0])
    from django.db import connection as served

    with served.cursor() as cursor:
        cursor.execute("CREATE EXTENSION IF NOT EXISTS amcheck")
        cursor.execute(
            "SELECT bt_index_check(c.oid, true) FROM pg_class c JOIN pg_am a ON a.oid = c.relam"
            " WHERE a.amname = 'btree' AND c.relkind = 'i' AND c.relname LIKE 'questionnaires%'"
        )
    served.close()
    return "ok"


def kill_again_and_again(folder: Path, database: str, rounds: int, url: str = "") -> bool:
    """True where nothing was lost."""
    port = free_port()
    prepare(folder, port, url)
    authors = make_authors(AUTHORS)
    books = [watch(author) for author in authors]
    started, taken = time.monotonic(), True
    for _round in range(rounds):
        with serving("persona_site.asgi:application", port) as process:
            taken &= asyncio.run(write_and_kill(authors, port, process.pid))
    missing, state = lost(books), damage(database, folder)
    kept = sum(len(book.texts) for book in books)
    print(
        f"{database}: {rounds} kills in {time.monotonic() - started:.0f} s, {kept} saves acknowledged,"
        f" {len(missing)} lost, integrity {state}",
        flush=True,
    )
    return taken and not missing and state == "ok" and kept > 20 * rounds


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=50)
    parser.add_argument("--database", choices=("sqlite", "postgresql"), default="sqlite")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="kills-") as name, ExitStack() as stack:
        folder = Path(name)
        url = stack.enter_context(postgresql(folder / "pg")) if options.database == "postgresql" else ""
        return 0 if kill_again_and_again(folder, options.database, options.rounds, url) else 1


if __name__ == "__main__":
    sys.exit(main())
