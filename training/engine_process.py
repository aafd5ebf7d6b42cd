"""A model server for the time of a command, where none is running."""

import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager

import httpx2
from django.conf import settings

from training.engines import engine_urls
from training.providers.addresses import tls
from training.providers.local import LAUNCHER

START_SECONDS = 180  # the first start converts the base model
LOOK_SECONDS = 0.2
STOP_SECONDS = 10
HEALTH_SECONDS = 2.0


class EngineDidNotStart(Exception):
    """The message is a sentence for the person."""


@contextmanager
def engine_running() -> Iterator[str]:
    """The address of a server that answers: that of ENGINE_URL, or of one that ends with this context.

    `settings.ENGINE_URL` names it meanwhile. Raises EngineDidNotStart with a sentence if it does not come up.
    """
    if any(is_up(url) for url in engine_urls()):
        yield settings.ENGINE_URL
        return
    before = settings.ENGINE_URL
    with engine_started() as url:
        settings.ENGINE_URL = url
        try:
            yield url
        finally:
            settings.ENGINE_URL = before


@contextmanager
def engine_started(*extra: str, nice: int = 0) -> Iterator[str]:
    """The address of a new server on a free port, which ends with this context, or with this process however it ends.

    `extra` are options of engine.serve. Raises EngineDidNotStart.
    """
    port = _free_port()
    launcher = [sys.executable, "-I", "-S", str(LAUNCHER), str(os.getpid()), str(nice)]
    process = subprocess.Popen([*launcher, *_command(port), *extra], stdout=sys.stderr)
    url = f"http://127.0.0.1:{port}"
    try:
        _await(process, url)
        yield url
    finally:
        _end(process)


def is_up(url: str) -> bool:
    """Whether a server with its base model loaded answers at `url`."""
    try:
        with httpx2.Client(verify=tls(), trust_env=False, timeout=HEALTH_SECONDS) as client:
            return client.get(f"{url}/health").status_code == 200
    except httpx2.HTTPError:
        return False


def _free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return int(listener.getsockname()[1])


def _command(port: int) -> list[str]:
    folders = ["--models", str(settings.MODELS_DIR), "--cache", str(settings.BASE_DIR_CACHE)]
    address = ["--host", "127.0.0.1", "--port", str(port)]
    return [sys.executable, "-m", "engine.serve", *address, *folders, "--base-model", settings.BASE_MODEL]


def _await(process: subprocess.Popen[bytes], url: str) -> None:
    give_up = time.monotonic() + START_SECONDS
    while not is_up(url):
        if process.poll() is not None:
            raise EngineDidNotStart(f"The model server ended while it started (code {process.returncode}); see above.")
        if time.monotonic() > give_up:
            raise EngineDidNotStart(f"The model server did not start within {START_SECONDS} seconds.")
        time.sleep(LOOK_SECONDS)


def _end(process: subprocess.Popen[bytes]) -> None:
    process.terminate()
    try:
        process.wait(STOP_SECONDS)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
