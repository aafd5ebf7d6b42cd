"""progress.jsonl: one JSON object a line, for the caller that shows the training."""

from __future__ import annotations

import json
import os
import time
from pathlib import Path
from typing import Any


class Progress:
    """Appends events to a file; each is one whole line, so that a reader never sees half of one for long."""

    def __init__(self, file: Path) -> None:
        file.parent.mkdir(parents=True, exist_ok=True)
        self._descriptor = os.open(file, os.O_RDWR | os.O_CREAT, 0o644)
        _drop_torn_line(self._descriptor)

    def write(self, event: str, **values: Any) -> None:
        """Append the event `event` with its values and the time `at` (Unix seconds). OSError if the disk is full."""
        line = json.dumps({"event": event, "at": round(time.time(), 3), **values}).encode() + b"\n"
        start = os.lseek(self._descriptor, 0, os.SEEK_END)
        try:
            written = os.write(self._descriptor, line)
            if written < len(line):
                os.write(self._descriptor, line[written:])
        except OSError:
            os.ftruncate(self._descriptor, start)
            raise

    def close(self) -> None:
        """Close the file."""
        os.close(self._descriptor)


def _drop_torn_line(descriptor: int) -> None:
    """Cut off what a killed writer left after the last line break."""
    size = os.lseek(descriptor, 0, os.SEEK_END)
    tail = os.pread(descriptor, 65536, max(0, size - 65536))
    os.ftruncate(descriptor, size - len(tail) + tail.rfind(b"\n") + 1)
