"""A server that only reads, for the time of a report: many prompts with few words to foretell after each.

llama.cpp, which writes fast, makes each token of an option come by itself; transformers reads an order's options as one
batch. It takes some 800 MB beside the model server, so it is started where that is free, and not for a few items.
"""

from __future__ import annotations

import logging
from contextlib import ExitStack
from typing import Self
from urllib.parse import urlsplit

from django.conf import settings

from engine.memory import machine_memory
from fidelity.engine_client import EngineClient
from fidelity.models import Report, ReportItem
from training.engine_process import EngineDidNotStart, engine_started
from training.versions import is_remote

logger = logging.getLogger(__name__)

NEEDED_BYTES = 1_500_000_000
FEWEST_ROWS = 12  # it takes some seconds to start
NICE = 5  # whoever chats meanwhile goes first
WEIGHTS = "adapter_model.safetensors"


class ScoringEngine:
    """The client to score with: of a server of its own, started at the first need, or the usual one."""

    def __init__(self, report: Report, usual: EngineClient) -> None:
        self._report, self._usual = report, usual
        self._client: EngineClient | None = None
        self._stack = ExitStack()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_error: object) -> None:
        self._stack.close()

    def client(self) -> EngineClient:
        if self._client is None:
            self._client = self._started() if self._pays() else self._usual
        return self._client

    def _pays(self) -> bool:
        """Whether a server of its own can be had and is worth its start."""
        version = self._report.version
        here = urlsplit(settings.ENGINE_URL).hostname in ("127.0.0.1", "localhost")
        if is_remote(version) or not here or not (version.folder / WEIGHTS).is_file():
            return False
        chosen = (ReportItem.Kind.CHOICE, ReportItem.Kind.FILM, ReportItem.Kind.PAIR)
        rows = self._report.rows.filter(asked_at=None, kind__in=chosen).count()
        return rows >= FEWEST_ROWS and machine_memory().available >= NEEDED_BYTES

    def _started(self) -> EngineClient:
        try:
            url = self._stack.enter_context(engine_started("--runtime", "transformers", nice=NICE))
        except EngineDidNotStart as error:
            logger.warning("No server of its own to score with (%s); the usual one does it.", error)
            return self._usual
        client = EngineClient.local(url)
        self._stack.callback(client.close)
        return client
