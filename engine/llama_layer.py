"""One decoder layer of the llama family (Touvron et al. 2023, arXiv 2302.13971); forward and back by hand."""

from __future__ import annotations

from typing import Any, NamedTuple

import torch
from torch import Tensor
from torch.nn import functional

from engine.llama_attention import Attention, Seen
from engine.merged_linear import MergedLinear
from engine.packing import Pack


class Norm(NamedTuple):
    """RMSNorm (Zhang and Sennrich 2019)."""

    weight: Tensor
    epsilon: float

    def forward(self, x: Tensor) -> Tensor:
        """(rows, size) -> the same, each row of mean square one, times the weight."""
        return functional.rms_norm(x, x.shape[1:], self.weight, self.epsilon)

    def backward(self, gradient: Tensor, x: Tensor) -> Tensor:
        """The gradient for `x`, in float32."""
        wide = x.float()
        inverse = wide.square().mean(-1, keepdim=True).add_(self.epsilon).rsqrt_()
        unit = wide.mul_(inverse)
        weighted = gradient.float().mul_(self.weight)
        along = (weighted * unit).mean(-1, keepdim=True)
        return weighted.addcmul_(unit, along, value=-1).mul_(inverse)


class Kept(NamedTuple):
    """What the way back needs of the live tokens: what each part of the layer read, and its products with A."""

    x: Tensor
    attention_in: Tensor
    qkv_low: Tensor | None
    seen: list[Seen]
    mixed: Tensor
    out_low: Tensor | None
    middle: Tensor
    mlp_in: Tensor
    gate_up: Tensor
    gate_up_low: Tensor | None
    activated: Tensor
    product: Tensor
    down_low: Tensor | None


class Layer:
    """A decoder layer whose linear layers, adapted or not, are merged where they read the same input."""

    def __init__(self, module: Any, attention: Attention) -> None:
        own, mlp = module.self_attn, module.mlp
        self.attention = attention
        self.qkv = MergedLinear([own.q_proj, own.k_proj, own.v_proj])
        self.out = MergedLinear([own.o_proj])
        self.gate_up = MergedLinear([mlp.gate_proj, mlp.up_proj])
        self.down = MergedLinear([mlp.down_proj])
        norms = module.input_layernorm, module.post_attention_layernorm
        self.before, self.between = (Norm(norm.weight.detach(), norm.variance_epsilon) for norm in norms)

    def take_adapters(self) -> None:
        """Copy the adapters as they are now."""
        for linear in (self.qkv, self.out, self.gate_up, self.down):
            linear.take_adapters()

    def forward(self, x: Tensor, pack: Pack, last: bool) -> tuple[Tensor, Kept]:
        """(tokens, size) -> the same; of the last layer, whose other tokens nobody reads, the live ones alone."""
        attention_in = self.before.forward(x)
        qkv, qkv_low = self.qkv.forward(attention_in)
        mixed, seen = self.attention.forward(qkv, pack.rows)
        if last:
            x, mixed = x[-pack.live :], mixed[-pack.live :]
        middle, out_low = self.out.forward(mixed, onto=x)
        mlp_in = self.between.forward(middle)
        gate_up, gate_up_low = self.gate_up.forward(mlp_in)
        gate, up = gate_up.chunk(2, 1)
        activated = functional.silu(gate)
        product = activated * up
        out, down_low = self.down.forward(product, onto=middle)
        parts = (x, attention_in, qkv_low, seen, mixed, out_low, middle, mlp_in)
        return out, _live(pack.live, Kept(*parts, gate_up, gate_up_low, activated, product, down_low))

    def backward(self, gradient: Tensor, kept: Kept, pack: Pack, into: Tensor) -> Tensor:
        """The gradient for the live part of `x`, given that of the result; those of the adapters go into `into`."""
        product = self.down.backward(gradient, kept.product, kept.down_low, into)
        mlp_in = self.gate_up.backward(_through_gate(product, kept), kept.mlp_in, kept.gate_up_low, into)
        middle = self.between.backward(mlp_in, kept.middle).add_(gradient).to(gradient.dtype)
        mixed = self.out.backward(middle, kept.mixed, kept.out_low, into)
        qkv = self.attention.backward(mixed, kept.seen, pack.rows)
        attention_in = self.qkv.backward(qkv, kept.attention_in, kept.qkv_low, into)
        return self.before.backward(attention_in, kept.x).add_(middle).to(gradient.dtype)


def _through_gate(gradient: Tensor, kept: Kept) -> Tensor:
    """From the gradient for silu(gate) * up to that for gate and up side by side."""
    gate, up = kept.gate_up.chunk(2, 1)
    into = torch.empty_like(kept.gate_up)
    into_gate, into_up = into.chunk(2, 1)
    torch.mul(gradient, kept.activated, out=into_up)
    torch.ops.aten.silu_backward.grad_input(gradient * up, gate, grad_input=into_gate)
    return into


def _live(count: int, kept: Kept) -> Kept:
    return Kept._make(part[-count:] if isinstance(part, Tensor) else part for part in kept)
