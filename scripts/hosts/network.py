"""Machines as Linux namespaces: each has its own network, processes and host name, and can be killed as a whole."""

import os
import shutil
import signal
import subprocess
import time
from collections.abc import Mapping, Sequence
from itertools import count
from pathlib import Path

import psutil

ROOT = Path(__file__).resolve().parents[2]
BRIDGE, NET = "hosts0", "10.77.0"
INIT = """
mount -t proc proc /proc && hostname "$1" && ip link set lo up || exit 1
while ! ip link show eth0 >/dev/null 2>&1; do sleep 0.05; done
ip addr add "$2" dev eth0 && ip link set eth0 up
shift 2
exec "$@"
"""
ISOLATED = ["unshare", "--net", "--pid", "--mount", "--uts", "--fork", "--kill-child"]
_cables = count()


def why_not() -> str:
    """Why namespaces are not to be had here, as a sentence; empty where they are."""
    if os.name != "posix" or not Path("/proc/self/ns/net").exists():
        return "this is no Linux"
    if missing := [name for name in ("unshare", "ip", "setpriv") if shutil.which(name) is None]:
        return f"{', '.join(missing)} is not installed"
    if os.geteuid() != 0:
        return "network namespaces with a bridge want root"
    done = subprocess.run([*ISOLATED, "true"], capture_output=True, text=True)
    return done.stderr.strip() or "namespaces are forbidden here" if done.returncode else ""


def run(*command: str) -> None:
    subprocess.run(command, check=True)


def lay_cable() -> None:
    """The wire that all machines share, with this process at NET.1."""
    run("ip", "link", "set", "lo", "up")
    run("ip", "link", "add", "name", BRIDGE, "type", "bridge")
    run("ip", "addr", "add", f"{NET}.1/24", "dev", BRIDGE)
    run("ip", "link", "set", BRIDGE, "up")


class Machine:
    """One machine with one first program. `kill` is a power cut."""

    def __init__(self, name: str, number: int, folder: Path, command: Sequence[str], env: Mapping[str, str]) -> None:
        self.name, self.address = name, f"{NET}.{number}"
        self.folder, self.command, self.env = folder, list(command), dict(env)
        self.process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        self.folder.mkdir(parents=True, exist_ok=True)
        with (self.folder / "log").open("ab") as log:
            init = ["sh", "-c", INIT, "init", self.name, f"{self.address}/24"]
            self.process = subprocess.Popen(
                [*ISOLATED, *init, *self.command],
                cwd=ROOT,
                env={**os.environ, **self.env},
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
            )
        cable = f"wire{next(_cables)}"
        run("ip", "link", "add", "name", cable, "type", "veth", "peer", "name", "eth0", "netns", str(self.first_pid()))
        run("ip", "link", "set", cable, "master", BRIDGE, "up")

    def first_pid(self) -> int:
        """The process that is number 1 inside; with it everything there ends."""
        deadline = time.monotonic() + 10
        while time.monotonic() < deadline:
            if self.process and (children := psutil.Process(self.process.pid).children()):
                return int(children[0].pid)
            time.sleep(0.02)
        raise SystemExit(f"The machine {self.name} did not start; see {self.folder}/log.")

    def kill(self) -> None:
        """SIGKILL to all that runs there at once; its network goes without a word to anybody."""
        if self.process is not None:
            os.kill(self.first_pid(), signal.SIGKILL)
            self.process.wait(30)
            self.process = None

    def end(self) -> None:
        if self.process is not None and self.process.poll() is None:
            self.kill()

    def memory_mb(self) -> float:
        if self.process is None:
            return 0.0
        family = psutil.Process(self.process.pid).children(recursive=True)
        return sum(each.memory_info().rss for each in family) / 1e6
