"""How many cores other programs leave: for a thread on a busy core the others wait, at each product."""

from __future__ import annotations

import time

import psutil

BUSY = ("user", "nice", "system", "irq", "softirq", "steal")  # fields of psutil.cpu_times; not all systems have each
LEAST_SECONDS = 0.5  # a shorter look says more of chance than of the machine


class FreeCores:
    """Counts what other programs used since the last look. The first look counts all cores as free."""

    def __init__(self, cores: int) -> None:
        self._cores = self._free = cores
        self._process = psutil.Process()
        self._at, self._busy, self._own = self._look()

    def count(self) -> int:
        """Cores that nothing else uses, one at least."""
        at, busy, own = self._look()
        if (passed := at - self._at) >= LEAST_SECONDS:
            others = max(0.0, (busy - self._busy) - (own - self._own)) / passed
            self._free = max(1, self._cores - round(others))
            self._at, self._busy, self._own = at, busy, own
        return self._free

    def _look(self) -> tuple[float, float, float]:
        """Seconds: the clock, the work of all cores, this process's own share of it."""
        everything, mine = psutil.cpu_times(), self._process.cpu_times()
        busy = sum(getattr(everything, name, 0.0) for name in BUSY)
        return time.monotonic(), busy, mine.user + mine.system
