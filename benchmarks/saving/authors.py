"""People who type: each sends a save every few seconds over a connection of their own, whatever the server does."""

import asyncio
import json
import math
import random
import time
from collections.abc import Callable
from dataclasses import dataclass, field

WORDS = ("ramp", "night", "ferry", "cars", "first", "tram", "nobody", "ordered", "lights", "rope", "and", "the", "of")


@dataclass
class Author:
    """Somebody who writes one answer. `body` makes the next save of the text; `heard` is told each reply."""

    path: str
    headers: dict[str, str]
    body: Callable[[str], dict[str, object]]
    heard: Callable[[dict[str, object]], None]
    text: str = ""
    method: str = "PUT"


@dataclass
class Outcome:
    """Seconds from the moment when a save was due to its reply, and everything that was not a 200."""

    seconds: list[float] = field(default_factory=list)
    errors: list[str] = field(default_factory=list)

    def quantile(self, share: float) -> float:
        return sorted(self.seconds)[min(len(self.seconds) - 1, int(share * len(self.seconds)))]


class Line:
    """A connection that is opened again when the server closed it."""

    def __init__(self, port: int) -> None:
        self.port = port
        self.streams: tuple[asyncio.StreamReader, asyncio.StreamWriter] | None = None

    async def send(self, method: str, path: str, headers: dict[str, str], body: bytes) -> tuple[int, bytes]:
        """As browsers do, once more where the server had closed the connection that was kept open."""
        head = f"{method} {path} HTTP/1.1\r\nHost: 127.0.0.1:{self.port}\r\nContent-Length: {len(body)}\r\n"
        message = (head + "".join(f"{name}: {value}\r\n" for name, value in headers.items()) + "\r\n").encode() + body
        if self.streams is not None:
            try:
                return await self._exchange(message)
            except (ConnectionError, asyncio.IncompleteReadError):
                self.streams[1].close()
        self.streams = await asyncio.open_connection("127.0.0.1", self.port)
        return await self._exchange(message)

    async def _exchange(self, message: bytes) -> tuple[int, bytes]:
        assert self.streams is not None
        reader, writer = self.streams
        writer.write(message)
        answer = await reader.readuntil(b"\r\n\r\n")
        status = int(answer.split(b" ", 2)[1])
        length = next(int(line[15:]) for line in answer.split(b"\r\n") if line.lower().startswith(b"content-length:"))
        return status, await reader.readexactly(length)


async def write(
    author: Author, line: Line, outcome: Outcome, due: float, until: float, interval: float, patience: float = math.inf
) -> None:
    """Saves at fixed times: a save that waits for the one before it counts the waiting too.

    What could not be sent `patience` seconds after the end is an error.
    """
    while due < until:
        if time.perf_counter() > until + patience:
            outcome.errors.append("not sent in time")
            due += interval
            continue
        await asyncio.sleep(max(0.0, due - time.perf_counter()))
        author.text = f"{author.text} {random.choice(WORDS)}"[-700:].strip()
        body = json.dumps(author.body(author.text)).encode()
        try:
            status, reply = await line.send(author.method, author.path, author.headers, body)
        except (OSError, asyncio.IncompleteReadError) as error:
            outcome.errors.append(type(error).__name__)
            line.streams = None
        else:
            outcome.seconds.append(time.perf_counter() - due)
            if status != 200:
                outcome.errors.append(f"{status} {reply[:80]!r}")
            else:
                author.heard(json.loads(reply))
        due += interval


async def write_all(
    authors: list[Author], port: int, seconds: float, interval: float, patience: float = math.inf
) -> Outcome:
    """All of them at once, evenly spread over the interval."""
    outcome, start = Outcome(), time.perf_counter() + 0.5
    starts = [start + interval * number / len(authors) for number in range(len(authors))]
    lines = [Line(port) for _author in authors]
    await asyncio.gather(
        *(
            write(author, line, outcome, due, start + seconds, interval, patience)
            for author, line, due in zip(authors, lines, starts, strict=True)
        )
    )
    for line in lines:
        if line.streams:
            line.streams[1].close()
    return outcome
