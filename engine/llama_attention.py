"""Rotary positions and causal attention over the rows of a pack; forward and back by hand."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import torch
from torch import Tensor

from engine.packing import Row


class Heads(NamedTuple):
    """How the columns of queries, keys and values are divided; several query heads share one of keys and values."""

    queries: int
    keys: int
    size: int

    @property
    def all(self) -> int:
        """Heads of queries, keys and values."""
        return self.queries + 2 * self.keys

    @property
    def turned(self) -> int:
        """Heads that carry a position: queries and keys."""
        return self.queries + self.keys


class Rotary(NamedTuple):
    """Cosines and sines (tokens, size / 2) of the angles by which position turns queries and keys (RoPE)."""

    cos: Tensor
    sin: Tensor

    def turn(self, x: Tensor, start: int, back: bool = False) -> Tensor:
        """(heads, tokens, size) at the positions from `start`, turned, or turned back, into a new tensor."""
        places, half = slice(start, start + x.shape[1]), x.shape[2] // 2
        cos, sin, sign = self.cos[places], self.sin[places], -1 if back else 1
        low, high = x[..., :half], x[..., half:]
        out = torch.empty_like(x)
        torch.mul(low, cos, out=out[..., :half]).addcmul_(high, sin, value=-sign)
        torch.mul(high, cos, out=out[..., half:]).addcmul_(low, sin, value=sign)
        return out


class Seen(NamedTuple):
    """What the way back needs of one row."""

    shares: Tensor
    """(key heads, group * live, tokens): how much each live query attends to each token"""
    queries: Tensor
    """(key heads, group * live, size)"""
    keys: Tensor
    """(key heads, tokens, size)"""
    values: Tensor


class Attention:
    """Causal attention of the llama family."""

    def __init__(self, heads: Heads, rotary: Rotary, scale: float) -> None:
        self.heads, self.rotary, self.scale = heads, rotary, scale
        self.group = heads.queries // heads.keys

    def forward(self, qkv: Tensor, rows: Sequence[Row]) -> tuple[Tensor, list[Seen]]:
        """(tokens, all heads * size) -> (tokens, query heads * size), and what `backward` needs."""
        heads = qkv.view(len(qkv), self.heads.all, self.heads.size)
        out = qkv.new_empty(len(qkv), self.heads.queries, self.heads.size)
        seen = [self._row_forward(heads, row, out) for row in rows]
        return out.flatten(1), seen

    def _row_forward(self, heads: Tensor, row: Row, out: Tensor) -> Seen:
        own = torch.cat((heads[row.context].transpose(0, 1), heads[row.live].transpose(0, 1)), 1)
        turned, values = self.rotary.turn(own[: self.heads.turned], 0), own[self.heads.turned :]
        queries, keys = turned[: self.heads.queries], turned[self.heads.queries :]
        shares = self._shares(queries, keys)
        mixed = torch.bmm(self._grouped(shares), values).view(queries.shape).transpose(0, 1)
        start = row.context_length
        out[row.context], out[row.live] = mixed[:start], mixed[start:]
        return Seen(self._grouped(shares[:, start:]), self._grouped(queries[:, start:]), keys, values)

    def _grouped(self, x: Tensor) -> Tensor:
        """(query heads, n, m) -> (key heads, group * n, m)."""
        return x.reshape(self.heads.keys, self.group * x.shape[1], x.shape[2])

    def _shares(self, queries: Tensor, keys: Tensor) -> Tensor:
        length = keys.shape[1]
        scores = torch.bmm(self._grouped(queries), keys.transpose(1, 2)).view(-1, length, length)
        future = scores.new_full((length, length), float("-inf")).triu_(1)
        return torch.softmax(torch.add(future, scores, alpha=self.scale), -1)

    def backward(self, gradient: Tensor, seen: Sequence[Seen], rows: Sequence[Row]) -> Tensor:
        """(live, query heads * size) -> the gradient for the live part of qkv."""
        live = len(gradient)
        heads = gradient.view(live, self.heads.queries, self.heads.size)
        into = gradient.new_empty(live, self.heads.all, self.heads.size)
        first = rows[0].live.start
        for one, row in zip(seen, rows, strict=True):
            place = slice(row.live.start - first, row.live.stop - first)
            own = self._row_backward(heads[place].transpose(0, 1), one, row.context_length)
            into[place] = own.transpose(0, 1)
        return into.flatten(1)

    def _row_backward(self, gradient: Tensor, seen: Seen, start: int) -> Tensor:
        out = self._grouped(gradient)
        into_shares = torch.bmm(out, seen.values.transpose(1, 2))
        scores = torch._softmax_backward_data(into_shares, seen.shares, -1, seen.shares.dtype).mul_(self.scale)
        own = gradient.new_empty(self.heads.all, gradient.shape[1], self.heads.size)
        queries, keys = self.heads.queries, self.heads.turned
        own[:queries] = torch.bmm(scores, seen.keys).view(gradient.shape)
        own[queries:keys] = torch.bmm(scores[:, :, start:].transpose(1, 2), seen.queries)
        own[keys:] = torch.bmm(seen.shares[:, :, start:].transpose(1, 2), out)
        return torch.cat((self.rotary.turn(own[:keys], start, back=True), own[keys:]))
