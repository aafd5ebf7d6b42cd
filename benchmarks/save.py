"""Authors who save while they type, beside the least that Django can do: `python -m benchmarks.save`.

500 people save an answer of some 120 words every 5 seconds, each with a session and a connection of their own, to the
web server as the product starts it. In the same run, in turns, as many saves go to a bare Django view that updates one
row of the same database, under the same server, without middleware and with Django's own handler and backend.
`--training` trains a version on the same cores meanwhile, as the product would, and `--postgresql` takes PostgreSQL
instead of SQLite. Everything lies in a folder of its own. Times are from the moment when a save was due to its reply.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import shlex
import socket
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, nullcontext
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[1]
sys.path.insert(0, str(ROOT))

from benchmarks.saving.authors import Author, Outcome, write_all  # noqa: E402
from scripts.faults.postgresql import postgresql  # noqa: E402
from scripts.faults.site import end_tree, free_port, wait_for  # noqa: E402

TOKEN = "0123456789abcdef" * 2  # of CSRF, in cookie and header


def prepare(folder: Path, port: int, database_url: str) -> None:
    """Makes this process a part of the site in `folder`."""
    os.environ |= {"DATA_DIR": str(folder / "data"), "PORT": str(port), "DATABASE_URL": database_url}
    os.environ |= {"DJANGO_SETTINGS_MODULE": "persona_site.settings", "LOG_LEVEL": "ERROR"}
    import django
    from django.core.management import call_command

    django.setup()
    call_command("migrate", verbosity=0)


def make_authors(count: int) -> list[Author]:
    """People with a session, a persona and an empty answer."""
    from django.contrib.auth.models import User
    from django.db import connections, transaction

    from questionnaires.models import Question

    Question.objects.get_or_create(slug="q", texts={"en": {"text": "What do you count?"}})
    with transaction.atomic():
        authors = [_author(User.objects.create(username=f"author{number}")) for number in range(count)]
    connections.close_all()
    return authors


def _author(user: Any) -> Author:
    from django.conf import settings
    from django.test import Client

    from questionnaires.models import Persona

    persona = Persona.objects.create(owner=user, name=user.username)
    client = Client()
    client.force_login(user)
    session = client.cookies[settings.SESSION_COOKIE_NAME].value
    cookies = f"{settings.SESSION_COOKIE_NAME}={session}; {settings.CSRF_COOKIE_NAME}={TOKEN}"
    headers = {"Cookie": cookies, "X-CSRFToken": TOKEN, "Content-Type": "application/json"}
    known = {"revision": 0, "number": 0}

    def body(text: str) -> dict[str, object]:
        known["number"] += 1
        return {"text": text, "revision": known["revision"], "operation": f"{persona.pk}-{known['number']}"}

    return Author(f"/p/{persona.pk}/answers/q/", headers, body, lambda reply: known.update(revision=reply["revision"]))


def bare_authors(authors: list[Author]) -> list[Author]:
    """The same people at the bare view; to be called when they have answers."""
    from django.db import connections

    from questionnaires.models import Answer

    keys = list(Answer.objects.values_list("pk", flat=True))
    connections.close_all()
    return [
        Author(f"/{key}/", {}, lambda text: {"text": text}, lambda _: None, author.text)
        for key, author in zip(keys, authors, strict=True)
    ]


@contextmanager
def serving(application: str, port: int) -> Iterator[subprocess.Popen[bytes]]:
    """The product's web server with this application."""
    from persona_site.programs import web

    program = web()
    command = [application if part.endswith(":application") else part for part in program.command]
    command[command.index("--port") + 1] = str(port)
    with Path(os.environ["DATA_DIR"], "web.log").open("ab") as log:
        environment = {**os.environ, **program.environment}
        process = subprocess.Popen(command, cwd=ROOT, env=environment, stdout=log, stderr=log)
    try:
        if not wait_for(lambda: _listens(port), 60):
            raise SystemExit(f"{shlex.join(command)} does not answer.")
        yield process
    finally:
        end_tree(process)


