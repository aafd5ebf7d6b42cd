"""Models that are not here yet: a helper process brings them, asked by a line, and answers by a line.

The helper gets `NAME\\n` on its standard input and writes `{"name": NAME, "ok": bool, "status": int, "message": str}`
in any order; it ends when its input closes. The engine knows nothing of where models come from.
"""

from __future__ import annotations

import asyncio
import json
import logging
import re
import subprocess
import threading
import time
from collections.abc import Sequence
from contextlib import suppress
from typing import IO

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
        self._process: subprocess.Popen[bytes] | None = None
        self._waiting: dict[str, asyncio.Future[ApiError | None]] = {}
        self._fresh: dict[str, float] = {}
        self._reader: threading.Thread | None = None

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
        process = self._process
        if process is None or process.stdin is None or process.stdout is None:
            return
        process.stdin.close()
        try:
            await asyncio.to_thread(process.wait, CLOSING_S)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
        if self._reader is not None:
            await asyncio.to_thread(self._reader.join)

    async def _ask(self, name: str) -> asyncio.Future[ApiError | None]:
        """What will be known of the model; those who ask for it at once share one answer."""
        if name not in self._waiting:
            loop = asyncio.get_running_loop()
            pipe = self._pipe(loop)
            self._waiting[name] = loop.create_future()
            pipe.write(name.encode() + b"\n")
            pipe.flush()
        return self._waiting[name]

    def _pipe(self, loop: asyncio.AbstractEventLoop) -> IO[bytes]:
        """The helper's input. It is started by subprocess, which uses vfork: a fork runs what llama.cpp's and numpy's
        threads left to be run at forks, and hung there for good.
        """
        if self._process is None or self._process.poll() is not None:
            self._process = subprocess.Popen(self._command, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
            self._reader = threading.Thread(target=self._read, args=(self._process, loop), daemon=True)
            self._reader.start()
        if self._process.stdin is None:
            raise OSError("the helper has no input")
        return self._process.stdin

    def _read(self, process: subprocess.Popen[bytes], loop: asyncio.AbstractEventLoop) -> None:
        """In a thread: hands the helper's lines to the event loop, to the end."""
        for line in process.stdout or ():
            loop.call_soon_threadsafe(self._tell, line)
        process.wait()
        for pipe in (process.stdin, process.stdout):
            if pipe is not None:
                with suppress(OSError):
                    pipe.close()
        with suppress(RuntimeError):  # the loop is closed, and nobody waits
            loop.call_soon_threadsafe(self._ended)

    def _ended(self) -> None:
        log.info("The process that fetches models ended; it starts again with the next request.")
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
