"""What a server takes while it is under load: memory and processor time of the process and all below it."""

import resource
import statistics
import threading
from types import TracebackType
from typing import Any, Self

import psutil

LOOK_SECONDS = 1.0


def many_files() -> None:
    """As many open connections as the machine allows, for this process and those that it starts."""
    _soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))


class Watch:
    """Looks once a second at the memory of a process tree. To be entered when the server is warm."""

    def __init__(self, pid: int) -> None:
        self._top = psutil.Process(pid)
        self._memory: list[int] = []
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._look, daemon=True)

    def __enter__(self) -> Self:
        self._before = self._processor()
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._over.set()
        self._thread.join()
        self.processor_seconds = self._processor() - self._before

    def _tree(self) -> list[psutil.Process]:
        return [self._top, *self._top.children(recursive=True)]

    def _processor(self) -> float:
        return sum(sum(process.cpu_times()[:2]) for process in self._tree())

    def _look(self) -> None:
        while not self._over.wait(LOOK_SECONDS):
            self._memory.append(sum(process.memory_info().rss for process in self._tree()))

    def figures(self) -> dict[str, Any]:
        """MiB at the beginning and at the end (medians of a tenth of the time each), and by how much it grew."""
        tenth = max(1, len(self._memory) // 10)
        first, last = (statistics.median(part) / 2**20 for part in (self._memory[:tenth], self._memory[-tenth:]))
        grown = {"memory_mib": [round(first), round(last)], "memory_growth_percent": round(100 * (last / first - 1), 1)}
        return grown | {"processor_seconds": round(self.processor_seconds, 1)}
