"""The trainable form of the encoder: MiniLM with low-rank corrections of its linear layers, in torch."""

from __future__ import annotations

import math
from collections.abc import Collection, Sequence

import numpy as np
import torch
from tokenizers import Encoding
from torch import Tensor, nn
from torch.nn.functional import dropout, gelu, layer_norm, linear, normalize

from engine.retrieval.encoder import DIMENSION, EPSILON, HEADS, LAYERS, Array, Encoder

RANK = 8
SCALE = 2.0
"""A correction is x A B times this (LoRA's alpha / rank)."""
DROPOUT = 0.1
BATCH_TOKENS = 1024
MASKED = -1e9
COMPUTE = torch.bfloat16
"""Of the linear layers: twice as fast as float32 on a processor with AVX512-BF16."""
PARTS = (
    "attention.self.query",
    "attention.self.key",
    "attention.self.value",
    "attention.output.dense",
    "intermediate.dense",
    "output.dense",
)
NAMES = tuple(f"encoder.layer.{layer}.{part}" for layer in range(LAYERS) for part in PARTS)


class TunedEncoder(nn.Module):
    """`Encoder` with a learned pair (A, B) beside each linear layer; the layers themselves stay as they are."""

    def __init__(self) -> None:
        super().__init__()
        encoder = Encoder()
        self._tokenizer = encoder.tokenizer
        self._fixed = {name: torch.tensor(np.array(values)) for name, values in encoder.tensors.items()}
        self._weights = {name: self._fixed[f"{name}.weight"].to(COMPUTE) for name in NAMES}
        self._biases = {name: self._fixed[f"{name}.bias"].to(COMPUTE) for name in NAMES}
        self.down, self.up = nn.ParameterDict(), nn.ParameterDict()
        for name in NAMES:
            outputs, inputs = self._weights[name].shape
            self.down[_key(name)] = nn.Parameter(torch.randn(inputs, RANK) / math.sqrt(inputs))
            self.up[_key(name)] = nn.Parameter(torch.zeros(RANK, outputs))

    def deltas(self) -> dict[str, Array]:
        """The corrections as `space.load_deltas` reads them."""
        result = {}
        for name in NAMES:
            result[f"{name}/down"] = self.down[_key(name)].detach().numpy().copy()
            result[f"{name}/up"] = SCALE * self.up[_key(name)].detach().numpy()
        return result

    def tokenize(self, texts: Sequence[str]) -> list[Encoding]:
        return self._tokenizer.encode_batch(list(texts))

    def forward(self, encodings: Sequence[Encoding], read: Collection[int]) -> tuple[Tensor, list[Tensor]]:
        """Unit vectors (n, 384), and the states of the words, (words, 384), of the rows in `read`, in their order."""
        vectors: dict[int, Tensor] = {}
        words: dict[int, Tensor] = {}
        for rows in _batches(encodings):
            states, mask = self._hidden([encodings[row] for row in rows])
            means = (states * mask[..., None]).sum(1) / mask.sum(1, keepdim=True)
            for place, row in enumerate(rows):
                vectors[row] = means[place]
                words[row] = states[place, 1 : len(encodings[row].ids) - 1]
        pooled = normalize(torch.stack([vectors[row] for row in range(len(encodings))]), dim=-1)
        return pooled, [words[row] for row in sorted(read)]

    def _hidden(self, encodings: Sequence[Encoding]) -> tuple[Tensor, Tensor]:
        """The last states (n, longest, 384) and the mask of what is text (n, longest)."""
        ids = nn.utils.rnn.pad_sequence([torch.tensor(one.ids) for one in encodings], batch_first=True)
        lengths = torch.tensor([len(one.ids) for one in encodings])
        mask = torch.arange(ids.shape[1])[None] < lengths[:, None]
        states = self._fixed["embeddings.word_embeddings.weight"][ids]
        states = states + self._fixed["embeddings.position_embeddings.weight"][: ids.shape[1]]
        states = self._norm("embeddings", states + self._fixed["embeddings.token_type_embeddings.weight"][0])
        for layer in range(LAYERS):
            states = self._layer(f"encoder.layer.{layer}.", states, mask)
        return states, mask

    def _layer(self, name: str, states: Tensor, mask: Tensor) -> Tensor:
        attended = self._linear(name + "attention.output.dense", self._attention(name, states.to(COMPUTE), mask))
        states = self._norm(name + "attention.output", states + attended.float())
        inner = gelu(self._linear(name + "intermediate.dense", states.to(COMPUTE)), approximate="tanh")
        return self._norm(name + "output", states + self._linear(name + "output.dense", inner).float())

    def _attention(self, name: str, states: Tensor, mask: Tensor) -> Tensor:
        query, key, value = (
            self._linear(f"{name}attention.self.{part}", states).unflatten(-1, (HEADS, -1)).transpose(1, 2)
            for part in ("query", "key", "value")
        )
        scores = (query @ key.transpose(-1, -2)).float() / math.sqrt(DIMENSION // HEADS)
        weights = torch.softmax(scores.masked_fill(~mask[:, None, None], MASKED), dim=-1)
        return (weights.to(COMPUTE) @ value).transpose(1, 2).flatten(-2)

    def _linear(self, name: str, states: Tensor) -> Tensor:
        down, up = self.down[_key(name)].to(COMPUTE), self.up[_key(name)].to(COMPUTE)
        correction = dropout(states @ down, DROPOUT, self.training) @ up
        return linear(states, self._weights[name], self._biases[name]) + SCALE * correction

    def _norm(self, name: str, states: Tensor) -> Tensor:
        weight, bias = (self._fixed[f"{name}.LayerNorm.{part}"] for part in ("weight", "bias"))
        return layer_norm(states, (DIMENSION,), weight, bias, EPSILON)


def _key(name: str) -> str:
    """A ParameterDict takes no dots."""
    return name.replace(".", "_")


def _batches(encodings: Sequence[Encoding]) -> list[list[int]]:
    """Row numbers in groups of like length."""
    batches: list[list[int]] = [[]]
    for row in sorted(range(len(encodings)), key=lambda row: len(encodings[row].ids)):
        if batches[-1] and len(encodings[row].ids) * (len(batches[-1]) + 1) > BATCH_TOKENS:
            batches.append([])
        batches[-1].append(row)
    return batches
