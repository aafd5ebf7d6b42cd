"""llama.cpp, through xllamacpp, on a GGUF of the base model with a LoRA per request."""

from __future__ import annotations

import ctypes
import os
import shutil
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import xllamacpp

from engine.base_models import BaseModel
from engine.serving.backend import (
    Adapter,
    BrokenAdapter,
    FinishReason,
    Generation,
    Logprob,
    Message,
    OnToken,
    Outcome,
    Token,
)
from engine.serving.chat_template import ChatTemplate
from engine.serving.errors import ApiError, context_exceeded
from engine.serving.llama_socket import LlamaSocket

CONTEXT_LENGTH = 2048
SLOTS = 2
LOADED_ADAPTERS = 2
Fields = dict[str, Any]

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
        """Forces the tokens of `text` with a grammar; log-probabilities are taken before the grammar applies."""
        tokens: list[Logprob] = []

        def keep(token: Token) -> bool:
            if token.logprob is not None:
                tokens.append(token.logprob)
            return False

        forced = self._socket.tokenize(text)
        grammar = "root ::= " + " ".join(f"<[{one}]>" for one in forced)
        fields = {"grammar": grammar, "temperature": 0, "n_probs": 1, "n_predict": len(forced)}
        self._complete(prompt, adapter, slot, fields, Reply(keep, 0))
        return tokens

    def close(self) -> None:
        self._server = None
        _give_memory_back()
        shutil.rmtree(self._folder, ignore_errors=True)

    def _complete(self, prompt: str, adapter: Adapter | None, slot: int, fields: Fields, reply: Reply) -> None:
        lora = []
        if adapter is not None:
            lora = [{"id": self._loaded.index(adapter), "scale": 1.0}]
            self._recent = [one for one in self._recent if one != adapter] + [adapter]
        if self._adds_bos:  # or it would stand there twice
            prompt = prompt.removeprefix(self._template.bos_token)
        request = {"prompt": prompt, "lora": lora, "id_slot": slot, "stream": True, "timings_per_token": True}
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
        self._loaded = adapters
        self._recent = list(adapters)

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


class Reply:
    """Receives llama.cpp's chunks and hands their tokens on."""

    def __init__(self, on_token: OnToken, top_logprobs: int | None) -> None:
        self._on_token = on_token
        self._top = top_logprobs
        self.finish: FinishReason | None = None
        self.prompt_tokens = 0
        self.error: ApiError | None = None

    def __call__(self, chunk: Fields) -> bool:
        """Called for each chunk; True stops the generation."""
        if "choices" not in chunk:
            self.error = api_error(chunk.get("error", chunk))
            return True
        timings = chunk.get("timings", {})
        self.prompt_tokens = timings.get("cache_n", 0) + timings.get("prompt_n", 0)
        choice = chunk["choices"][0]
        if choice["finish_reason"] is not None:
            self.finish = choice["finish_reason"]
            return False
        return self._on_token(Token(choice["text"], self._logprob(choice)))

    def _logprob(self, choice: Fields) -> Logprob | None:
        found = (choice.get("logprobs") or {}).get("content")
        if self._top is None or not found:
            return None
        top = tuple(_logprob(one) for one in found[0]["top_logprobs"][: self._top])
        return replace(_logprob(found[0]), top=top)


def _logprob(entry: Fields) -> Logprob:
    return Logprob(entry["token"], bytes(entry["bytes"]), entry["logprob"])


def request_fields(request: Generation) -> Fields:
    """llama.cpp's names for what was asked. Temperature comes before the cuts, as in OpenAI's API."""
    sampling = request.sampling
    fields: Fields = {
        "n_predict": -1 if request.max_tokens is None else request.max_tokens,
        "temperature": sampling.temperature,
        "top_p": sampling.top_p,
        "top_k": sampling.top_k,
        "min_p": sampling.min_p,
        "frequency_penalty": sampling.frequency_penalty,
        "presence_penalty": sampling.presence_penalty,
        "repeat_penalty": sampling.repetition_penalty,
        "ignore_eos": sampling.ignore_eos,
        "samplers": ["penalties", "temperature", "top_k", "top_p", "min_p"],
    }
    if sampling.seed is not None:
        fields["seed"] = sampling.seed % 2**32
    if request.top_logprobs is not None:
        fields["n_probs"] = max(request.top_logprobs, 1)
    return fields


def api_error(error: Fields) -> ApiError:
    """What llama.cpp complains of, as a sentence for the client."""
    if error.get("type") == "exceed_context_size_error":
        return context_exceeded(error["n_prompt_tokens"], error["n_ctx"])
    status = int(error.get("code", 500))
    return ApiError(status, f"llama.cpp: {error.get('message', 'no reason given')}.")


def decode_threads() -> int:
    """Half of the cores. With a LoRA, decoding is hundreds of tiny matrix products, and waiting for a second thread at
    each costs as much as it brings; it leaves a core to the web and to training."""
    return max(1, (os.cpu_count() or 1) // 2)


def _give_memory_back() -> None:
    """glibc keeps freed memory, in a pool per thread; after dropping a whole context it is worth returning."""
    if sys.platform == "linux" and hasattr(libc := ctypes.CDLL(None), "malloc_trim"):
        libc.mallopt(_M_ARENA_MAX, 2)
        libc.malloc_trim(0)
