"""Examples laid end to end without padding, for the passes that are written out by hand."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import torch

from engine.data import Example


class Row(NamedTuple):
    """Where one example lies in a pack: its context, which is only read, and its live tokens."""

    context: slice
    live: slice

    @property
    def context_length(self) -> int:
        """Tokens before the live ones."""
        return int(self.context.stop - self.context.start)

    @property
    def length(self) -> int:
        """Tokens of both."""
        return self.context_length + int(self.live.stop - self.live.start)


class Pack(NamedTuple):
    """First the contexts of all rows, then their live tokens, so that the live ones are one slice at the end."""

    ids: torch.Tensor
    """(tokens,) int64"""
    rows: list[Row]
    live: int
    """How many of the last tokens gradients go through."""
    positions: torch.Tensor
    """(answers,) int64: the tokens after which one of an answer comes"""
    labels: torch.Tensor
    """(answers,) int64: those tokens of the answers"""


def pack(examples: Sequence[Example], longest_prompt: int) -> Pack:
    """Lay out examples; a last token, after which nothing is foretold, is left out.

    Live are the tokens that foretell an answer and, in a row whose prompt has at most `longest_prompt` tokens, all.
    """
    contexts, lives, labels = [], [], []
    for example in examples:
        tokens = (example.prompt + example.answer)[:-1]
        told = example.answer if example.prompt else example.answer[1:]
        start = 0 if len(example.prompt) <= longest_prompt else len(tokens) - len(told)
        contexts.append(tokens[:start])
        lives.append(tokens[start:])
        labels.append(told)
    first_live = sum(map(len, contexts))
    rows = [Row(*places) for places in zip(_slices(contexts, 0), _slices(lives, first_live), strict=True)]
    positions = [p for row, told in zip(rows, labels, strict=True) for p in range(row.live.stop)[-len(told) :] if told]
    return Pack(
        ids=torch.tensor([token for part in (*contexts, *lives) for token in part], dtype=torch.int64),
        rows=rows,
        live=sum(map(len, lives)),
        positions=torch.tensor(positions, dtype=torch.int64),
        labels=torch.tensor([token for told in labels for token in told], dtype=torch.int64),
    )


def _slices(parts: Sequence[Sequence[int]], start: int) -> list[slice]:
    slices = []
    for part in parts:
        slices.append(slice(start, start + len(part)))
        start += len(part)
    return slices
