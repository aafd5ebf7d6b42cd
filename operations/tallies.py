"""Counts of what happens in any process: replies, translations. Kept in the broker, so that one scrape sees them all.

Whoever counts never waits: sums are gathered in memory and sent each second by a thread. Is the broker away, they wait.
"""

from __future__ import annotations

import atexit
import os
import threading
from collections import Counter

from operations.broker import BrokerError, client

KEY = "metrics:tallies"  # a hash: "name|label|label" -> sum
FLUSH_SECONDS = 1.0

_lock = threading.Lock()
_pending: Counter[str] = Counter()
_flushing_in: list[int] = []  # the process that has a thread; a fork has none


def tally(name: str, *labels: str, amount: float = 1) -> None:
    """Adds `amount` to what is counted under `name` and `labels`."""
    with _lock:
        _pending["|".join((name, *labels))] += amount  # type: ignore[assignment]
        if _flushing_in != [os.getpid()]:
            _flushing_in[:] = [os.getpid()]
            threading.Thread(target=_flush_always, name="tallies", daemon=True).start()


def _flush_always() -> None:
    pause = threading.Event()
    while not pause.wait(FLUSH_SECONDS):
        flush()


def flush() -> bool:
    """Sends what was gathered; False, and it is kept, where the broker is away."""
    with _lock:
        sums = dict(_pending)
        _pending.clear()
    if not sums:
        return True
    try:
        with client().pipeline(transaction=True) as pipe:
            for field, amount in sums.items():
                pipe.hincrbyfloat(KEY, field, amount)
            pipe.execute()
    except (BrokerError, OSError):
        with _lock:
            _pending.update(sums)
        return False
    return True


def tallies() -> dict[tuple[str, ...], float]:
    """All sums so far, by name and labels; of this process alone where the broker is away."""
    flush()
    sums: Counter[str] = Counter(_pending)
    try:
        for field, amount in client().hgetall(KEY).items():
            sums[field.decode()] += float(amount)  # type: ignore[assignment]
    except (BrokerError, OSError):
        pass
    return {tuple(field.split("|")): float(amount) for field, amount in sums.items()}


atexit.register(flush)
os.register_at_fork(after_in_child=_pending.clear)  # the parent sends its own
