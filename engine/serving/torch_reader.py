"""A model of transformers under adapters, with the keys and values of what it read last."""

from __future__ import annotations

from collections.abc import Sequence
from threading import Lock
from typing import Any

import torch
from peft import PeftModel
from peft.tuners.tuners_utils import BaseTunerLayer

from engine.serving.backend import Adapter


class Network:
    """A model of transformers, under the adapter that is asked for. Several may read with it at once under the same."""

    def __init__(self, model: Any) -> None:
        self.device = fastest_device()
        self.model: Any = model.to(self.device).eval()
        self.sees_all = _sees_all(self.model.config)
        self._switching = Lock()

    def under(self, adapter: Adapter | None, ids: torch.Tensor, cache: Any, **wanted: Any) -> Any:
        if isinstance(self.model, PeftModel):
            with self._switching:
                self._switch(adapter)
        return self.model(input_ids=ids, past_key_values=cache, use_cache=True, **wanted)

    def _switch(self, adapter: Adapter | None) -> None:
        """Only where it changes: it goes through all layers."""
        tuner = self.model.base_model
        if adapter is None:
            if not self._is_bare():
                tuner.disable_adapter_layers()
        elif self._is_bare() or self.model.active_adapter != peft_name(adapter):
            tuner.enable_adapter_layers()
            self.model.set_adapter(peft_name(adapter))

    def _is_bare(self) -> bool:
        status = next(each for each in self.model.modules() if isinstance(each, BaseTunerLayer))
        return bool(status.disable_adapters)


class Reader:
    """Reads token ids; what it read last is kept while the next text begins alike. One text at a time."""

    def __init__(self, network: Network) -> None:
        self.network = network
        self.cache: tuple[Adapter | None, list[int], Any] | None = None

    @property
    def device(self) -> torch.device:
        return self.network.device

    def forward(self, ids: list[int], adapter: Adapter | None) -> torch.Tensor:
        """Logits of the tokens that are not in the cache yet: float32, shape (new tokens, vocabulary)."""
        known, cache = 0, None
        if self.cache is not None and self.cache[0] == adapter and self.cache[1] == ids[: len(self.cache[1])]:
            known, cache = len(self.cache[1]), self.cache[2]
        if known == len(ids):
            known, cache = 0, None
        fed = torch.tensor([ids[known:]], device=self.device)
        result = self.network.under(adapter, fed, cache)
        self.cache = (adapter, list(ids), result.past_key_values)
        return result.logits[0].float().cpu()

    def read(self, ids: list[int], adapter: Adapter | None) -> None:
        """Leaves keys and values of `ids` in the cache; what it has of their beginning is not read again."""
        known, cache = self.kept(ids, adapter)
        if known < len(ids):
            fed = torch.tensor([ids[known:]], device=self.device)
            cache = self.network.under(adapter, fed, cache, logits_to_keep=1).past_key_values
        self.cache = (adapter, list(ids), cache)

    def kept(self, ids: list[int], adapter: Adapter | None) -> tuple[int, Any]:
        """How many of the first tokens the cache holds, and the cache, cut to them and taken away."""
        known, cache = 0, None
        if self.cache is not None and self.cache[0] == adapter:
            known, cache = common(self.cache[1], ids), self.cache[2]
        self.cache = None
        return (known, cache) if known and self.cut(cache, known) else (0, None)

    @staticmethod
    def cut(cache: Any, length: int) -> bool:
        """Whether the cache could be cut to `length` tokens: one of a sliding window has forgotten the first ones."""
        if any(getattr(cache, "is_sliding", [])):
            return False
        if (surplus := cache.get_seq_length() - length) > 0:
            cache.crop(-surplus)
        return True


def fastest_device() -> torch.device:
    """A CUDA GPU, then Apple's, else the processor. Written without a GPU at hand: only the last is tested."""
    if torch.cuda.is_available():
        return torch.device("cuda")
    return torch.device("mps" if torch.backends.mps.is_available() else "cpu")


def common(one: Sequence[int], other: Sequence[int]) -> int:
    """How many tokens both begin with."""
    for place, (mine, yours) in enumerate(zip(one, other, strict=False)):
        if mine != yours:
            return place
    return min(len(one), len(other))


def peft_name(adapter: Adapter) -> str:
    """peft makes module names of adapter names, in which no dot may be."""
    return f"adapter{abs(hash(adapter))}"


def _sees_all(config: Any) -> bool:
    """Whether every layer attends to all tokens before."""
    if kinds := getattr(config, "layer_types", None):
        return all(kind == "full_attention" for kind in kinds)
    return not getattr(config, "sliding_window", None)