def _listens(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


@contextmanager
def training(folder: Path, cache: Path) -> Iterator[None]:
    """A training of an invented person on all cores, at the priority that the product gives it, until the end."""
    from training.providers.local import LAUNCHER, NICE

    job = write_job(folder / "job", cache)
    launch = [sys.executable, "-I", "-S", str(LAUNCHER), str(os.getpid()), str(NICE)]
    command = [*launch, sys.executable, "-m", "engine.train", str(job), "--die-with-parent"]
    environment = {**os.environ, "OMP_NUM_THREADS": str(len(os.sched_getaffinity(0)))}
    with (folder / "train.log").open("ab") as log:
        process = subprocess.Popen(command, cwd=ROOT, env=environment, stdout=log, stderr=log)
    try:
        if not wait_for(lambda: _trains(job) or process.poll() is not None, 120) or process.poll() is not None:
            raise SystemExit(f"The training does not start:\n{(folder / 'train.log').read_text()}")
        yield
        print("the training still runs" if process.poll() is None else "THE TRAINING ENDED EARLY", flush=True)
    finally:
        end_tree(process)


def _trains(job: Path) -> bool:
    progress = job / "progress.jsonl"
    return progress.is_file() and '"step"' in progress.read_text()


def write_job(folder: Path, cache: Path) -> Path:
    """A job that lasts longer than the benchmark."""
    folder.mkdir()
    answer = "I count the red cars on the ramp of the night ferry, and the trams that nobody ordered. "
    rows = [
        {
            "messages": [
                {"role": "user", "content": f"What about {n}?"},
                {"role": "assistant", "content": answer * (1 + n % 3)},
            ]
        }
        for n in range(400)
    ]
    settings = {"base_model": "smollm2-135m-instruct", "cache_dir": str(cache), "recipe": "quick", "seed": 1}
    (folder / "job.json").write_text(json.dumps({**settings, "overrides": {"epochs": 50}, "samples": []}))
    for name, part in (("train", rows[:360]), ("validation", rows[360:])):
        (folder / f"{name}.jsonl").write_text("".join(json.dumps(row) + "\n" for row in part))
    return folder


def processor_seconds(process: subprocess.Popen[bytes]) -> float:
    fields = Path(f"/proc/{process.pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def measure(name: str, application: str, authors: list[Author], options: argparse.Namespace, port: int) -> Outcome:
    with serving(application, port) as process:
        asyncio.run(write_all(authors, port, min(options.interval, 5), options.interval))  # each connection once
        before = processor_seconds(process)
        outcome = asyncio.run(write_all(authors, port, options.seconds, options.interval))
        busy = (processor_seconds(process) - before) / max(1, len(outcome.seconds)) * 1000
    p50, p99, most = (outcome.quantile(share) * 1000 for share in (0.5, 0.99, 1))
    print(
        f"{name:<12}{len(outcome.seconds):>8} saves{p50:>9.1f} ms p50{p99:>9.1f} ms p99{most:>9.1f} ms most"
        f"{busy:>8.2f} ms of processor a save{len(outcome.errors):>5} errors {outcome.errors[:2] or ''}",
        flush=True,
    )
    return outcome


def run(folder: Path, options: argparse.Namespace, database_url: str) -> None:
    port = free_port()
    prepare(folder, port, database_url)
    authors = make_authors(options.authors)
    context = training(folder, options.cache) if options.training else nullcontext()
    with context:
        for _round in range(options.rounds):
            print(f"load of the machine {os.getloadavg()[0]:.1f}", flush=True)
            measure("persona", "persona_site.asgi:application", authors, options, port)
            measure("bare Django", "benchmarks.saving.bare_site:application", bare_authors(authors), options, port)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--authors", type=int, default=500)
    parser.add_argument("--interval", type=float, default=5.0, help="seconds between two saves of an author")
    parser.add_argument("--seconds", type=float, default=30.0)
    parser.add_argument("--rounds", type=int, default=2)
    parser.add_argument("--postgresql", action="store_true")
    parser.add_argument("--training", action="store_true")
    parser.add_argument("--cache", type=Path, default=ROOT / "var" / "base", help="folder for the converted base model")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="save-") as name, ExitStack() as stack:
        url = stack.enter_context(postgresql(Path(name) / "pg")) if options.postgresql else ""
        run(Path(name), options, url)


if __name__ == "__main__":
    main()
