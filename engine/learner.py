"""The passes over a base model that training is made of, and who makes them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

import torch
from torch import Tensor

from engine.data import Example, collate, split_parts
from engine.llama_learner import LlamaLearner, is_plain_llama
from engine.lora import Adapter
from engine.model import CausalModel


class Learner(Protocol):
    """Losses and gradients of an adapter; its methods may run on several threads at once."""

    def take_adapter(self) -> None:
        """Compute with the adapter as it is now. Called after every change, while no pass runs."""

    def split(self, examples: Sequence[Example], count: int, max_tokens: int) -> list[list[Example]]:
        """About `count` parts that take equally long; more where one would be over `max_tokens`."""

    def loss_and_gradient(self, examples: Sequence[Example]) -> tuple[float, Tensor]:
        """The loss in nats summed over the answers' tokens, and its gradient like the adapter's flat tensor."""

    def measure(self, examples: Sequence[Example]) -> tuple[float, int, int]:
        """The summed loss, how many tokens of the answers were the most likely ones, and how many there are."""


class AutogradLearner:
    """The passes of any architecture, by transformers' modules and autograd."""

    def __init__(self, model: CausalModel, adapter: Adapter) -> None:
        self._model, self._adapter = model, adapter

    def take_adapter(self) -> None:
        """Nothing to do: the modules read the adapter itself."""

    def split(self, examples: Sequence[Example], count: int, max_tokens: int) -> list[list[Example]]:
        """See `Learner`."""
        return split_parts(examples, count, max_tokens)

    def loss_and_gradient(self, examples: Sequence[Example]) -> tuple[float, Tensor]:
        """See `Learner`."""
        loss = self._model.loss(collate(examples, self._model.padding))
        gradients = torch.autograd.grad(loss, self._adapter.leaves())
        return loss.item(), torch.cat([gradient.reshape(-1) for gradient in gradients])

    def measure(self, examples: Sequence[Example]) -> tuple[float, int, int]:
        """See `Learner`."""
        with torch.inference_mode():
            batch = collate(examples, self._model.padding)
            logits = self._model.logits(batch)
            loss = torch.nn.functional.cross_entropy(logits, batch.labels, reduction="sum")
            return loss.item(), int((logits.argmax(-1) == batch.labels).sum()), len(batch.labels)


def learner_for(model: CausalModel, adapter: Adapter, longest_prompt: int, most_tokens: int) -> Learner:
    """The fastest one that computes what `model` computes; no row may be over `most_tokens`."""
    if is_plain_llama(model):
        return LlamaLearner(model, adapter, longest_prompt, most_tokens)
    return AutogradLearner(model, adapter)
