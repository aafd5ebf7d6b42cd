"""Frozen linear layers that read the same input, with their adapters, as one matrix; forward and back by hand."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from engine.lora import LoraLinear


class MergedLinear:
    """x W' + (x A') B' for layers side by side: W (out, in), A (ranks, in), and B (out, ranks) in blocks, scaled.

    One wide product keeps the processor busier than several narrow ones, and B's zeros cost less than more calls.
    `modules` go on working: their weights become views of the merged one.
    """

    def __init__(self, modules: Sequence[nn.Linear | LoraLinear]) -> None:
        self.adapted = [module for module in modules if isinstance(module, LoraLinear)]
        sizes = [module.weight.shape[0] for module in modules]
        self.weight = torch.cat([module.weight.detach() for module in modules])
        for module, weight in zip(modules, self.weight.split(sizes), strict=True):
            module.weight = nn.Parameter(weight, requires_grad=False)
        ranks = sum(module.a.shape[0] for module in self.adapted)
        self._a = self.weight.new_zeros(ranks, self.weight.shape[1])
        self._b = self.weight.new_zeros(self.weight.shape[0], ranks)

    def take_adapters(self) -> None:
        """Copy the adapters as they are now, in the type of the weights."""
        for module, a, b in self._blocks(self._a, self._b):
            a.copy_(module.a)
            b.copy_(module.b * module.scale)

    def _blocks(self, a: Tensor, b: Tensor) -> list[tuple[LoraLinear, Tensor, Tensor]]:
        """Each module with its rows of `a` and its block of `b`."""
        blocks, out, rank = [], 0, 0
        for module in self.adapted:
            (high, low), start, first = module.b.shape, out, rank
            out, rank = out + high, rank + low
            blocks.append((module, a[first:rank], b[start:out, first:rank]))
        return blocks

    def forward(self, x: Tensor, onto: Tensor | None = None) -> tuple[Tensor, Tensor | None]:
        """(rows, in) -> (rows, out), added to `onto` if given; and x A' (rows, ranks), which `backward` needs."""
        out = x @ self.weight.t() if onto is None else torch.addmm(onto, x, self.weight.t())
        if not self.adapted:
            return out, None
        low = x @ self._a.t()
        return out.addmm_(low, self._b.t()), low

    def backward(self, gradient: Tensor, x: Tensor, low: Tensor | None, into: Tensor) -> Tensor:
        """The gradient for `x`; those of A and B go into `into`, a flat tensor laid out like the adapter's."""
        into_x = gradient @ self.weight
        if low is None:
            return into_x
        into_low = gradient @ self._b
        for module, a, b in self._blocks(into_low.t() @ x, gradient.t() @ low):
            _like(module.a, into).copy_(a)
            _like(module.b, into).copy_(b).mul_(module.scale)
        return into_x.addmm_(into_low, self._a)


def _like(leaf: Tensor, flat: Tensor) -> Tensor:
    """The part of `flat` that lies where `leaf` lies in the adapter's own flat tensor."""
    return flat.as_strided(leaf.shape, leaf.stride(), leaf.storage_offset())
