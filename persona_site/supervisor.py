"""Starts programs, shows their lines, restarts what dies, stops all in order and leaves no process behind.

The `supervisor` package was tried first (4.3.0): after SIGKILL of its daemon the programs lived on, and a program that
fails four times is given up. Both are needed here, so this is a small supervisor of its own on asyncio.
"""

import asyncio
import logging
import os
import re
import signal
import sys
import time
from collections.abc import Coroutine, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from itertools import groupby
from logging.handlers import RotatingFileHandler
from pathlib import Path

import psutil

GUARD = Path(__file__).with_name("guard.py")
COLOURS = {"valkey": 35, "web": 36, "io": 33, "train": 32, "engine": 34}
LINE_LIMIT = 1 << 16  # bytes without a line break after which a line is shown all the same


@dataclass(frozen=True)
class Program:
    """One supervised command. `prepare` runs to its end before it; programs of a lower `stop_rank` stop first."""

    name: str
    command: Sequence[str]
    prepare: Sequence[str] = ()
    environment: dict[str, str] = field(default_factory=dict)
    grace: float = 5.0  # seconds between SIGTERM and SIGKILL
    stop_rank: int = 0


@dataclass(frozen=True)
class Backoff:
    """Seconds before a restart: `first`, doubled up to `longest`, back to `first` after `steady` seconds alive."""

    first: float = 1.0
    longest: float = 30.0
    steady: float = 30.0


def open_log(name: str, folder: Path, bare: bool = False) -> logging.Logger:
    """A logger that prints prefixed lines (coloured on a terminal) and keeps `folder/NAME.log`, 3 times 2 MB.

    `bare`: lines as the program wrote them, for programs that read them.
    """
    colour = COLOURS.get(name, 0) if sys.stdout.isatty() and "NO_COLOR" not in os.environ else 0
    prefix = f"\033[{colour}m{name:<6} |\033[0m" if colour else f"{name:<6} |"
    screen = logging.StreamHandler(sys.stdout)
    screen.setFormatter(logging.Formatter("%(message)s" if bare else f"{prefix} %(message)s"))
    folder.mkdir(parents=True, exist_ok=True)
    file = RotatingFileHandler(folder / f"{name}.log", maxBytes=2_000_000, backupCount=2, encoding="utf-8")
    file.setFormatter(logging.Formatter("%(message)s" if bare else "%(asctime)s %(message)s"))
    log = logging.Logger(f"up.{name}", logging.INFO)
    log.handlers = [screen, file]
    return log


async def copy_lines(stream: asyncio.StreamReader, log: logging.Logger) -> None:
    """Logs what a process prints, line by line, to its end."""
    rest = b""
    while chunk := await stream.read(LINE_LIMIT):
        *lines, rest = re.split(rb"[\r\n]+", rest + chunk)
        if len(rest) >= LINE_LIMIT:
            lines, rest = [*lines, rest], b""
        for line in filter(None, lines):
            log.info("%s", line.decode(errors="replace"))
    if rest:
        log.info("%s", rest.decode(errors="replace"))


def kill_everything(guard: int) -> None:
    """SIGKILL to a guard, to all below it and, where the guard is gone already, to what is left of its session."""
    below: list[psutil.Process] = []
    with suppress(psutil.NoSuchProcess):
        below = psutil.Process(guard).children(recursive=True)
    session = [pid for pid in psutil.pids() if session_of(pid) == guard]
    for pid in {*session, *(process.pid for process in below)}:
        with suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)


def session_of(pid: int) -> int | None:
    try:
        return os.getsid(pid)
    except (ProcessLookupError, PermissionError):
        return None


