"""The own adapter computes what peft computes, and its files are peft's and llama.cpp's."""

from __future__ import annotations

import json
from pathlib import Path

import gguf
import numpy as np
import pytest
import torch

from engine.gguf_lora import write_gguf
from engine.llama_gguf import unpermute_rows
from engine.lora import Adapter, LoraLinear, write_peft
from engine.model import CausalModel


def test_values_and_gradients_are_those_of_the_plain_formula() -> None:
    torch.manual_seed(0)
    linear = torch.nn.Linear(6, 5)
    x, a, b = torch.randn(2, 3, 6, requires_grad=True), torch.randn(4, 6), torch.randn(5, 4)
    module = LoraLinear(linear.requires_grad_(False), a.requires_grad_(), b.requires_grad_(), 0.5)
    plain = linear(x) + 0.5 * (x @ a.t() @ b.t())
    expected = torch.autograd.grad(plain.sin().sum(), (x, a, b))
    out = module(x)
    gradients = torch.autograd.grad(out.sin().sum(), (x, a, b))
    assert torch.allclose(out, plain, atol=1e-6)
    assert all(torch.allclose(got, want, atol=1e-5) for got, want in zip(gradients, expected, strict=True))


@pytest.fixture
def model(tiny_model: Path) -> CausalModel:
    model = CausalModel(tiny_model)
    model.cast(torch.float32)
    return model


def trained(model: CausalModel, first_layer: int = 0) -> Adapter:
    adapter = Adapter(model.network, model.head, rank=4, alpha=8.0, first_layer=first_layer, seed=3)
    adapter.flat.normal_(0, 0.2)
    return adapter


def test_an_adapter_starts_without_effect(model: CausalModel) -> None:
    ids = torch.tensor([[5, 6, 7, 8]])
    before = model.network(ids).logits
    Adapter(model.network, model.head, rank=4, alpha=8.0, first_layer=0, seed=3)
    assert torch.equal(model.network(ids).logits, before)


def test_the_head_and_the_lower_layers_are_left_alone(model: CausalModel) -> None:
    adapter = trained(model, first_layer=1)
    assert {name.split(".")[2] for name in adapter.modules} == {"1"}
    assert len(adapter.modules) == 7


# peft asks transformers for a property by its old name.
@pytest.mark.filterwarnings("ignore:.is_gradient_checkpointing:FutureWarning")
@pytest.mark.parametrize("first_layer", [0, 1])
def test_peft_loads_the_files_and_computes_the_same(
    model: CausalModel, tiny_model: Path, tmp_path: Path, first_layer: int
) -> None:
    from peft import PeftModel
    from transformers import AutoModelForCausalLM

    adapter = trained(model, first_layer)
    write_peft(adapter, adapter.flat, "tiny", tmp_path)
    base = AutoModelForCausalLM.from_pretrained(tiny_model, dtype=torch.float32)
    ids = torch.tensor([[5, 6, 7, 8, 9]])
    plain = base(ids).logits
    loaded = PeftModel.from_pretrained(base, tmp_path)(ids).logits
    assert torch.allclose(loaded, model.network(ids).logits, atol=1e-5)
    assert not torch.allclose(loaded, plain, atol=1e-2)


def test_the_gguf_holds_each_matrix_with_queries_and_keys_permuted(model: CausalModel, tmp_path: Path) -> None:
    adapter = trained(model)
    write_gguf(adapter.tensors(adapter.flat), adapter.alpha, 4, 2, tmp_path / "adapter.gguf")
    reader = gguf.GGUFReader(tmp_path / "adapter.gguf")
    tensors = {tensor.name: np.array(tensor.data, dtype=np.float32) for tensor in reader.tensors}
    query = adapter.modules["model.layers.1.self_attn.q_proj"]
    assert len(tensors) == 28
    assert np.allclose(unpermute_rows(tensors["blk.1.attn_q.weight.lora_b"], 4), query.b.detach(), atol=1e-3)
    assert np.allclose(tensors["blk.1.attn_q.weight.lora_a"], query.a.detach(), atol=1e-3)
    assert reader.fields["adapter.lora.alpha"].contents() == 8.0


def test_the_config_names_the_base_model(model: CausalModel, tmp_path: Path) -> None:
    adapter = trained(model)
    write_peft(adapter, adapter.flat, "smollm2-135m-instruct", tmp_path)
    config = json.loads((tmp_path / "adapter_config.json").read_text())
    assert (config["base_model_name_or_path"], config["r"], config["lora_alpha"]) == ("smollm2-135m-instruct", 4, 8.0)
