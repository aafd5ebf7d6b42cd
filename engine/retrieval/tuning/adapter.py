"""Learns the two low-rank corrections of a space: which message belongs to which answer."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn.functional import cross_entropy, dropout, normalize

from engine.retrieval.encoder import Array

RANK = 16
EPOCHS = 15
DROPOUT = 0.5
"""On input and bottleneck: without it 1,400 messages are learned by heart in ten epochs and recall falls."""
RATE = 1e-3
DECAY = 0.05
SCALE = 8.0
"""Sharpens the sum of three cosines; 16 for the single cosine of the bank's pairs."""


@dataclass(frozen=True)
class Lesson:
    """One person in plain vectors: `owner[i]` is the document of passage i, `right` (messages, documents)."""

    messages: Tensor
    wordings: Tensor
    passages: Tensor
    joint: Tensor
    owner: Tensor
    right: Tensor


Bank = tuple[Tensor, Tensor, Tensor]
"""The question bank: vectors of other wordings, of questions, and the place of each wording's question."""


class AdapterModel(nn.Module):
    """The trainable form of `space.Adapter`."""

    def __init__(self) -> None:
        super().__init__()
        self.query_a, self.document_a = (nn.Parameter(torch.randn(384, RANK) * 0.05) for _ in range(2))
        self.query_b, self.document_b = (nn.Parameter(torch.zeros(RANK, 384)) for _ in range(2))
        self.fields = nn.Parameter(torch.zeros(3))

    def queries(self, vectors: Tensor) -> Tensor:
        return self._correct(vectors, self.query_a, self.query_b)

    def documents(self, vectors: Tensor) -> Tensor:
        return self._correct(vectors, self.document_a, self.document_b)

    def forward(self, lesson: Lesson) -> Tensor:
        """Scores of shape (messages, documents)."""
        queries = self.queries(lesson.messages)
        wordings, passages, joint = (self.documents(part) for part in (lesson.wordings, lesson.passages, lesson.joint))
        alike = queries @ passages.T
        best = torch.full((len(queries), len(wordings)), -1.0)
        best = best.scatter_reduce(1, lesson.owner.expand(len(queries), -1), alike, "amax")
        shares = self.fields.exp()
        return shares[0] * queries @ wordings.T + shares[1] * best + shares[2] * queries @ joint.T

    def _correct(self, vectors: Tensor, down: Tensor, up: Tensor) -> Tensor:
        inner = dropout(dropout(vectors, DROPOUT, self.training) @ down, DROPOUT, self.training)
        return normalize(vectors + inner @ up, dim=-1)


def learn_adapter(lessons: Sequence[Lesson], bank: Bank, seed: int = 0) -> dict[str, Array]:
    """Arrays of an adapter by name. `seed` fixes the start and the order."""
    torch.manual_seed(seed)
    order = np.random.default_rng(seed)
    model = AdapterModel().train()
    optimiser = torch.optim.AdamW(model.parameters(), lr=RATE, weight_decay=DECAY)
    for _ in range(EPOCHS):
        for turn in order.permutation(len(lessons) + 1):
            optimiser.zero_grad()
            loss = _person_loss(model, lessons[turn]) if turn < len(lessons) else _bank_loss(model, *bank)
            torch.autograd.backward(loss)
            optimiser.step()
    return {name: parameter.detach().numpy().astype(np.float32) for name, parameter in model.named_parameters()}


def _person_loss(model: AdapterModel, lesson: Lesson) -> Tensor:
    scores = model(lesson) * SCALE
    right = scores.masked_fill(~lesson.right, -1e4)
    return (torch.logsumexp(scores, 1) - torch.logsumexp(right, 1)).mean()


def _bank_loss(model: AdapterModel, wordings: Tensor, questions: Tensor, target: Tensor) -> Tensor:
    return cross_entropy(model.queries(wordings) @ model.documents(questions).T * 2 * SCALE, target)
