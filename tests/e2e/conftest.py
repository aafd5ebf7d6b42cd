"""The whole program as `manage.py up` starts it, and a real browser."""

import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
CHROMIUM = shutil.which("chromium")
FLAGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


class Site:
    """`manage.py up` with a DATA_DIR and ports of its own."""

    def __init__(self, data_dir: Path) -> None:
        self.environment = os.environ | {
            "DATA_DIR": str(data_dir),
            "PORT": str(free_port()),
            "ENGINE_PORT": str(free_port()),
            "CI": "true",
        }
        self.lines: list[str] = []

    def start(self, patience: float = 180) -> None:
        self.process = subprocess.Popen(
            [sys.executable, "manage.py", "up", "--no-browser"],
            cwd=ROOT,
            env=self.environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,
        )
        self.reader = threading.Thread(target=self._read, args=(self.process,), daemon=True)
        self.reader.start()
        deadline = time.monotonic() + patience
        while not self.link:
            assert self.process.poll() is None, "\n".join(self.lines)
            assert time.monotonic() < deadline, "\n".join(self.lines)
            time.sleep(0.1)

    def _read(self, process: subprocess.Popen) -> None:
        for line in process.stdout:
            self.lines.append(line.rstrip())

    @property
    def link(self) -> str:
        found = [re.search(r"http://\S+/open/\?token=\S+", line) for line in self.lines]
        return next((match[0] for match in found if match), "")

    def manage(self, *arguments: str, timeout: float = 300) -> str:
        done = subprocess.run(
            [sys.executable, "manage.py", *arguments],
            cwd=ROOT,
            env=self.environment,
            capture_output=True,
            text=True,
            timeout=timeout,
        )
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    def stop(self) -> None:
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
            self.process.wait(60)
        self.reader.join(10)
        self.process.stdout.close()


@pytest.fixture(scope="package")
def site(tmp_path_factory):
    site = Site(tmp_path_factory.mktemp("site"))
    site.start()
    yield site
    site.stop()


@pytest.fixture(scope="module")
def browser():
    """Of one module: while Playwright lives, its event loop runs and no other test can run one of its own."""
    if not CHROMIUM:
        pytest.skip("chromium is not installed")
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        yield browser
        browser.close()
