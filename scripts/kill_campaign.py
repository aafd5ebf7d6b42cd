"""kill -9 of every process in turn while a persona trains and while it answers; prints what came back and when.

    .venv/bin/python scripts/kill_campaign.py

A fault campaign of some minutes, in a DATA_DIR of its own; exit code 1 if anything was lost.
"""

import argparse
import json
import sqlite3
import sys
import tempfile
import time
from pathlib import Path

import psutil

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from tests.e2e.conftest import Site  # noqa: E402
from tests.e2e.demo_answers import demo_answers_write  # noqa: E402

PROCESSES = {
    "web": "uvicorn persona_site.asgi",
    "io worker": "--queues io",
    "trainer": "engine.train",
    "train worker": "--queues train",
    "engine": "engine.serve",
    "valkey": "unixsocket:",
}
BACK_SECONDS = 60


def find(parent: psutil.Process, part: str) -> psutil.Process | None:
    """The topmost process under `parent` whose command line holds `part`; a guard only passes it on."""
    for process in parent.children(recursive=True):
        try:
            line = " ".join(process.cmdline())
        except psutil.Error:
            continue
        if part in line and "guard.py" not in line:
            return process
    return None


def kill(site: Site, name: str) -> str:
    """Kills the process and waits until one of its kind runs again; the trainer comes back with its run."""
    parent = psutil.Process(site.process.pid)
    victim, waiting = None, time.monotonic() + BACK_SECONDS
    while victim is None and time.monotonic() < waiting:
        victim = find(parent, PROCESSES[name])
        time.sleep(0.2)
    if victim is None:
        return "was not running"
    victim.kill()
    started = time.monotonic()
    while time.monotonic() - started < BACK_SECONDS:
        time.sleep(0.2)
        again = find(parent, PROCESSES[name])
        if again is not None and again.pid != victim.pid:
            return f"back after {time.monotonic() - started:.1f} s"
    return "NOT BACK"


def rows(site: Site, query: str) -> list[tuple]:
    with sqlite3.connect(Path(site.environment["DATA_DIR"]) / "persona.sqlite3", timeout=20) as connection:
        return connection.execute(query).fetchall()


def wait_for_state(site: Site, states: set[str], patience: float) -> str:
    deadline = time.monotonic() + patience
    while time.monotonic() < deadline:
        (state,) = rows(site, "select state from training_trainingrun")[0]
        if state in states:
            return state
        time.sleep(0.5)
    return "timed out"


def train_under_fire(site: Site) -> bool:
    site.manage("train", "--persona", "Ada")
    state = wait_for_state(site, {"training"}, 120)
    for name in PROCESSES:
        time.sleep(8)
        print(f"training  kill -9 {name:13} {kill(site, name)}", flush=True)
    state = wait_for_state(site, {"ready", "failed", "cancelled"}, 900)
    claims, failures = rows(site, "select fence, failures from training_trainingrun")[0]
    print(f"training  the run is {state} after {claims} claims, {failures} failures", flush=True)
    return state == "ready"


def ask_under_fire(site: Site) -> bool:
    fine = True
    for name in ("engine", "web", "valkey", "io worker", "train worker"):
        fate = kill(site, name)
        deadline, reply = time.monotonic() + BACK_SECONDS, None
        while reply is None and time.monotonic() < deadline:
            try:
                reply = json.loads(site.manage("ask", "Where do you live?", "--persona", "Ada", "--json"))
            except AssertionError:
                time.sleep(1)
        print(f"chat      kill -9 {name:13} {fate}; answered: {reply is not None}", flush=True)
        fine = fine and reply is not None and "NOT" not in fate
    return fine


def main() -> int:
    argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter).parse_args()
    with tempfile.TemporaryDirectory() as folder:
        site = Site(Path(folder) / "data")
        site.start()
        try:
            answers = demo_answers_write(Path(folder) / "answers.json")
            site.manage("import_answers", str(answers), "--persona", "Ada", "--create")
            before = rows(site, "select count(*), sum(length(text)) from questionnaires_answer")
            fine = train_under_fire(site) and ask_under_fire(site)
            lost = before != rows(site, "select count(*), sum(length(text)) from questionnaires_answer")
            versions = rows(site, "select count(*) from training_personamodel")[0][0]
            integrity = rows(site, "pragma integrity_check")[0][0]
            print(f"answers lost: {lost}; versions: {versions}; database: {integrity}")
            return 0 if fine and not lost and versions == 1 and integrity == "ok" else 1
        finally:
            site.stop()


if __name__ == "__main__":
    sys.exit(main())
