"""transformers and peft, for base models without a GGUF. The only part of the server that imports torch."""

from __future__ import annotations

import gc
from collections.abc import Iterator, Sequence
from typing import Any

import torch
from peft import PeftModel
from safetensors import SafetensorError
from transformers import AutoModelForCausalLM, AutoTokenizer

from engine.base_models import BaseModel
from engine.model import faster_dtype
from engine.serving.backend import Adapter, BrokenAdapter, Generation, Logprob, Message, OnToken, Outcome, Token
from engine.serving.chat_template import ChatTemplate
from engine.serving.errors import context_exceeded
from engine.serving.torch_reader import Network, Reader, peft_name
from engine.serving.torch_sampling import Sampler
from engine.serving.torch_scoring import logits_after

CONTEXT_LENGTH = 2048
LOADED_ADAPTERS = 4
SIDE_BY_SIDE = 2


class TransformersBackend:
    """Few at a time, each with the key-value cache of its last one, kept while its prompt is continued."""

    adapter_file = "adapter_model.safetensors"
    adapter_capacity = LOADED_ADAPTERS

    def __init__(self, base: BaseModel, fastest: bool = False) -> None:
        """`fastest`: in the number type that is faster on this processor, though it may take twice the memory, and
        with half of the cores for each of two at a time. A text is a thousand small products; two cores read one in
        three quarters of the time of one core, and two texts, one each, in half. Nor do they wait for a core on which
        something else is written meanwhile.
        """
        self._tokenizer = AutoTokenizer.from_pretrained(base.folder)  # nosec B615
        self._template = ChatTemplate(base.folder)
        model: Any = AutoModelForCausalLM.from_pretrained(base.folder, use_safetensors=True)  # nosec B615
        self._network = Network(model)
        # peft keeps adapters in float32, which is as slow here as if the whole model were.
        self._as_loaded = {"autocast_adapter_dtype": False} if fastest else {}
        self.slots, self._threads = 1, torch.get_num_threads()
        if fastest and self._network.device.type == "cpu":
            self.slots = min(SIDE_BY_SIDE, self._threads)
            self._threads //= self.slots
            self._network.model.to(faster_dtype(self._network.model))
        self._readers = [Reader(self._network) for _slot in range(self.slots)]
        config = self._network.model.config
        self._context_length = min(CONTEXT_LENGTH, getattr(config, "max_position_embeddings", CONTEXT_LENGTH))
        self._eos_ids = _eos_ids(self._network.model.generation_config.eos_token_id, self._tokenizer.eos_token_id)
        self._loaded: list[Adapter] = []

    def slots_for(self, adapter: Adapter | None) -> int:
        return self.slots

    def render(self, messages: Sequence[Message], adapter: Adapter | None = None) -> str:
        return self._template.render(messages)

    def is_loaded(self, adapter: Adapter | None) -> bool:
        return adapter is None or adapter in self._loaded

    def load(self, adapter: Adapter) -> None:
        for old in [one for one in self._loaded if one.name == adapter.name] or self._loaded[: -LOADED_ADAPTERS + 1]:
            self._network.model.delete_adapter(peft_name(old))
            self._loaded.remove(old)
        try:
            if isinstance(self._network.model, PeftModel):
                self._network.model.load_adapter(str(adapter.folder), peft_name(adapter), **self._as_loaded)
            else:
                folder = str(adapter.folder)
                self._network.model = PeftModel.from_pretrained(
                    self._network.model, folder, peft_name(adapter), **self._as_loaded
                ).eval()
        except (SafetensorError, OSError, ValueError, RuntimeError, KeyError, TypeError) as error:
            raise BrokenAdapter(f"peft cannot load it ({error}). Train it again or delete the folder.") from error
        self._loaded.append(adapter)

    @torch.inference_mode()
    def generate(self, request: Generation, slot: int, on_token: OnToken) -> Outcome:
        prompt = self._encode(request.prompt)
        sampler, reader = Sampler(request.sampling, self._eos_ids), self._reader(slot)
        room = self._context_length - len(prompt)
        limit = room if request.max_tokens is None else min(room, request.max_tokens)
        text = _TextOfTokens(self._tokenizer)
        logits = reader.forward(prompt, request.adapter)[-1]
        for place in range(limit):
            token = sampler.draw(logits)
            if token in self._eos_ids:
                return Outcome("stop", len(prompt))
            logprob = None if request.top_logprobs is None else self._logprob(logits, token, request.top_logprobs)
            if on_token(Token(text.add(token), logprob)):
                return Outcome(None, len(prompt))
            if place + 1 < limit:
                logits = reader.forward([*prompt, *text.ids], request.adapter)[-1]
        return Outcome("length", len(prompt))

    def score(self, prompt: str, text: str, adapter: Adapter | None, slot: int) -> list[Logprob]:
        return next(self.score_all([prompt], [text], adapter, slot))

    def score_all(
        self, prompts: Sequence[str], texts: Sequence[str], adapter: Adapter | None, slot: int
    ) -> Iterator[list[Logprob]]:
        before = [self._encode(prompt) for prompt in prompts]
        added = [list(self._tokenizer.encode(text, add_special_tokens=False)) for text in texts]
        self._check(max(before, key=len) + max(added, key=len))
        for found in logits_after(self._reader(slot), before, added, adapter):
            for text, rows in zip(added, found, strict=True):
                yield [self._logprob(row.float(), token, 0) for row, token in zip(rows, text, strict=True)]

    def close(self) -> None:
        self._readers.clear()
        self._network.model = None
        gc.collect()

    def _reader(self, slot: int) -> Reader:
        """That of the slot; the calling thread computes with the slot's share of the cores from now on."""
        torch.set_num_threads(self._threads)
        return self._readers[slot]

    def _encode(self, prompt: str) -> list[int]:
        """Token ids; like training, nothing is added to what the template wrote."""
        ids = self._tokenizer.encode(prompt, add_special_tokens=False)
        self._check(ids)
        return list(ids)

    def _check(self, ids: Sequence[int]) -> None:
        if len(ids) >= self._context_length:
            raise context_exceeded(len(ids), self._context_length)

    def _logprob(self, logits: torch.Tensor, token: int, top: int) -> Logprob:
        logs = torch.log_softmax(logits, dim=-1)
        best = logs.topk(top).indices.tolist() if top else []
        entry, *others = [self._entry(one, float(logs[one])) for one in (token, *best)]
        return Logprob(entry.token, entry.data, entry.logprob, tuple(others))

    def _entry(self, token: int, logprob: float) -> Logprob:
        text = self._tokenizer.decode([token])
        return Logprob(text, text.encode(), logprob)


class _TextOfTokens:
    """Text of tokens as they come; the tokens of a character that is not complete give none."""

    def __init__(self, tokenizer: Any) -> None:
        self._tokenizer = tokenizer
        self._given = 0
        self.ids: list[int] = []

    def add(self, token: int) -> str:
        self.ids.append(token)
        text: str = self._tokenizer.decode(self.ids, skip_special_tokens=False, clean_up_tokenization_spaces=False)
        if text.endswith("\ufffd"):
            return ""
        new, self._given = text[self._given :], len(text)
        return new


def _eos_ids(*given: int | list[int] | None) -> frozenset[int]:
    found: set[int] = set()
    for one in given:
        found.update(one if isinstance(one, list) else [] if one is None else [one])
    return frozenset(found)
