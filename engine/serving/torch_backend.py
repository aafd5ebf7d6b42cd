"""transformers and peft, for base models without a GGUF. The only part of the server that imports torch."""

from __future__ import annotations

import copy
import gc
import os
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
from engine.serving.torch_sampling import Sampler

CONTEXT_LENGTH = 2048
LOADED_ADAPTERS = 4


class TransformersBackend:
    """One generation at a time, with the key-value cache of the last one kept while its prompt is continued."""

    adapter_file = "adapter_model.safetensors"
    adapter_capacity = LOADED_ADAPTERS
    slots = 1

    def __init__(self, base: BaseModel, fastest: bool = False) -> None:
        """`fastest`: in the number type that is faster on this processor, though it may take twice the memory."""
        self._tokenizer = AutoTokenizer.from_pretrained(base.folder)  # nosec B615
        self._template = ChatTemplate(base.folder)
        self._device = fastest_device()
        model: Any = AutoModelForCausalLM.from_pretrained(base.folder, use_safetensors=True)  # nosec B615
        self._model: Any = model.to(self._device).eval()
        # peft keeps adapters in float32, which is as slow here as if the whole model were.
        self._as_loaded = {"autocast_adapter_dtype": False} if fastest else {}
        if fastest and self._device.type == "cpu":
            torch.set_num_threads(_free_cores())
            self._model.to(faster_dtype(self._model))
        config = self._model.config
        self._context_length = min(CONTEXT_LENGTH, getattr(config, "max_position_embeddings", CONTEXT_LENGTH))
        self._eos_ids = _eos_ids(self._model.generation_config.eos_token_id, self._tokenizer.eos_token_id)
        self._loaded: list[Adapter] = []
        self._cache: tuple[Adapter | None, list[int], Any] | None = None

    def slots_for(self, adapter: Adapter | None) -> int:
        return self.slots

    def render(self, messages: Sequence[Message], adapter: Adapter | None = None) -> str:
        return self._template.render(messages)

    def is_loaded(self, adapter: Adapter | None) -> bool:
        return adapter is None or adapter in self._loaded

    def load(self, adapter: Adapter) -> None:
        for old in [one for one in self._loaded if one.name == adapter.name] or self._loaded[: -LOADED_ADAPTERS + 1]:
            self._model.delete_adapter(_peft_name(old))
            self._loaded.remove(old)
        try:
            if isinstance(self._model, PeftModel):
                self._model.load_adapter(str(adapter.folder), _peft_name(adapter), **self._as_loaded)
            else:
                folder = str(adapter.folder)
                self._model = PeftModel.from_pretrained(
                    self._model, folder, _peft_name(adapter), **self._as_loaded
                ).eval()
        except (SafetensorError, OSError, ValueError, RuntimeError, KeyError, TypeError) as error:
            raise BrokenAdapter(f"peft cannot load it ({error}). Train it again or delete the folder.") from error
        self._loaded.append(adapter)

    @torch.inference_mode()
    def generate(self, request: Generation, slot: int, on_token: OnToken) -> Outcome:
        prompt = self._encode(request.prompt)
        sampler = Sampler(request.sampling, self._eos_ids)
        room = self._context_length - len(prompt)
        limit = room if request.max_tokens is None else min(room, request.max_tokens)
        text = _TextOfTokens(self._tokenizer)
        logits = self._forward(prompt, request.adapter)[-1]
        for place in range(limit):
            token = sampler.draw(logits)
            if token in self._eos_ids:
                return Outcome("stop", len(prompt))
            logprob = None if request.top_logprobs is None else self._logprob(logits, token, request.top_logprobs)
            if on_token(Token(text.add(token), logprob)):
                return Outcome(None, len(prompt))
            if place + 1 < limit:
                logits = self._forward([*prompt, *text.ids], request.adapter)[-1]
        return Outcome("length", len(prompt))

    def score(self, prompt: str, text: str, adapter: Adapter | None, slot: int) -> list[Logprob]:
        return next(self.score_all([prompt], [text], adapter, slot))

    def score_all(
        self, prompts: Sequence[str], texts: Sequence[str], adapter: Adapter | None, slot: int
    ) -> Iterator[list[Logprob]]:
        """What all prompts begin with is read once, then their ends as one batch, then each text after each of them.

        A pass over few tokens costs as much as one over a hundred, since all weights are read for it.
        """
        before = [self._encode(prompt) for prompt in prompts]
        added = [list(self._tokenizer.encode(text, add_special_tokens=False)) for text in texts]
        self._check(max(before, key=len) + max(added, key=len))
        shared = min(_common(before[0], ids) for ids in before)
        shared = min(shared, min(map(len, before)) - 1)  # the last token's logits foretell a text's first one
        with torch.inference_mode():
            if shared:
                self._read(before[0][:shared], adapter)
            else:
                self._cache = None
            logits: dict[int, list[torch.Tensor]] = {}
            for places in _of_one_length(before):
                found = self._after([before[place][shared:] for place in places], added, adapter)
                logits |= dict(zip(places, found, strict=True))
        for place in range(len(before)):
            for text, found in zip(added, logits[place], strict=True):
                yield [self._logprob(row.float(), token, 0) for row, token in zip(found, text, strict=True)]

    def _after(
        self, ends: Sequence[list[int]], texts: Sequence[list[int]], adapter: Adapter | None
    ) -> list[list[torch.Tensor]]:
        """For each end (all of one length) and text the logits of its tokens, shape (tokens, vocabulary)."""
        cache = copy.deepcopy(self._cache[2]) if self._cache is not None else None
        if cache is not None:
            cache.batch_repeat_interleave(len(ends))
        ended = self._under(adapter, torch.tensor(ends, device=self._device), cache, logits_to_keep=1)
        firsts = ended.logits.cpu()
        longest = max(map(len, texts)) - 1
        if longest < 1:
            return [[first for _text in texts] for first in firsts]
        cache = ended.past_key_values
        cache.batch_repeat_interleave(len(texts))
        fed = [(text[:-1] + [text[-1]] * longest)[:longest] for _end in ends for text in texts]  # the rest is not read
        later = self._under(adapter, torch.tensor(fed, device=self._device), cache).logits.cpu()
        later = later.unflatten(0, (len(ends), len(texts)))
        return [
            [torch.cat([first, rest[: len(text) - 1]]) for text, rest in zip(texts, rests, strict=True)]
            for first, rests in zip(firsts, later, strict=True)
        ]

    def _read(self, ids: list[int], adapter: Adapter | None) -> None:
        """Leaves keys and values of `ids` in the cache; what it has of their beginning is not read again."""
        known = 0
        if self._cache is not None and self._cache[0] == adapter:
            known = _common(self._cache[1], ids)
        cache = self._cache[2] if known and self._cache is not None else None
        if cache is not None and not self._cut(cache, known):
            known, cache = 0, None
        self._cache = None
        if known < len(ids):
            fed = torch.tensor([ids[known:]], device=self._device)
            cache = self._under(adapter, fed, cache, logits_to_keep=1).past_key_values
        self._cache = (adapter, list(ids), cache)

    @staticmethod
    def _cut(cache: Any, length: int) -> bool:
        """Whether the cache could be cut to `length` tokens: one of a sliding window has forgotten the first ones."""
        if any(getattr(cache, "is_sliding", [])):
            return False
        if (surplus := cache.get_seq_length() - length) > 0:
            cache.crop(-surplus)
        return True

    def close(self) -> None:
        self._cache = self._model = None
        gc.collect()

    def _encode(self, prompt: str) -> list[int]:
        """Token ids; like training, nothing is added to what the template wrote."""
        ids = self._tokenizer.encode(prompt, add_special_tokens=False)
        self._check(ids)
        return list(ids)

    def _check(self, ids: Sequence[int]) -> None:
        if len(ids) >= self._context_length:
            raise context_exceeded(len(ids), self._context_length)

    def _forward(self, ids: list[int], adapter: Adapter | None) -> torch.Tensor:
        """Logits of the tokens that are not in the cache yet: float32, shape (new tokens, vocabulary)."""
        known, cache = 0, None
        if self._cache is not None and self._cache[0] == adapter and self._cache[1] == ids[: len(self._cache[1])]:
            known, cache = len(self._cache[1]), self._cache[2]
        if known == len(ids):
            known, cache = 0, None
        fed = torch.tensor([ids[known:]], device=self._device)
        result = self._under(adapter, fed, cache)
        self._cache = (adapter, list(ids), result.past_key_values)
        return result.logits[0].float().cpu()

    def _under(self, adapter: Adapter | None, ids: torch.Tensor, cache: Any, **wanted: int) -> Any:
        if adapter is not None:
            if self._model.active_adapter != _peft_name(adapter):  # setting it goes through all layers
                self._model.set_adapter(_peft_name(adapter))
        elif isinstance(self._model, PeftModel):
            with self._model.disable_adapter():
                return self._model(input_ids=ids, past_key_values=cache, use_cache=True, **wanted)
        return self._model(input_ids=ids, past_key_values=cache, use_cache=True, **wanted)

    def _logprob(self, logits: torch.Tensor, token: int, top: int) -> Logprob:
        logs = torch.log_softmax(logits, dim=-1)
        best = logs.topk(top).indices.tolist() if top else []
        entry, *others = [self._entry(one, float(logs[one])) for one in (token, *best)]
        return Logprob(entry.token, entry.data, entry.logprob, tuple(others))

    def _entry(self, token: int, logprob: float) -> Logprob:
        text = self._tokenizer.decode([token])
        return Logprob(text, text.encode(), logprob)


