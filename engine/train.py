"""Trains an adapter for a base model: `python -m engine.train JOB_DIR`.

The job folder, its files and the exit codes are described in docs/architecture.md. The process may be killed at any
moment; started again on the same folder it goes on from the last checkpoint and ends with the same adapter.
"""

from __future__ import annotations

import argparse
import ctypes
import fcntl
import os
import signal
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import FrameType, TracebackType

from engine.errors import EXIT_DISK_FULL, BadInput, TrainingError, is_disk_full
from engine.job import read_job
from engine.job_memory import fit_into_memory
from engine.progress import Progress

_LOCK_SECONDS = 15.0
_PR_SET_PDEATHSIG = 1

stopping = threading.Event()
"""Set by SIGTERM and SIGINT; the training looks at it between steps."""


def die_with_parent() -> None:
    """Ask the kernel for SIGTERM when the parent ends (prctl(2)), so that no trainer is left alone on the machine."""
    parent = os.getppid()
    ctypes.CDLL(None, use_errno=True).prctl(_PR_SET_PDEATHSIG, signal.SIGTERM)
    if os.getppid() != parent or parent == 1:
        sys.exit(1)


def _ask_to_stop(number: int, frame: FrameType | None) -> None:
    stopping.set()


@contextmanager
def _only_trainer(folder: Path) -> Iterator[None]:
    """Hold the job folder; waits a moment for a trainer that is just ending."""
    deadline = time.monotonic() + _LOCK_SECONDS
    with (folder / ".lock").open("w") as lock:
        while True:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            except BlockingIOError:
                if time.monotonic() > deadline:
                    raise BadInput(f"Another process trains in {folder}. Wait for it or stop it.") from None
                time.sleep(0.1)
        yield


def _train(folder: Path, progress: Progress) -> None:
    # Here and not above: what takes seconds to import comes after the signals are caught and the rows are checked.
    progress.write("state", state="preparing")
    with _only_trainer(folder):
        job = fit_into_memory(read_job(folder))
        from engine.session import Session

        Session(job, progress, stopping).run()


def _report(progress: Progress, message: str, code: int) -> int:
    print(message, file=sys.stderr)
    try:
        progress.write("error", message=message, code=code)
    except OSError:
        print("The message could not be added to progress.jsonl.", file=sys.stderr)
    return code


def _disk_full(progress: Progress, folder: Path) -> int:
    sentence = f"The disk is full (or a limit is reached) under {folder}. Free some space and start again; "
    return _report(progress, sentence + "the training goes on from its last checkpoint.", EXIT_DISK_FULL)


def run(folder: Path) -> int:
    """Do the job in `folder` and return the exit code of docs/architecture.md."""
    if not folder.is_dir():
        print(f"There is no job folder {folder}.", file=sys.stderr)
        return BadInput.exit_code
    try:
        progress = Progress(folder / "progress.jsonl")
    except OSError as error:
        print(f"The job folder {folder} cannot be written: {error}.", file=sys.stderr)
        return 1
    _report_crashes(progress)
    try:
        _train(folder, progress)
        return 0
    except TrainingError as error:
        return _report(progress, str(error), error.exit_code)
    except MemoryError:
        return _report(progress, "There is not enough memory to train. Close other programs and start again.", 1)
    except OSError as error:
        return (
            _disk_full(progress, folder) if is_disk_full(error) else _report(progress, f"Training failed: {error}", 1)
        )


def _report_crashes(progress: Progress) -> None:
    """Leave a last line for the person when an error comes that nobody foresaw; the traceback goes to stderr."""

    def hook(kind: type[BaseException], error: BaseException, trace: TracebackType | None) -> None:
        sys.__excepthook__(kind, error, trace)
        _report(progress, f"Training failed unexpectedly ({kind.__name__}: {error}). Start it again or report it.", 1)

    sys.excepthook = hook


def main(arguments: list[str] | None = None) -> int:
    """Train the adapter that a job folder describes."""
    parser = argparse.ArgumentParser(prog="python -m engine.train", description=main.__doc__)
    parser.add_argument("job_dir", type=Path, help="folder with job.json and train.jsonl")
    parser.add_argument("--die-with-parent", action="store_true", help="stop when the starting process ends (Linux)")
    options = parser.parse_args(arguments)
    signal.signal(signal.SIGTERM, _ask_to_stop)
    signal.signal(signal.SIGINT, _ask_to_stop)
    if options.die_with_parent:
        die_with_parent()
    return run(options.job_dir)


if __name__ == "__main__":
    sys.exit(main())
