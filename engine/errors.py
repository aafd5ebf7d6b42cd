"""How a training job fails, and the exit code that tells it to the caller."""

from __future__ import annotations

import errno

EXIT_BAD_INPUT = 2
EXIT_INTERRUPTED = 3
EXIT_REFUSED = 4
EXIT_DISK_FULL = 5

# EFBIG is what a limit on the size of files (ulimit -f, RLIMIT_FSIZE) answers.
_NO_ROOM = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}


class TrainingError(Exception):
    """Ends a job; the message is a sentence for the person: what is wrong, where, what to do."""

    exit_code = 1


class BadInput(TrainingError):
    """The job folder, its rows or the base model cannot be used."""

    exit_code = EXIT_BAD_INPUT


class Interrupted(TrainingError):
    """SIGTERM or SIGINT came; the work so far is in a checkpoint."""

    exit_code = EXIT_INTERRUPTED


class Refused(TrainingError):
    """The trained model's replies are broken; nothing is published."""

    exit_code = EXIT_REFUSED


def is_disk_full(error: OSError) -> bool:
    """Whether `error` says that there is no room; numpy's `tofile` says it in words, without an errno."""
    return error.errno in _NO_ROOM or "requested and" in str(error)