def fastest_device() -> torch.device:
    """A CUDA GPU, then Apple's, else the processor. Written without a GPU at hand: only the last is tested."""
    if torch.cuda.is_available():
        return torch.device("cuda")
    return torch.device("mps" if torch.backends.mps.is_available() else "cpu")


def _free_cores() -> int:
    """Cores that nothing else uses, one at least: for a thread on a busy core the others wait, at each product."""
    cores = torch.get_num_threads()
    return max(1, cores - round(os.getloadavg()[0])) if hasattr(os, "getloadavg") else cores


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


def _common(one: Sequence[int], other: Sequence[int]) -> int:
    """How many tokens both begin with."""
    for place, (mine, yours) in enumerate(zip(one, other, strict=False)):
        if mine != yours:
            return place
    return min(len(one), len(other))


def _of_one_length(rows: Sequence[Sequence[int]]) -> list[list[int]]:
    """Places of the rows, those of equally long ones together: padding would be read, too."""
    groups: dict[int, list[int]] = {}
    for place, row in enumerate(rows):
        groups.setdefault(len(row), []).append(place)
    return list(groups.values())


def _peft_name(adapter: Adapter) -> str:
    """peft makes module names of adapter names, in which no dot may be."""
    return f"adapter{abs(hash(adapter))}"


def _eos_ids(*given: int | list[int] | None) -> frozenset[int]:
    found: set[int] = set()
    for one in given:
        found.update(one if isinstance(one, list) else [] if one is None else [one])
    return frozenset(found)