class Keeper:
    """Keeps one program alive until it is told to stop."""

    def __init__(self, program: Program, log: logging.Logger, backoff: Backoff, directory: Path, lock: int) -> None:
        self.program, self.log, self.backoff, self.directory, self.lock = program, log, backoff, directory, lock
        self.guard: asyncio.subprocess.Process | None = None
        self.stopping = False
        self.task = asyncio.create_task(self.keep())

    async def keep(self) -> None:
        delay = self.backoff.first
        while not self.stopping:
            began = time.monotonic()
            status = await self.run_once()
            if self.stopping:
                return
            if time.monotonic() - began >= self.backoff.steady:
                delay = self.backoff.first
            self.log.warning("Ended with status %d; starts again in %g s.", status, delay)
            await asyncio.sleep(delay)
            delay = min(2 * delay, self.backoff.longest)

    async def run_once(self) -> int:
        """Status of `prepare` where that failed, else of the command."""
        if self.program.prepare and ((status := await self.run(self.program.prepare)) or self.stopping):
            return status
        return await self.run(self.program.command)

    async def run(self, command: Sequence[str]) -> int:
        try:
            self.guard = guard = await self.start(command)
        except OSError as error:  # no memory, no process slots, no file handles: all may pass
            self.log.error("Cannot be started: %s.", error.strerror)
            return 1
        assert guard.stdout is not None  # noqa: S101  (for the type checker: it is a pipe)
        lines = asyncio.create_task(copy_lines(guard.stdout, self.log))
        status = await guard.wait()
        kill_everything(guard.pid)  # a guard that was killed itself could not clear up
        self.guard = None
        await asyncio.wait({lines}, timeout=1)
        lines.cancel()
        return status

    async def start(self, command: Sequence[str]) -> asyncio.subprocess.Process:
        program = self.program
        guard = [sys.executable, "-I", "-S", str(GUARD), str(program.grace), str(self.lock)]
        return await asyncio.create_subprocess_exec(
            *guard,
            *command,
            stdin=asyncio.subprocess.PIPE,  # its end tells the guard that the supervisor is gone
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.STDOUT,
            cwd=self.directory,
            env={**os.environ, "PYTHONUNBUFFERED": "1", **program.environment},
            start_new_session=True,  # the terminal's Ctrl-C reaches the supervisor alone
            pass_fds=() if self.lock < 0 else (self.lock,),
        )

    async def stop(self) -> None:
        """SIGTERM, `grace` seconds, SIGKILL."""
        self.stopping = True
        self.terminate()
        done, _ = await asyncio.wait({self.task}, timeout=self.program.grace)
        if not done:
            self.log.warning("Did not stop within %g s and was killed.", self.program.grace)
            self.kill()
            await asyncio.wait({self.task}, timeout=5)

    def terminate(self) -> None:
        if self.guard is None:
            self.task.cancel()  # it waits for a restart
            return
        with suppress(ProcessLookupError):
            self.guard.terminate()

    def kill(self) -> None:
        self.stopping = True
        if self.guard is not None:
            kill_everything(self.guard.pid)


class Supervisor:
    """Runs programs until SIGINT, SIGTERM or SIGHUP; a second signal kills them.

    `lock` is a file descriptor with a flock that the guards hold too, so that it is free only when all are gone.
    """

    def __init__(
        self,
        programs: Sequence[Program],
        logs: Path,
        directory: Path,
        *,
        backoff: Backoff | None = None,
        lock: int = -1,
        bare: bool = False,
    ) -> None:
        self.programs, self.logs, self.directory, self.lock = programs, logs, directory, lock
        self.backoff = backoff or Backoff()
        self.bare = bare  # of the lines of its programs
        self.log = open_log("up", logs)
        self.keepers: list[Keeper] = []
        self.stop_asked = asyncio.Event()

    async def run(self, announce: Coroutine[None, None, None] | None = None) -> None:
        """Starts everything at once, runs `announce` beside it, and returns when all have stopped."""
        loop = asyncio.get_running_loop()
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            loop.add_signal_handler(number, self.ask_to_stop)
        self.keepers = [
            Keeper(program, open_log(program.name, self.logs, self.bare), self.backoff, self.directory, self.lock)
            for program in self.programs
        ]
        announcing = asyncio.create_task(announce) if announce else None
        await self.stop_asked.wait()
        if announcing:
            announcing.cancel()
        await self.stop()

    def ask_to_stop(self) -> None:
        if not self.stop_asked.is_set():
            self.log.info("Stopping. Once more (Ctrl-C) ends everything at once.")
            self.stop_asked.set()
            return
        for keeper in self.keepers:
            keeper.kill()

    async def stop(self) -> None:
        def rank(keeper: Keeper) -> int:
            return keeper.program.stop_rank

        for _, keepers in groupby(sorted(self.keepers, key=rank), key=rank):
            await asyncio.gather(*(keeper.stop() for keeper in keepers))
        self.log.info("Stopped.")
