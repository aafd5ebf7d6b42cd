"""Trains on this computer: a child process that works on the engine's job folder (docs/architecture.md)."""

import fcntl
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Generator, Iterator, Sequence
from contextlib import suppress
from pathlib import Path

import psutil
from django.conf import settings
from django.utils.translation import gettext as _

from training.providers.base import (
    Event,
    Interrupted,
    InvalidJob,
    Job,
    ModelRejected,
    OutOfRoom,
    ProviderError,
    Transient,
    Update,
    Wish,
)
from training.providers.progress import ProgressFile

LAUNCHER = Path(__file__).with_name("launcher.py")
NICE = 10  # pages come before training
POLL_SECONDS = 0.5
STOP_SECONDS = 20.0  # from SIGTERM to SIGKILL: time to write a checkpoint
HARD_MEMORY = 1.25  # times the limit: past it there is no time for a checkpoint
BUSY_SECONDS = 30.0  # a trainer whose worker was lost may take a moment to be gone

DONE, BAD_INPUT, INTERRUPTED, REFUSED, DISK_FULL = 0, 2, 3, 4, 5  # exit codes of engine.train


class LocalProvider:
    """Runs `command JOB_DIR --die-with-parent`; a training that is there already is not started twice."""

    name = "local"

    def __init__(self, command: Sequence[str] = (sys.executable, "-m", "engine.train")) -> None:
        self.command = command

    def follow(self, job: Job, wish: Callable[[], Wish]) -> Iterator[Update]:
        """See Provider. The cursor is a byte offset in progress.jsonl."""
        progress = ProgressFile(job.folder / "progress.jsonl", int(job.cursor or 0))
        if not (job.folder / "output" / "result.json").is_file():
            yield from self._train(job, progress, wish)
        yield Update(progress.read(), str(progress.offset), done=True)

    def _train(self, job: Job, progress: ProgressFile, wish: Callable[[], Wish]) -> Iterator[Update]:
        lock = yield from _lock(job.folder / "trainer.lock")
        child = Trainer(self.command, job.folder, lock)
        last_error: Event = {}
        try:
            while True:
                over = child.has_ended()  # looked up before the last read, so that no line is missed
                events = progress.read()
                last_error = next((e for e in reversed(events) if e["event"] == "error"), last_error)
                yield Update(events, str(progress.offset))
                if over:
                    break
                child.watch(wish())
                time.sleep(POLL_SECONDS)
        finally:
            child.kill()
        child.judge(str(last_error.get("message", "")))


def _lock(path: Path) -> Generator[Update, None, int]:
    """Returns a descriptor with a flock that the trainer inherits: the kernel frees it when the last holder is gone."""
    lock = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
    deadline = time.monotonic() + BUSY_SECONDS
    while True:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            if time.monotonic() > deadline:
                os.close(lock)
                raise Transient(_("An earlier training of this run is still ending.")) from None
            yield Update()
            time.sleep(POLL_SECONDS)
        else:
            return lock


class Trainer:
    """The child process. Closes its copy of `lock`, so that the child alone holds it."""

    def __init__(self, command: Sequence[str], folder: Path, lock: int) -> None:
        threads = settings.TRAINING_THREADS
        environment = {**os.environ, **({"OMP_NUM_THREADS": str(threads)} if threads else {})}
        launch = [sys.executable, "-I", "-S", str(LAUNCHER), str(os.getpid()), str(NICE)]
        try:
            with (folder / "trainer.log").open("ab") as log:
                self.process = subprocess.Popen(
                    [*launch, *command, str(folder), "--die-with-parent"],
                    stdin=subprocess.DEVNULL,
                    stdout=log,
                    stderr=subprocess.STDOUT,
                    cwd=settings.BASE_DIR,
                    env=environment,
                    pass_fds=(lock,),
                )
        finally:
            os.close(lock)
        self.limit = settings.TRAINING_MEMORY_GB * 1e9
        self.stop_by: float | None = None
        self.too_large = False

    def has_ended(self) -> bool:
        return self.process.poll() is not None

    def watch(self, wish: Wish) -> None:
        """Stops it when that is wished or it outgrows its memory, and kills it when it does not stop.

        Resident memory is measured: a limit on address space counts what torch reserves and never touches.
        """
        resident = self._resident()
        if resident > self.limit:
            self.too_large = True
        if resident > self.limit * HARD_MEMORY:
            self.kill()
        elif self.stop_by is None and (wish is not Wish.GO_ON or self.too_large):
            self.stop_by = time.monotonic() + STOP_SECONDS
            self.process.send_signal(signal.SIGTERM)
        elif self.stop_by is not None and time.monotonic() > self.stop_by:
            self.kill()

    def _resident(self) -> int:
        with suppress(psutil.Error):
            return int(psutil.Process(self.process.pid).memory_info().rss)
        return 0

    def kill(self) -> None:
        """SIGKILL, if it still runs, and waits for its end."""
        if not self.has_ended():
            self.process.kill()
        self.process.wait()

    def judge(self, sentence: str) -> None:
        """Raises what its end means, with the trainer's own `sentence` where it left one; returns if all is well."""
        code = self.process.returncode
        if code == DONE:
            return
        if self.too_large:  # worth another try: from its checkpoint it begins with little
            raise Transient(
                _("The training needed more than the %(gb)g GB of memory it may use. Raise TRAINING_MEMORY_GB.")
                % {"gb": settings.TRAINING_MEMORY_GB}
            )
        if code == INTERRUPTED or (self.stop_by is not None and code < 0):
            raise Interrupted
        raise _failure(code, sentence)


def _failure(code: int, sentence: str) -> ProviderError:
    if code == BAD_INPUT:
        return InvalidJob(sentence or _("The trainer cannot use this data set."))
    if code == REFUSED:
        return ModelRejected(sentence or _("The model did not pass its last checks. Try again, or add answers."))
    if code == DISK_FULL:
        return OutOfRoom(sentence or _("The disk is full. Make room and try again."))
    if code < 0:
        return Transient(_("The training was ended from outside, perhaps because the computer ran out of memory."))
    return ProviderError(sentence or _("The trainer stopped unexpectedly. Its last lines are in the log."))
