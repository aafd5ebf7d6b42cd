"""The passes written out by hand compute what transformers and autograd compute."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from engine.data import Batch, Example, collate
from engine.learner import AutogradLearner, Learner, learner_for
from engine.llama_learner import LlamaLearner
from engine.lora import Adapter
from engine.model import CausalModel
from engine.packing import pack

# With prompts of six, one and no tokens.
EXAMPLES = [Example([5, 6, 7, 8, 9, 10], [11, 12, 13]), Example([20], [21, 22, 23, 24]), Example([], [30, 31, 32])]


def prepared(folder: Path, first_layer: int, longest_prompt: int) -> tuple[CausalModel, Adapter, Learner]:
    model = CausalModel(folder)
    model.cast(torch.float32)
    adapter = Adapter(model.network, model.head, rank=4, alpha=8.0, first_layer=first_layer, seed=3)
    adapter.flat.normal_(0, 0.2, generator=torch.Generator().manual_seed(1))
    learner = learner_for(model, adapter, longest_prompt, 64)
    learner.take_adapter()
    return model, adapter, learner


@contextmanager
def prompts_held(model: CausalModel, batch: Batch, longest_prompt: int) -> Iterator[None]:
    """Makes autograd take what a layer says about long prompts, keys and values included, for constant."""
    live = torch.zeros(batch.ids.numel(), 1, dtype=torch.bool)
    live[batch.positions] = True
    live = live.view(*batch.ids.shape, 1)
    for row, example in zip(live, EXAMPLES, strict=True):
        row |= len(example.prompt) <= longest_prompt

    def hold(module: nn.Module, inputs: Any, out: Tensor) -> Tensor:
        return torch.where(live, out, out.detach())

    layers = model.network.model.layers
    held = [part for layer in layers for part in (layer, layer.self_attn.k_proj, layer.self_attn.v_proj)]
    handles = [part.register_forward_hook(hold) for part in held]
    yield
    for handle in handles:
        handle.remove()


@pytest.mark.parametrize("first_layer", [0, 1])
@pytest.mark.parametrize("longest_prompt", [9, 3, 0])
def test_loss_and_gradient_are_those_of_autograd(tiny_model: Path, first_layer: int, longest_prompt: int) -> None:
    model, adapter, learner = prepared(tiny_model, first_layer, longest_prompt)
    assert isinstance(learner, LlamaLearner)
    loss, gradient = learner.loss_and_gradient(EXAMPLES)
    plain = AutogradLearner(model, adapter)
    with prompts_held(model, collate(EXAMPLES, model.padding), longest_prompt):
        expected = plain.loss_and_gradient(EXAMPLES)
    assert loss == pytest.approx(expected[0], rel=1e-5)
    assert torch.allclose(gradient, expected[1], atol=1e-4, rtol=1e-3)
    assert gradient.norm() > 1


def test_a_measurement_is_that_of_the_modules(tiny_model: Path) -> None:
    model, adapter, learner = prepared(tiny_model, 0, 0)
    expected = AutogradLearner(model, adapter).measure(EXAMPLES)
    measured = learner.measure(EXAMPLES)
    assert measured[1:] == expected[1:] and measured[0] == pytest.approx(expected[0], rel=1e-5)


def test_a_changed_adapter_counts_when_it_is_taken(tiny_model: Path) -> None:
    _, adapter, learner = prepared(tiny_model, 0, 0)
    before = learner.measure(EXAMPLES)[0]
    adapter.flat.zero_()
    assert learner.measure(EXAMPLES)[0] == before
    learner.take_adapter()
    assert learner.measure(EXAMPLES)[0] != pytest.approx(before, rel=1e-3)


@pytest.mark.parametrize(
    "settings", [{"model_type": "qwen2"}, {"attention_bias": True}, {"rope_parameters": {"rope_type": "yarn"}}]
)
def test_other_architectures_are_left_to_autograd(tiny_model: Path, settings: dict[str, Any]) -> None:
    model = CausalModel(tiny_model)
    adapter = Adapter(model.network, model.head, rank=4, alpha=8.0, first_layer=0, seed=3)
    vars(model.network.config).update(settings)
    assert isinstance(learner_for(model, adapter, 0, 64), AutogradLearner)


def test_a_pack_has_contexts_first_and_live_tokens_last() -> None:
    packed = pack([Example([1, 2, 3], [4, 5]), Example([6], [7, 8])], longest_prompt=0)
    assert packed.ids.tolist() == [1, 2, 3, 4, 6, 7]
    assert (packed.live, packed.positions.tolist(), packed.labels.tolist()) == (4, [2, 3, 4, 5], [4, 5, 7, 8])
    assert [(row.context_length, row.length) for row in packed.rows] == [(2, 4), (0, 2)]


def test_a_row_with_a_short_prompt_is_live_as_a_whole() -> None:
    packed = pack([Example([1, 2, 3], [4, 5]), Example([6], [7, 8])], longest_prompt=1)
    assert (packed.ids.tolist(), packed.live) == ([1, 2, 3, 4, 6, 7], 4)
    packed = pack([Example([6], [7, 8]), Example([1, 2, 3], [4, 5])], longest_prompt=3)
    assert (packed.ids.tolist(), packed.live) == ([6, 7, 1, 2, 3, 4], 6)
    assert (packed.positions.tolist(), packed.labels.tolist()) == ([0, 1, 4, 5], [7, 8, 4, 5])
