"""Choosing the next token from logits, with OpenAI's parameters and their vLLM additions."""

from __future__ import annotations

import torch

from engine.serving.backend import Sampling


class Sampler:
    """Draws tokens for one generation; penalties count the tokens that it has drawn."""

    def __init__(self, sampling: Sampling, eos_ids: frozenset[int]) -> None:
        self._sampling = sampling
        self._eos_ids = sorted(eos_ids)
        self._generator = torch.Generator()
        if sampling.seed is None:
            self._generator.seed()
        else:
            self._generator.manual_seed(sampling.seed % 2**63)
        self._drawn: dict[int, int] = {}

    def draw(self, logits: torch.Tensor) -> int:
        """The next token's id, from logits of shape (vocabulary,), float32."""
        scores = self._penalised(logits.clone())
        if self._sampling.ignore_eos:
            scores[self._eos_ids] = -torch.inf
        if self._sampling.temperature == 0:
            token = int(scores.argmax())
        else:
            probabilities = self._cut(torch.softmax(scores / self._sampling.temperature, dim=-1))
            token = int(torch.multinomial(probabilities, 1, generator=self._generator))
        self._drawn[token] = self._drawn.get(token, 0) + 1
        return token

    def _penalised(self, scores: torch.Tensor) -> torch.Tensor:
        sampling = self._sampling
        for token, count in self._drawn.items():
            factor = sampling.repetition_penalty
            scores[token] = scores[token] / factor if scores[token] > 0 else scores[token] * factor
            scores[token] -= sampling.frequency_penalty * count + sampling.presence_penalty
        return scores

    def _cut(self, probabilities: torch.Tensor) -> torch.Tensor:
        """Probabilities with top_k, top_p and min_p applied; not normalised, which drawing does not need."""
        ordered, ids = probabilities.sort(descending=True)
        keep = ordered >= self._sampling.min_p * ordered[0]
        # A token stays while those before it hold less than top_p; the first one always stays.
        keep &= (ordered.cumsum(0) - ordered < self._sampling.top_p) | (ids == ids[0])
        if self._sampling.top_k:
            keep[self._sampling.top_k :] = False
        return torch.zeros_like(probabilities).scatter(0, ids, ordered * keep)
