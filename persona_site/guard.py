"""A small parent that every supervised process gets, so that none outlives the supervisor.

Run by path with the standard library alone (`python -I -S guard.py NICE GRACE LOCK_FD COMMAND...`): it starts the
command in a process group of its own and ends that group when the command ends, or when its own standard input closes,
which happens however the supervisor dies, SIGKILL included. A guard that is itself killed takes the command along
(Linux, PR_SET_PDEATHSIG).
"""

import ctypes
import os
import signal
import sys
import threading
import time
from contextlib import suppress

PR_SET_PDEATHSIG = 1  # linux/prctl.h
POLL_SECONDS = 0.05


def die_with_parent(parent: int) -> None:
    """Has the kernel send this process SIGKILL when `parent` ends; only Linux knows that call."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != parent:
        os._exit(1)


def become(command: list[str], nice: int, parent: int) -> None:
    """Turns the forked child into `command`; returns never."""
    os.setpgid(0, 0)
    die_with_parent(parent)
    os.nice(nice)
    os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
    signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGTERM})
    try:
        os.execvp(command[0], command)  # noqa: S606  (a list, no shell)
    except OSError as error:
        print(f"{command[0]} cannot be started: {error.strerror}.", file=sys.stderr, flush=True)
        os._exit(127)


def end_group(group: int, grace: float) -> None:
    """SIGTERM to what is left of the group, SIGKILL after `grace` seconds."""
    with suppress(ProcessLookupError):
        os.killpg(group, signal.SIGTERM)
        deadline = time.monotonic() + grace
        while time.monotonic() < deadline:
            time.sleep(POLL_SECONDS)
            os.killpg(group, 0)
        os.killpg(group, signal.SIGKILL)


def outlive_nobody(group: int, grace: float) -> None:
    """Ends the group when the supervisor is gone: nobody ever writes to the pipe, so a read means its end."""
    os.read(0, 1)
    end_group(group, grace)


def main(arguments: list[str]) -> int:
    """Exit status of the command; 128 + N where signal N ended it."""
    nice, grace, lock, command = int(arguments[0]), float(arguments[1]), int(arguments[2]), arguments[3:]
    if lock >= 0:
        os.set_inheritable(lock, False)  # the guard alone holds it, until the group is gone
    signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGTERM})
    guard = os.getpid()
    child = os.fork()
    if child == 0:
        become(command, nice, guard)
    signal.signal(signal.SIGTERM, lambda *_: os.kill(child, signal.SIGTERM))
    signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGTERM})
    threading.Thread(target=outlive_nobody, args=(child, grace), daemon=True).start()
    _, status = os.waitpid(child, 0)
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    end_group(child, grace)
    return os.WEXITSTATUS(status) if os.WIFEXITED(status) else 128 + os.WTERMSIG(status)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
