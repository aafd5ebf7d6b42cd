"""A small parent that every supervised process gets, so that none outlives the supervisor.

Run by path with the standard library alone (`python -I -S guard.py GRACE LOCK_FD COMMAND...`): it starts the
command in a process group of its own and ends it when its own standard input closes, which happens however the
supervisor dies, SIGKILL included. What the command leaves behind is ended too: its group, and on Linux whatever left
that group as well (PR_SET_CHILD_SUBREAPER). A guard that is itself killed takes the command along (PR_SET_PDEATHSIG).
"""

import ctypes
import os
import signal
import sys
import threading
import time
from contextlib import suppress
from pathlib import Path

PR_SET_PDEATHSIG, PR_SET_CHILD_SUBREAPER = 1, 36  # linux/prctl.h
POLL_SECONDS = 0.05


def prctl(option: int, value: int) -> None:
    """prctl(2); other systems have no such call."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(option, value)


def become(command: list[str], parent: int) -> None:
    """Turns the forked child into `command`; returns never."""
    os.setpgid(0, 0)
    prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != parent:
        os._exit(1)
    os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
    signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGTERM})
    try:
        os.execvp(command[0], command)  # noqa: S606  (a list, no shell)
    except OSError as error:
        print(f"{command[0]} cannot be started: {error.strerror}.", file=sys.stderr, flush=True)
        os._exit(127)


def left_behind(group: int) -> set[int]:
    """What still lives when the command has ended, as kill(2) takes it: orphans that came to the guard, the group."""
    with suppress(ChildProcessError):
        while os.waitpid(-1, os.WNOHANG)[0]:
            pass
    left = set()
    with suppress(OSError):
        left = {int(pid) for pid in Path(f"/proc/self/task/{os.getpid()}/children").read_text().split()}
    with suppress(ProcessLookupError):
        os.kill(-group, 0)
        left.add(-group)
    return left


def send(targets: set[int], number: int) -> None:
    for target in targets:
        with suppress(ProcessLookupError):
            os.kill(target, number)


def end_rest(group: int, grace: float) -> None:
    """SIGTERM once to everything that is left behind, SIGKILL after `grace` seconds."""
    deadline = time.monotonic() + grace
    told: set[int] = set()
    while left := left_behind(group):
        late = time.monotonic() > deadline
        send(left if late else left - told, signal.SIGKILL if late else signal.SIGTERM)
        told |= left
        time.sleep(POLL_SECONDS)


def outlive_nobody(group: int, grace: float) -> None:
    """Stops the command when the supervisor is gone: nobody ever writes to the pipe, so a read means its end."""
    os.read(0, 1)
    send({group}, signal.SIGTERM)  # to the command alone: it knows how its own children end well
    time.sleep(grace)
    send({-group}, signal.SIGKILL)


def main(arguments: list[str]) -> int:
    """Exit status of the command; 128 + N where signal N ended it."""
    grace, lock, command = float(arguments[0]), int(arguments[1]), arguments[2:]
    if lock >= 0:
        os.set_inheritable(lock, False)  # the guard alone holds it, until the group is gone
    signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGTERM})
    prctl(PR_SET_CHILD_SUBREAPER, 1)
    guard = os.getpid()
    child = os.fork()
    if child == 0:
        become(command, guard)
    signal.signal(signal.SIGTERM, lambda *_: os.kill(child, signal.SIGTERM))
    signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGTERM})
    threading.Thread(target=outlive_nobody, args=(child, grace), daemon=True).start()
    _, status = os.waitpid(child, 0)
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    end_rest(child, grace)
    return os.WEXITSTATUS(status) if os.WIFEXITED(status) else 128 + os.WTERMSIG(status)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
