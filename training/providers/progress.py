"""Reads a file of JSON lines that another process is writing."""

import json
from pathlib import Path

from training.providers.base import Event


class ProgressFile:
    """The lines after `offset`, in bytes. A line that is still being written waits for its end."""

    def __init__(self, path: Path, offset: int) -> None:
        self.path, self.offset = path, offset

    def read(self) -> tuple[Event, ...]:
        """What came since the last call. A file that shrank was begun anew and is read from its start."""
        try:
            with self.path.open("rb") as file:
                if self.path.stat().st_size < self.offset:
                    self.offset = 0
                file.seek(self.offset)
                data = file.read()
        except FileNotFoundError:
            return ()
        whole = data[: data.rfind(b"\n") + 1]
        self.offset += len(whole)
        events = (_event(line) for line in whole.split(b"\n"))
        return tuple(event for event in events if event is not None)


def _event(line: bytes) -> Event | None:
    """None for a line that a killed writer tore. NaN and NUL become null and U+FFFD: no database keeps them."""
    try:
        event = json.loads(line.replace(b"\\u0000", b"\\ufffd"), parse_constant=lambda _name: None)
    except ValueError:
        return None
    return event if isinstance(event, dict) and isinstance(event.get("event"), str) else None
