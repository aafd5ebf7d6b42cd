"""llama.cpp, through xllamacpp, on a GGUF of the base model with a LoRA per request."""

from __future__ import annotations

import ctypes
import os
import shutil
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import xllamacpp

from engine.base_models import BaseModel
from engine.serving.backend import (
    Adapter,
    BrokenAdapter,
    Generation,
    Logprob,
    Message,
    OnToken,
    Outcome,
    Token,
)
from engine.serving.chat_template import ChatTemplate
from engine.serving.errors import ApiError
from engine.serving.llama_replies import Fields, Reply, request_fields
from engine.serving.llama_scoring import MOST_LISTED, NextToken, grammar_fields, next_token_fields
from engine.serving.llama_socket import LlamaSocket

CONTEXT_LENGTH = 2048
SLOTS = 2
LOADED_ADAPTERS = 2

_M_ARENA_MAX = -8  # of glibc's malloc.h
GGML_TYPE_Q8_0 = 8
"""ggml.h: the keys of the cache in 8 bits, which saves 22 MB of 94."""
BATCH = 128
"""Prompt tokens between two looks at what else is to be done: small enough to stop within a second."""


class LlamaBackend:
    """One base model and up to LOADED_ADAPTERS adapters in memory. llama.cpp takes adapters only when it starts, so a
    further one restarts it (0.3-0.5 s; the weights stay in the page cache) in place of the longest unused."""

    adapter_file = "adapter.gguf"
    slots = SLOTS
    adapter_capacity = LOADED_ADAPTERS

    def __init__(self, base: BaseModel, threads: int | None = None) -> None:
        if base.gguf is None:
            raise ValueError(f"{base.name} has no GGUF")
        self._gguf = base.gguf
        self._threads = threads or decode_threads()
        self._template = ChatTemplate(base.folder)
        self._folder = Path(tempfile.mkdtemp(prefix="llama-"))
        self._server: Any = None
        self._loaded: list[Adapter] = []
        self._recent: list[Adapter] = []
        self._adds_bos = False
        self._start([])
        self._adds_bos = self._probe_bos()

    def slots_for(self, adapter: Adapter | None) -> int:
        return SLOTS

    def render(self, messages: Sequence[Message], adapter: Adapter | None = None) -> str:
        return self._template.render(messages)

    def is_loaded(self, adapter: Adapter | None) -> bool:
        return adapter is None or adapter in self._loaded

    def load(self, adapter: Adapter) -> None:
        """Restart llama.cpp with `adapter` beside the ones used last."""
        kept = [one for one in self._recent if one.name != adapter.name and (one.folder / self.adapter_file).is_file()]
        kept = kept[-LOADED_ADAPTERS + 1 :]
        try:
            self._start([*kept, adapter])
        except RuntimeError:
            self._recover(kept)
            raise BrokenAdapter(
                f"llama.cpp cannot use its {self.adapter_file}: the file is damaged or fits another base model. "
                "Train it again or delete the folder."
            ) from None

    def generate(self, request: Generation, slot: int, on_token: OnToken) -> Outcome:
        reply = Reply(on_token, request.top_logprobs)
        self._complete(request.prompt, request.adapter, slot, request_fields(request), reply)
        return Outcome(reply.finish, reply.prompt_tokens)

    def score(self, prompt: str, text: str, adapter: Adapter | None, slot: int) -> list[Logprob]:
        """Has the tokens of `text` come one after another; log-probabilities are taken before they are made to."""
        forced = self._socket.tokenize(text)
        if not all(is_whole for _, is_whole in forced):
            return self._score_by_steps(prompt, [one for one, _ in forced], adapter, slot)
        tokens: list[Logprob] = []

        def keep(token: Token) -> bool:
            if token.logprob is not None:
                tokens.append(token.logprob)
            return False

        self._complete(prompt, adapter, slot, grammar_fields([one for one, _ in forced]), Reply(keep, 0))
        return tokens

    def score_all(
        self, prompts: Sequence[str], texts: Sequence[str], adapter: Adapter | None, slot: int
    ) -> Iterator[list[Logprob]]:
        return (self.score(prompt, text, adapter, slot) for prompt in prompts for text in texts)

    def _score_by_steps(self, prompt: str, forced: list[int], adapter: Adapter | None, slot: int) -> list[Logprob]:
        (whole, _), *_ = self._socket.tokenize(".")
        found = []
        for place, wanted in enumerate(forced):
            for most in MOST_LISTED:
                reply = NextToken(wanted)
                self._complete(prompt, adapter, slot, next_token_fields(whole, most), reply, forced[:place])
                if reply.found is not None:
                    break
            else:
                raise ApiError(500, "llama.cpp did not say how probable a token is.", "internal_error")
            found.append(reply.found)
        return found

    def close(self) -> None:
        self._server = None
        _give_memory_back()
        shutil.rmtree(self._folder, ignore_errors=True)

    def _complete(
        self,
        prompt: str,
        adapter: Adapter | None,
        slot: int,
        fields: Fields,
        reply: Reply | NextToken,
        begun: Sequence[int] = (),
    ) -> None:
        """`begun`: tokens that follow the prompt."""
        lora = []
        if adapter is not None:
            lora = [{"id": self._loaded.index(adapter), "scale": 1.0}]
            self._recent = [one for one in self._recent if one != adapter] + [adapter]
        if self._adds_bos:  # or it would stand there twice
            prompt = prompt.removeprefix(self._template.bos_token)
        sent = [prompt, *begun] if begun else prompt
        request = {"prompt": sent, "lora": lora, "id_slot": slot, "stream": True, "timings_per_token": True}
        self._server.handle_completions({**request, **fields}, reply)
        if reply.error is not None:
            raise reply.error

    def _recover(self, adapters: list[Adapter]) -> None:
        """Start again after a failure; without any adapter if those that worked do not work any more."""
        try:
            self._start(adapters)
        except RuntimeError:
            self._start([])

    def _start(self, adapters: list[Adapter]) -> None:
        """Replace the running llama.cpp. Raises RuntimeError when it cannot load an adapter."""
        self._server, self._loaded = None, []
        self._socket = LlamaSocket(str(self._folder / f"{time.monotonic_ns()}.sock"))
        _give_memory_back()
        self._server = xllamacpp.Server(self._parameters(adapters))
        self._await_loop()
        self._loaded = adapters
        self._recent = list(adapters)

    def _await_loop(self) -> None:
        """Returns when llama.cpp's loop turns, which a token that came out of it proves.

        Taken down before, it would never end: the order to stop comes before the loop begins, and is forgotten there
        (xllamacpp 2026.10.11549: ~Server joins the thread that server_queue::start_loop then waits in for ever).
        """
        self._complete(".", None, 0, {"n_predict": 1}, Reply(lambda token: True, None))

    def _parameters(self, adapters: list[Adapter]) -> Any:
        values = xllamacpp.CommonParams()
        values.model.path = str(self._gguf)
        # xllamacpp always opens its own HTTP server: a socket file in a private folder, which no one else can reach.
        values.hostnames = [self._socket.path]
        values.n_threads_http = 1
        values.n_ctx, values.n_parallel, values.kv_unified = CONTEXT_LENGTH * SLOTS, SLOTS, False
        values.n_batch = values.n_ubatch = BATCH
        values.cpuparams.n_threads = self._threads
        values.cpuparams_batch.n_threads = os.cpu_count() or 1
        values.warmup = values.fit_params = values.ctx_shift = False
        values.cache_ram_mib, values.verbosity = 0, 0
        values.cache_type_k = GGML_TYPE_Q8_0
        values.lora_init_without_apply = True
        files = [str(one.folder / self.adapter_file) for one in adapters]
        values.lora_adapters = [xllamacpp.CommonAdapterLoraInfo(file, 0.0) for file in files]
        return values

    def _probe_bos(self) -> bool:
        """Whether llama.cpp itself puts the begin-of-sequence token before a prompt."""
        if not self._template.bos_token:
            return False
        reply = Reply(lambda token: True, None)
        self._complete(self._template.bos_token, None, 0, {"n_predict": 1}, reply)
        return reply.prompt_tokens > 1


def decode_threads() -> int:
    """Half of the cores. With a LoRA, decoding is hundreds of tiny matrix products, and waiting for a second thread at
    each costs as much as it brings; it leaves a core to the web and to training."""
    return max(1, (os.cpu_count() or 1) // 2)


def _give_memory_back() -> None:
    """glibc keeps freed memory, in a pool per thread; after dropping a whole context it is worth returning."""
    if sys.platform == "linux" and hasattr(libc := ctypes.CDLL(None), "malloc_trim"):
        libc.mallopt(_M_ARENA_MAX, 2)
        libc.malloc_trim(0)
