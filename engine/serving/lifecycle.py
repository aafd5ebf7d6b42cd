"""Ending the server: SIGTERM and SIGINT are waited for in a thread, since llama.cpp replaces the handlers of both."""

from __future__ import annotations

import os
import signal
import threading
import time
from collections.abc import Callable

SIGNALS = frozenset({signal.SIGTERM, signal.SIGINT})
DEADLINE_S = 2.8
"""From the signal to the end of the process, whatever still runs."""


def block_signals() -> None:
    """Keep the signals pending for `on_signal`, in this thread and all that it starts. Call it first of all."""
    signal.pthread_sigmask(signal.SIG_BLOCK, SIGNALS)


def on_signal(stop: Callable[[], None]) -> None:
    """Call `stop` at the first signal; end the process if it still runs DEADLINE_S later or at a second signal."""
    threading.Thread(target=_wait, args=(stop,), name="signals", daemon=True).start()


def _wait(stop: Callable[[], None]) -> None:
    signal.sigwait(SIGNALS)
    stop()
    threading.Thread(target=_second, daemon=True).start()
    time.sleep(DEADLINE_S)
    os._exit(0)


def _second() -> None:
    signal.sigwait(SIGNALS)
    os._exit(1)
