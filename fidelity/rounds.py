"""A round of a report: replies are written one after the other, and options scored beside them."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from threading import Event
from typing import Any

from fidelity.models import ReportItem

Kind = ReportItem.Kind
SPOKEN = (Kind.FACT, Kind.TAUGHT, Kind.VOICE)  # answered in words; the others are scored
SCORERS = 3  # two are read at once, and a note is looked up for the next

Ask = Callable[[ReportItem], dict[str, Any]]
Answered = list[tuple[ReportItem, dict[str, Any]]]


def asked_together(rows: Sequence[ReportItem], ask: Ask, pool: ThreadPoolExecutor) -> Answered:
    """All rows, as many at once as the pool has threads, with their fields."""
    return list(zip(rows, pool.map(ask, rows), strict=True))


def asked_side_by_side(rows: Sequence[ReportItem], ask: Ask, pool: ThreadPoolExecutor) -> Answered:
    """Every row that is answered in words, with its fields, and as many of the others as are scored meanwhile.

    One server writes and another one scores, each on a core. Two replies written together would need both cores, and
    wait for the one that scores at each of their many small products: twice the time of one after the other.
    """
    spoken = [row for row in rows if row.kind in SPOKEN]
    scored = deque(row for row in rows if row.kind not in SPOKEN)
    if not spoken:
        return asked_together(scored, ask, pool)
    is_over = Event()
    scorers = [pool.submit(_scored, scored, ask, is_over) for _ in range(SCORERS)]
    try:
        written = [(row, ask(row)) for row in spoken]
    finally:
        is_over.set()
    return written + [answered for scorer in scorers for answered in scorer.result()]


def _scored(waiting: deque[ReportItem], ask: Ask, is_over: Event) -> Answered:
    """Takes rows until there are none or the round is over."""
    found: Answered = []
    while not is_over.is_set():
        try:
            row = waiting.popleft()
        except IndexError:
            break
        found.append((row, ask(row)))
    return found
