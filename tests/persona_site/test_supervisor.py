"""The supervisor with real child processes."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import psutil
import pytest

from persona_site.programs import valkey
from persona_site.startup import take_lock

ROOT = Path(__file__).resolve().parents[2]
RUNNER = """
import asyncio, json, sys
from pathlib import Path
from persona_site.startup import take_lock
from persona_site.supervisor import Backoff, Program, Supervisor
folder = Path(sys.argv[1])
programs = [Program(**program) for program in json.loads(sys.argv[2])]
lock = take_lock(folder / "lock")
asyncio.run(Supervisor(programs, folder / "logs", folder, backoff=Backoff(0.2, 0.8, 30), lock=lock).run())
"""
LIVE = "import os, time; print('pid', os.getpid(), flush=True); time.sleep(600)"
# Writes its name to the file "order" when told to stop, after a pause.
SLOW = """
import os, signal, sys, time
def stop(*_):
    time.sleep(float(sys.argv[2]))
    open("order", "a").write(sys.argv[1] + " ")
    sys.exit(0)
signal.signal(signal.SIGTERM, stop)
print("pid", os.getpid(), flush=True)
time.sleep(600)
"""
# Starts what its argument says in a session of its own, then goes on.
LEAVES = "import subprocess, sys, time; subprocess.Popen([sys.executable, '-c', sys.argv[1]], start_new_session=True)\n"
DEAF = "import os, signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN)\n" + LIVE


class Run:
    """A supervisor in a process of its own, and what it printed."""

    def __init__(self, folder: Path, *programs: dict[str, object]) -> None:
        self.folder, self.output = folder, folder / "output.txt"
        with self.output.open("wb") as output:
            command = [sys.executable, "-c", RUNNER, str(folder), json.dumps(programs)]
            self.process = subprocess.Popen(command, cwd=ROOT, stdout=output, stderr=output, stdin=subprocess.DEVNULL)

    def lines(self, name: str = "") -> list[str]:
        return [
            line for line in self.output.read_text().splitlines() if line.startswith(f"{name:<6} |" if name else "")
        ]

    def pids(self, name: str = "") -> list[int]:
        """Process ids that the dummies printed, in order."""
        return [int(line.split()[-1]) for line in self.lines(name) if "| pid " in line]

    def pid(self, name: str, index: int = 0) -> int:
        until(lambda: len(self.pids(name)) > index)
        return self.pids(name)[index]


@pytest.fixture
def run(tmp_path: Path) -> Iterator[Callable[..., Run]]:
    runs: list[Run] = []

    def start(*programs: dict[str, object]) -> Run:
        runs.append(Run(tmp_path, *programs))
        return runs[-1]

    yield start
    for each in runs:
        each.process.kill()
        each.process.wait()
        for pid in each.pids():
            if alive(pid):
                os.kill(pid, signal.SIGKILL)


def program(name: str, code: str, *arguments: str, **options: object) -> dict[str, object]:
    return {"name": name, "command": [sys.executable, "-c", code, *arguments], **options}


def alive(pid: int) -> bool:
    try:
        return psutil.Process(pid).status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


def until(condition: Callable[[], bool], seconds: float = 10) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "it did not happen in time"
        time.sleep(0.02)


def test_killed_program_starts_again(run):
    site = run(program("web", LIVE), program("io", LIVE))
    first, other = site.pid("web"), site.pid("io")
    os.kill(first, signal.SIGKILL)
    second = site.pid("web", 1)
    assert alive(second) and not alive(first)
    assert alive(other) and site.pids("io") == [other]
    assert any("Ended with status 137; starts again in 0.2 s." in line for line in site.lines("web"))


def test_waits_double_up_to_the_longest(run):
    site = run(program("web", "raise SystemExit(7)"))
    until(lambda: len(site.lines("web")) >= 4)
    waits = [line.split(" in ")[1] for line in site.lines("web")][:4]
    assert waits == ["0.2 s.", "0.4 s.", "0.8 s.", "0.8 s."]


def test_lines_have_a_prefix_and_a_file(run):
    site = run(program("io", r"import sys; print('one\ntwo', flush=True); sys.stderr.write('three')"))
    until(lambda: "io     | three" in site.lines("io"))
    assert {"io     | one", "io     | two"} <= set(site.lines("io"))
    log = (site.folder / "logs" / "io.log").read_text()
    assert " one\n" in log and " three\n" in log


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_stops_in_order(run, number):
    site = run(
        program("valkey", SLOW, "valkey", "0", stop_rank=2),
        program("io", SLOW, "io", "0.4", stop_rank=1),
        program("engine", SLOW, "engine", "0.1", stop_rank=1),
        program("web", SLOW, "web", "0.3", stop_rank=0),
    )
    pids = [site.pid(name) for name in ("valkey", "io", "engine", "web")]
    site.process.send_signal(number)
    assert site.process.wait(10) == 0
    assert (site.folder / "order").read_text().split() == ["web", "engine", "io", "valkey"]
    assert not any(map(alive, pids))


def test_second_signal_kills(run):
    site = run(program("train", SLOW, "train", "60", grace=60))
    pid = site.pid("train")
    site.process.send_signal(signal.SIGINT)
    until(lambda: any("Stopping" in line for line in site.lines("up")))
    site.process.send_signal(signal.SIGINT)
    assert site.process.wait(5) == 0
    assert not alive(pid)


def test_deaf_program_is_killed_after_its_grace(run):
    site = run(program("io", DEAF, grace=0.5))
    pid = site.pid("io")
    site.process.send_signal(signal.SIGTERM)
    assert site.process.wait(5) == 0
    assert not alive(pid)


def test_program_has_its_grace_after_the_supervisor_is_killed(run):
    site = run(program("train", SLOW, "train", "0.5"))
    pid = site.pid("train")
    site.process.kill()
    until(lambda: not alive(pid), 5)
    assert (site.folder / "order").read_text() == "train "


def test_no_orphan_after_the_supervisor_is_killed(run):
    site = run(program("web", LIVE), program("io", DEAF, grace=0.5))
    pids = [site.pid("web"), site.pid("io")]
    site.process.kill()
    site.process.wait()
    assert take_lock(site.folder / "lock") is None, "the guards hold the lock until their programs have ended"
    until(lambda: not any(map(alive, pids)), 5)
    assert take_lock(site.folder / "lock", wait=2) is not None


def test_no_orphan_that_left_its_group(run):
    site = run(program("train", LEAVES + "time.sleep(600)", LIVE))
    pid = site.pid("train")
    site.process.kill()
    until(lambda: not alive(pid), 5)


def test_second_signal_kills_what_left_its_group(run):
    site = run(program("train", LEAVES + DEAF, LIVE, grace=60))
    until(lambda: len(site.pids("train")) == 2)
    site.process.send_signal(signal.SIGINT)
    until(lambda: any("Stopping" in line for line in site.lines("up")))
    site.process.send_signal(signal.SIGINT)
    assert site.process.wait(5) == 0
    assert not any(map(alive, site.pids("train")))


def test_no_orphan_after_a_guard_is_killed(run):
    site = run(program("web", LIVE))
    first = site.pid("web")
    psutil.Process(first).parent().kill()
    assert alive(site.pid("web", 1)) and not alive(first)


def test_prepare_runs_first_and_again_until_it_succeeds(run, tmp_path):
    fails_once = (
        "import os, sys; seen = os.path.exists('seen'); open('seen', 'w'); print('no network'); sys.exit(not seen)"
    )
    site = run(program("engine", LIVE, prepare=[sys.executable, "-c", fails_once]))
    site.pid("engine")
    texts = [line.partition("| ")[2] for line in site.lines("engine")]
    assert texts[:3] == ["no network", "Ended with status 1; starts again in 0.2 s.", "no network"]


def test_command_that_does_not_exist_is_named(run):
    site = run({"name": "web", "command": ["/no/such/program"]})
    until(
        lambda: any("/no/such/program cannot be started: No such file or directory." in line for line in site.lines())
    )


@pytest.mark.slow
def test_broker_keeps_a_value_over_a_kill(run, tmp_path):
    import redis

    path = tmp_path / "run" / "valkey.sock"
    broker = valkey(tmp_path, path)
    site = run({"name": "valkey", "command": list(broker.command)})
    client = redis.Redis(unix_socket_path=str(path))

    def answers() -> bool:
        try:
            return bool(client.ping())
        except redis.ConnectionError:
            return False

    until(answers)
    client.set("kept", "yes")
    first = client.info("server")["process_id"]
    os.kill(first, signal.SIGKILL)
    until(lambda: not alive(first))
    until(answers)
    assert client.get("kept") == b"yes" and client.info("server")["process_id"] != first
    site.process.send_signal(signal.SIGTERM)
    assert site.process.wait(10) == 0
    assert not answers()
    client.close()
