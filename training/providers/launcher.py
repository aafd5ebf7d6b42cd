"""Turns itself into a command that is nice and dies with its parent: `python -I -S launcher.py PARENT NICE COMMAND...`.

Run by path with the standard library alone, since code between fork and exec of a process with threads can hang.
"""

import ctypes
import os
import signal
import sys

PR_SET_PDEATHSIG = 1  # linux/prctl.h


def main(arguments: list[str]) -> None:
    """Never returns. The kernel's SIGKILL at the parent's death outlasts exec (man 2 PR_SET_PDEATHSIG)."""
    parent, nice, command = int(arguments[0]), int(arguments[1]), arguments[2:]
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != parent:
        sys.exit(1)
    if os.getpriority(os.PRIO_PROCESS, 0) < nice:
        os.setpriority(os.PRIO_PROCESS, 0, nice)
    os.execvp(command[0], command)  # noqa: S606  (a list, no shell)


if __name__ == "__main__":
    main(sys.argv[1:])
