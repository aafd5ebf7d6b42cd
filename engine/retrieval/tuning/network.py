"""The trainable form of the gate's network, and how it is learned."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor, nn

from engine.retrieval.encoder import Array
from engine.retrieval.gate import CANDIDATES, Case

HIDDEN = 32
INNER = 16
EPOCHS = 9
BATCH = 48
RATE = 2e-3
DECAY = 0.01
DROPOUT = 0.3
OUT = -1e4


@dataclass(frozen=True)
class Example:
    """A case, the candidates that answer it (empty: none of them does), its weight in the loss."""

    case: Case
    right: tuple[int, ...]
    told: bool
    """False: never told. True with nothing right: told, by an answer outside the candidates."""
    weight: float


class GateNetwork(nn.Module):
    """Names of the parameters are those that `gate.forward` reads."""

    def __init__(self, features: Array, tokens: int) -> None:
        """`features` (n, f) of the training cases set the scale; `tokens` is the width of a token, 0 without."""
        super().__init__()
        count = features.shape[1]
        self.register_buffer("mean", torch.tensor(features.mean(axis=0)))
        self.register_buffer("spread", torch.tensor(features.std(axis=0) + 1e-3))
        self.inner = nn.Linear(count, INNER)
        self.direct = nn.Linear(count, 1)
        self.outer = nn.Linear(INNER + (2 if tokens else 0), 1)
        self.none = nn.Parameter(torch.zeros(1))
        self.dropout = nn.Dropout(DROPOUT)
        if tokens:
            self.word = nn.Linear(3 * tokens + 3, HIDDEN)
            self.score, self.attention = nn.Linear(HIDDEN, 1), nn.Linear(HIDDEN, 1)
            self.sharpness = nn.Parameter(torch.tensor([8.0]))

    def forward(self, cases: Sequence[Case]) -> Tensor:
        """Log-probabilities of shape (cases, CANDIDATES + 1); missing candidates get none."""
        features, present = _stack_features(cases)
        known = (features - self.mean) / self.spread
        hidden = torch.tanh(self.inner(known))
        if hasattr(self, "word"):
            hidden = torch.cat([hidden, self._read(cases)], dim=-1)
        scores = (self.direct(known) + self.outer(hidden))[..., 0].masked_fill(~present, OUT)
        return torch.log_softmax(torch.cat([scores, self.none.expand(len(cases), 1)], dim=1), dim=1)

    def _read(self, cases: Sequence[Case]) -> Tensor:
        query, words = _pad([case.query_tokens for case in cases])
        answers, real, question = _stack_answers(cases)
        alike = torch.einsum("bnd,bkmd->bknm", query, answers)
        weights = torch.softmax((alike * self.sharpness).masked_fill(~real[:, :, None], OUT), dim=-1)
        aligned = weights @ answers
        spread = query[:, None].expand_as(aligned)
        peaks = [_peak(alike, real & ~question), _peak(alike, question), _peak(alike, real)]
        hidden = self.word(
            self.dropout(torch.cat([spread, aligned, 8 * spread * aligned, torch.stack(peaks, dim=-1)], dim=-1))
        )
        hidden = self.dropout(torch.relu(hidden))
        scores, missing = self.score(hidden)[..., 0], ~words[:, None]
        attention = torch.softmax(self.attention(hidden)[..., 0].masked_fill(missing, OUT), dim=-1)
        return torch.stack([(attention * scores).sum(-1), scores.masked_fill(missing, -OUT).amin(-1)], dim=-1)


def learn_network(examples: Sequence[Example], tokens: int, seed: int = 0) -> GateNetwork:
    """A network in evaluation mode."""
    torch.manual_seed(seed)
    order = np.random.default_rng(seed)
    network = GateNetwork(np.concatenate([example.case.features for example in examples]), tokens).train()
    optimiser = torch.optim.AdamW(network.parameters(), lr=RATE, weight_decay=DECAY)
    for _ in range(EPOCHS):
        shuffled = [examples[row] for row in order.permutation(len(examples))]
        for start in range(0, len(shuffled), BATCH):
            optimiser.zero_grad()
            torch.autograd.backward(_loss(network, shuffled[start : start + BATCH]))
            optimiser.step()
    return network.eval()


def arrays_of(network: GateNetwork) -> dict[str, Array]:
    """Parameters and buffers by name."""
    return {name: value.detach().numpy().astype(np.float32) for name, value in network.state_dict().items()}


def _loss(network: GateNetwork, batch: Sequence[Example]) -> Tensor:
    allowed = torch.full((len(batch), CANDIDATES + 1), OUT)
    for row, example in enumerate(batch):
        places = list(example.right) if example.right else list(range(CANDIDATES)) if example.told else [CANDIDATES]
        allowed[row, places] = 0
    weights = torch.tensor([example.weight for example in batch])
    return (
        -(weights * torch.logsumexp(network([example.case for example in batch]) + allowed, dim=1)).sum()
        / weights.sum()
    )


def _peak(alike: Tensor, where: Tensor) -> Tensor:
    return alike.masked_fill(~where[:, :, None], -1).amax(-1)


def _pad(rows: Sequence[Array]) -> tuple[Tensor, Tensor]:
    padded = nn.utils.rnn.pad_sequence([torch.tensor(row) for row in rows], batch_first=True)
    lengths = torch.tensor([len(row) for row in rows])
    return padded, torch.arange(padded.shape[1])[None] < lengths[:, None]


def _stack_features(cases: Sequence[Case]) -> tuple[Tensor, Tensor]:
    features, present = _pad([case.features for case in cases])
    missing = CANDIDATES - features.shape[1]
    return nn.functional.pad(features, (0, 0, 0, missing)), nn.functional.pad(present, (0, missing))


def _stack_answers(cases: Sequence[Case]) -> tuple[Tensor, Tensor, Tensor]:
    blank = np.zeros((1, cases[0].query_tokens.shape[1]), dtype=np.float32)
    flat = [tokens for case in cases for tokens in [*case.answers, *[blank] * (CANDIDATES - len(case.answers))]]
    counts = [
        int(count) for case in cases for count in [*case.question_tokens, *[0] * (CANDIDATES - len(case.answers))]
    ]
    padded, real = _pad(flat)
    question = (torch.arange(padded.shape[1])[None] < torch.tensor(counts)[:, None]) & real
    shape = (len(cases), CANDIDATES)
    return padded.view(*shape, *padded.shape[1:]), real.view(*shape, -1), question.view(*shape, -1)
