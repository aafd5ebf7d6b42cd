"""Models that are not here yet: a helper process brings them, asked by a line, and answers by a line.

The helper gets `NAME\\n` on its standard input and writes `{"name": NAME, "ok": bool, "status": int, "message": str}`
in any order; it ends when its input closes. The engine knows nothing of where models come from.
"""

from __future__ import annotations

import asyncio
import json
import logging
import re
import sys
import time
from collections.abc import Sequence

from engine.serving.backend import Adapter
from engine.serving.catalog import Catalog
from engine.serving.errors import ApiError

ASKED_AGAIN_S = 60.0
"""A model that was looked after is taken as it is for so long; then the helper checks it again."""
PATIENCE_S = 45.0
CLOSING_S = 1.0

log = logging.getLogger(__name__)


_NAME = re.compile(r"[0-9A-Za-z][0-9A-Za-z._-]{0,99}")


class Fetcher:
    """Asks the helper `command` for models. Every method is called in the event loop."""

    def __init__(self, command: Sequence[str]) -> None:
        self._command = command
        self._process: asyncio.subprocess.Process | None = None
        self._waiting: dict[str, asyncio.Future[ApiError | None]] = {}
        self._fresh: dict[str, float] = {}
        self._reading: asyncio.Task[None] | None = None
        self._starting = asyncio.Lock()

    async def ensure(self, name: str) -> None:
        """Returns when the model is here as far as the helper knows. Raises ApiError: its refusal, or 503."""
        if time.monotonic() - self._fresh.get(name, -ASKED_AGAIN_S) < ASKED_AGAIN_S:
            return
        try:
            fault = await asyncio.wait_for(asyncio.shield(await self._ask(name)), PATIENCE_S)
        except (TimeoutError, OSError) as error:
            raise away(name) from error
        if fault is not None:
            self._fresh.pop(name, None)
            raise fault
        self._fresh[name] = time.monotonic()

    async def close(self) -> None:
        """Lets the helper end, which the end of its input tells it to."""
        if self._process is None or self._process.stdin is None or self._reading is None:
            return
        self._process.stdin.close()
        try:
            await asyncio.wait_for(asyncio.shield(self._reading), CLOSING_S)
        except TimeoutError:
            self._process.kill()
            await self._reading

    async def _ask(self, name: str) -> asyncio.Future[ApiError | None]:
        """What will be known of the model; those who ask for it at once share one answer."""
        if name not in self._waiting:
            async with self._starting:
                pipe = await self._pipe()
            answer: asyncio.Future[ApiError | None] = asyncio.get_running_loop().create_future()
            self._waiting[name] = answer
            pipe.write(name.encode() + b"\n")
            await pipe.drain()
        return self._waiting[name]

    async def _pipe(self) -> asyncio.StreamWriter:
        if self._process is None or self._process.returncode is not None:
            pipe = asyncio.subprocess.PIPE
            self._process = await asyncio.create_subprocess_exec(
                *self._command, stdin=pipe, stdout=pipe, stderr=sys.stderr
            )
            self._reading = asyncio.create_task(self._read(self._process))
        if self._process.stdin is None:
            raise OSError("the helper has no input")
        return self._process.stdin

    async def _read(self, process: asyncio.subprocess.Process) -> None:
        if process.stdout is None:
            return
        while line := await process.stdout.readline():
            self._tell(line)
        log.info("The process that fetches models ended; it starts again with the next request.")
        await process.wait()
        for name in list(self._waiting):
            self._resolve(name, away(name))

    def _tell(self, line: bytes) -> None:
        try:
            said = json.loads(line)
            name, ok = str(said["name"]), bool(said["ok"])
            status, message = int(said.get("status", 503)), str(said.get("message", ""))
        except (ValueError, KeyError, TypeError):
            log.warning("The process that fetches models wrote what cannot be read.")
            return
        codes = {404: "model_not_found", 422: "model_broken"}
        self._resolve(name, None if ok else ApiError(status, message, codes.get(status, "model_away"), "model"))

    def _resolve(self, name: str, fault: ApiError | None) -> None:
        answer = self._waiting.pop(name, None)
        if answer is not None and not answer.done():
            answer.set_result(fault)


class Shelf:
    """The catalog's models, and those that a helper can bring."""

    def __init__(self, catalog: Catalog, fetcher: Fetcher | None = None) -> None:
        self.catalog, self.fetcher = catalog, fetcher

    async def find(self, name: str) -> Adapter | None:
        """The adapter called `name`, None for the base model. Raises ApiError: 404, 422, or 503 while it is away.

        One that is here is served though the helper does not answer.
        """
        if self.fetcher is not None and name != self.catalog.base_name and _NAME.fullmatch(name):
            try:
                await self.fetcher.ensure(name)
            except ApiError as error:
                if error.status != 503 or name not in self.catalog.names():
                    raise
        return self.catalog.find(name)

    async def close(self) -> None:
        if self.fetcher is not None:
            await self.fetcher.close()


def away(name: str) -> ApiError:
    """A 503: the helper did not answer."""
    return ApiError(503, f"The model “{name}” cannot be fetched now. Try again in a moment.", "model_away", "model")
