"""Ending the server: SIGTERM and SIGINT are waited for in a thread, since llama.cpp replaces the handlers of both."""

from __future__ import annotations

import os
import signal
import threading
import time
from collections.abc import Callable

SIGNALS = frozenset({signal.SIGTERM, signal.SIGINT})
DEADLINE_S = 2.5
"""From the signal to the end of the process, whatever still runs."""


class Shutdown:
    """Waits for a signal from now on. Make it first, in the main thread, since later threads inherit what it blocks."""

    def __init__(self) -> None:
        self.stop: Callable[[], None] = _leave
        """What to call at the first signal; until there is something to stop, the process just ends."""
        signal.pthread_sigmask(signal.SIG_BLOCK, SIGNALS)
        threading.Thread(target=self._wait, name="signals", daemon=True).start()

    def _wait(self) -> None:
        signal.sigwait(SIGNALS)
        self.stop()
        threading.Thread(target=self._wait_again, name="second signal", daemon=True).start()
        time.sleep(DEADLINE_S)
        _leave()

    def _wait_again(self) -> None:
        signal.sigwait(SIGNALS)
        _leave()


def _leave() -> None:
    os._exit(0)
