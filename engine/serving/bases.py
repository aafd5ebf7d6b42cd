"""More than one base model in a server: the default one stays, others are loaded when an adapter needs them."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from engine.base_models import BaseModel, locate
from engine.memory import machine_memory
from engine.serving.backend import Adapter, Backend, Generation, Logprob, Message, OnToken, Outcome
from engine.serving.chat_template import ChatTemplate
from engine.serving.errors import ApiError, no_room

log = logging.getLogger(__name__)

# Measured: what llama.cpp holds beside the file for two slots of context, and what importing torch costs.
_LLAMA_BYTES = 150e6
_TORCH_BYTES = 450e6


@dataclass
class Loaded:
    """A base model in memory, and what it takes there."""

    base: BaseModel
    backend: Backend
    cost: int
    used: float = field(default_factory=time.monotonic)


class Bases:
    """A Backend over several base models. Of those beside the default one, the longest unused make way.

    `limit` is what these may take together, in bytes; None: whatever is free when one is loaded.
    """

    def __init__(
        self, default: BaseModel, cache_dir: Path, make: Callable[[BaseModel], Backend], limit: int | None = None
    ) -> None:
        self._default, self._cache_dir, self._make, self._limit = default, cache_dir, make, limit
        self._first = make(default)
        self._others: dict[Path, Loaded] = {}
        self._templates: dict[Path, ChatTemplate] = {}
        self.slots, self.adapter_capacity = self._first.slots, self._first.adapter_capacity
        self.adapter_file = self._first.adapter_file

    def locate(self, name: str) -> BaseModel | None:
        """Another base model by what an adapter calls it, if it is on this machine."""
        return locate(name, self._cache_dir)

    def slots_for(self, adapter: Adapter | None) -> int:
        loaded = self._loaded(adapter)
        return 1 if loaded is None else min(self.slots, loaded.slots)

    def render(self, messages: Sequence[Message], adapter: Adapter | None = None) -> str:
        if adapter is None or adapter.base is None:
            return self._first.render(messages)
        folder = adapter.base.folder
        if folder not in self._templates:
            self._templates[folder] = ChatTemplate(folder)
        return self._templates[folder].render(messages)

    def is_loaded(self, adapter: Adapter | None) -> bool:
        backend = self._loaded(adapter)
        return backend is not None and backend.is_loaded(adapter)

    def load(self, adapter: Adapter) -> None:
        """Load the base model of `adapter` if need be, and the adapter. Raises BrokenAdapter, ApiError 503."""
        backend = self._loaded(adapter) or self._load_base(adapter)
        if not backend.is_loaded(adapter):
            backend.load(adapter)

    def generate(self, request: Generation, slot: int, on_token: OnToken) -> Outcome:
        return self._use(request.adapter).generate(request, slot, on_token)

    def score(self, prompt: str, text: str, adapter: Adapter | None, slot: int) -> list[Logprob]:
        return self._use(adapter).score(prompt, text, adapter, slot)

    def score_all(
        self, prompts: Sequence[str], texts: Sequence[str], adapter: Adapter | None, slot: int
    ) -> Iterator[list[Logprob]]:
        return self._use(adapter).score_all(prompts, texts, adapter, slot)

    def close(self) -> None:
        while self._others:
            self._drop_oldest()
        self._first.close()

    def _loaded(self, adapter: Adapter | None) -> Backend | None:
        if adapter is None or adapter.base is None:
            return self._first
        found = self._others.get(adapter.base.folder)
        return None if found is None else found.backend

    def _use(self, adapter: Adapter | None) -> Backend:
        """The backend of a loaded adapter, which counts as used last from now on."""
        if adapter is not None and adapter.base is not None and adapter.base.folder in self._others:
            self._others[adapter.base.folder].used = time.monotonic()
        backend = self._loaded(adapter)
        if backend is None:
            raise LookupError(f"{adapter} is not loaded")
        return backend

    def _load_base(self, adapter: Adapter) -> Backend:
        base = adapter.base
        if base is None:
            return self._first
        cost = memory_cost(base)
        self._make_room(base.name, cost)
        log.info("Loading the base model %s for %s", base.name, adapter.name)
        try:
            backend = self._make(base)
        except (OSError, ValueError, RuntimeError) as error:
            raise ApiError(
                422, f"The base model “{base.name}” cannot be loaded: {error}. Fetch it again.", "base_model_broken"
            ) from error
        self._others[base.folder] = Loaded(base, backend, cost)
        return backend

    def _make_room(self, name: str, cost: int) -> None:
        while self._others and not self._fits(cost):
            self._drop_oldest()
        if not self._fits(cost):
            raise no_room(name, cost, self._room())

    def _fits(self, cost: int) -> bool:
        return cost <= self._room()

    def _room(self) -> int:
        free = machine_memory().available
        taken = sum(one.cost for one in self._others.values())
        return free if self._limit is None else max(0, min(free, self._limit - taken))

    def _drop_oldest(self) -> None:
        loaded = self._others.pop(min(self._others, key=lambda folder: self._others[folder].used))
        log.info("Dropping the base model %s", loaded.base.name)
        loaded.backend.close()


def memory_cost(base: BaseModel) -> int:
    """Bytes that a base model takes in this server."""
    if base.gguf is not None:
        return int(base.gguf.stat().st_size + _LLAMA_BYTES)
    return int(sum(file.stat().st_size for file in base.folder.glob("*.safetensors")) + _TORCH_BYTES)
