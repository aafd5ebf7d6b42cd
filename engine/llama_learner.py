"""The llama family's forward and backward pass written out, for adapters on frozen weights.

Transformers' modules under autograd reach a third of what the processor's matrix products allow: the rest goes into
many small operations, padding, and tensors kept for gradients that nobody wants.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor

from engine.data import Example, split_evenly
from engine.llama_attention import Attention, Heads, Rotary
from engine.llama_layer import Kept, Layer, Norm
from engine.lora import Adapter
from engine.model import CausalModel
from engine.packing import Pack, pack

_PLAIN = {"hidden_act": "silu", "attention_bias": False, "mlp_bias": False}


def is_plain_llama(model: CausalModel) -> bool:
    """Whether the passes of this module compute what `model` computes."""
    config = model.network.config
    plain = all(getattr(config, name, value) == value for name, value in _PLAIN.items())
    rotary = (getattr(config, "rope_parameters", None) or {}).get("rope_type", "default")
    return config.model_type == "llama" and plain and rotary in ("default", "linear", "llama3")


class LlamaLearner:
    """Losses and gradients of an adapter on a plain llama (`is_plain_llama`)."""

    def __init__(self, model: CausalModel, adapter: Adapter, longest_prompt: int, most_tokens: int) -> None:
        network = model.network.base_model
        config = network.config
        self.adapter, self.longest_prompt = adapter, longest_prompt
        heads = Heads(config.num_attention_heads, config.num_key_value_heads, network.layers[0].self_attn.head_dim)
        attention = Attention(heads, _rotary(network, most_tokens, model.dtype), heads.size**-0.5)
        self.layers = [Layer(module, attention) for module in network.layers]
        self.first_adapted = next(i for i, layer in enumerate(self.layers) if layer.down.adapted)
        self.embedding = network.embed_tokens.weight.detach()
        self.head = model.network.get_output_embeddings().weight.detach()
        self.norm = Norm(network.norm.weight.detach(), network.norm.variance_epsilon)

    def take_adapter(self) -> None:
        """Copy the adapter as it is now; what follows is computed with it."""
        with torch.inference_mode():
            for layer in self.layers[self.first_adapted :]:
                layer.take_adapters()

    def split(self, examples: Sequence[Example], count: int, max_tokens: int) -> list[list[Example]]:
        """About `count` parts that take equally long; more where one would be over `max_tokens`."""
        return split_evenly(examples, count, max_tokens)

    def loss_and_gradient(self, examples: Sequence[Example]) -> tuple[float, Tensor]:
        """The loss in nats summed over the answers' tokens, and its gradient like the adapter's flat tensor."""
        into = torch.empty_like(self.adapter.flat, requires_grad=False)
        with torch.inference_mode():
            packed = pack(examples, self.longest_prompt)
            x, kept = self._forward(packed, keep=True)
            places = packed.positions - (len(packed.ids) - packed.live)
            loss, gradient = self._head_backward(x, places, packed)
            for layer, seen in zip(reversed(self.layers), reversed(kept), strict=False):
                gradient = layer.backward(gradient, seen, packed, into)
        return loss, into

    def _forward(self, packed: Pack, keep: bool) -> tuple[Tensor, list[Kept]]:
        x, kept = self.embedding[packed.ids], []
        for number, layer in enumerate(self.layers):
            x, seen = layer.forward(x, packed, last=number == len(self.layers) - 1)
            if keep and number >= self.first_adapted:
                kept.append(seen)
        return x, kept

    def _head_backward(self, x: Tensor, places: Tensor, packed: Pack) -> tuple[float, Tensor]:
        """From the last layer's live tokens to the loss and its gradient for them."""
        shares = torch.log_softmax((self.norm.forward(x[places]) @ self.head.t()).float(), -1)
        told = packed.labels.unsqueeze(1)
        loss = -shares.gather(1, told).sum().item()
        shares.exp_().scatter_add_(1, told, shares.new_full(told.shape, -1.0))
        gradient = self.norm.backward(shares.to(x.dtype) @ self.head, x[places])
        return loss, torch.zeros_like(x).index_copy_(0, places, gradient.to(x.dtype))

    def measure(self, examples: Sequence[Example]) -> tuple[float, int, int]:
        """The summed loss, how many tokens of the answers were the most likely ones, and how many there are."""
        with torch.inference_mode():
            packed = pack(examples, longest_prompt=0)
            x, _ = self._forward(packed, keep=False)
            x = x[packed.positions - (len(packed.ids) - packed.live)]
            logits = (self.norm.forward(x) @ self.head.t()).float()
            loss = torch.nn.functional.cross_entropy(logits, packed.labels, reduction="sum")
            return loss.item(), int((logits.argmax(-1) == packed.labels).sum()), len(packed.labels)


def _rotary(network: Any, tokens: int, dtype: torch.dtype) -> Rotary:
    with torch.inference_mode():
        cos, sin = network.rotary_emb(torch.zeros(1, dtype=torch.float32), torch.arange(tokens).unsqueeze(0))
        half = cos.shape[-1] // 2  # the second half of the angles repeats the first
        return Rotary(cos[0, :, :half].to(dtype).contiguous(), sin[0, :, :half].to(dtype).contiguous())
