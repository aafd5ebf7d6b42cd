"""What can be told to go wrong."""

import threading
from collections.abc import Callable
from dataclasses import dataclass, field

EVERY_TIME = -1


@dataclass
class Fault:
    """`what`: "drop" (the connection), "status" (an error answer), "delay", "garbage" (200, and not the API's answer),
    or "call" (a function of the test, which may kill the asker). `after`: once the request took effect.
    """

    where: str  # as in "jobs.create"; "*" is every request
    what: str
    after: bool = False
    times: int = 1
    skip: int = 0  # so many requests go well first
    status: int = 500
    code: str | None = None
    message: str = "The server had an error."
    headers: dict[str, str] = field(default_factory=dict)
    seconds: float = 0.0
    call: Callable[[], object] = lambda: None


class Faults:
    """The faults that are still to come; asked by the server's threads."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._waiting: list[Fault] = []

    def add(self, fault: Fault) -> None:
        with self._lock:
            self._waiting.append(fault)

    def clear(self) -> None:
        with self._lock:
            self._waiting.clear()

    def due(self, where: str, *, after: bool) -> list[Fault]:
        """The faults for this request at this moment; each is used up by that."""
        with self._lock:
            found = []
            for fault in self._waiting:
                if fault.where not in {where, "*"} or fault.after != after or fault.times == 0:
                    continue
                if fault.skip:
                    fault.skip -= 1
                    continue
                fault.times = max(EVERY_TIME, fault.times - 1) if fault.times > 0 else fault.times
                found.append(fault)
            return found
