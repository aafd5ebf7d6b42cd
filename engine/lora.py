"""Low-rank adapters (Hu et al. 2021, arXiv 2106.09685) on the frozen linear layers of a model.

peft's modules cost a third more here: they keep what backward never needs and convert between types at each layer.
These save only what is used; the file that they write is peft's, which vLLM, transformers and the rest load.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from engine.errors import BadInput

_LAYER_NUMBER = re.compile(r"\.(\d+)\.")


class _LoraFunction(torch.autograd.Function):
    """x W' + s (x A') B' with gradients for x, A and B alone."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, weight: Tensor, bias: Tensor | None, a: Tensor, b: Tensor, scale: float) -> Tensor:
        rows = x.reshape(-1, x.shape[-1])
        a_low, b_low = a.to(x.dtype), (b * scale).to(x.dtype)
        hidden = rows @ a_low.t()
        out = rows @ weight.t() if bias is None else torch.addmm(bias, rows, weight.t())
        out.addmm_(hidden, b_low.t())
        ctx.save_for_backward(rows, weight, a_low, b_low, hidden)
        ctx.scale, ctx.shape = scale, x.shape
        return out.view(*x.shape[:-1], -1)

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor | None, None, None, Tensor, Tensor, None]:
        rows, weight, a_low, b_low, hidden = ctx.saved_tensors
        gradient = gradients[0].reshape(-1, gradients[0].shape[-1])
        into_hidden = gradient @ b_low
        into_x = None
        if ctx.needs_input_grad[0]:
            into_x = (gradient @ weight).addmm_(into_hidden, a_low).view(ctx.shape)
        into_a = (into_hidden.t() @ rows).float()
        into_b = (gradient.t() @ hidden).float().mul_(ctx.scale)
        return into_x, None, None, into_a, into_b, None


class LoraLinear(nn.Module):
    """A frozen linear layer (out, in) with an adapter: A (rank, in) and B (out, rank), both float32."""

    def __init__(self, linear: nn.Linear, a: Tensor, b: Tensor, scale: float) -> None:
        super().__init__()
        self.weight, self.bias = linear.weight, linear.bias
        self.a, self.b, self.scale = a, b, scale

    def forward(self, x: Tensor) -> Tensor:
        """(..., in) -> (..., out) in the type of `x`."""
        out: Tensor = _LoraFunction.apply(x, self.weight, self.bias, self.a, self.b, self.scale)
        return out


class Adapter:
    """All adapters of a model. Their numbers lie in one flat float32 tensor, which is all that training moves."""

    def __init__(
        self, model: nn.Module, output: nn.Module | None, rank: int, alpha: float, first_layer: int, seed: int
    ):
        self.rank, self.alpha = rank, alpha
        linears = dict(_linears(model, output, first_layer))
        if not linears:
            raise BadInput("This base model has no linear layers that can be adapted. Choose a llama-like model.")
        sizes = [rank * (linear.in_features + linear.out_features) for linear in linears.values()]
        self.flat = torch.zeros(sum(sizes))
        self.modules: dict[str, LoraLinear] = {}
        generator = torch.Generator().manual_seed(seed)
        for (name, linear), block in zip(linears.items(), self.flat.split(sizes), strict=True):
            a = block[: rank * linear.in_features].view(rank, linear.in_features)
            # The bound of peft's kaiming_uniform_(a=sqrt(5)).
            a.uniform_(-1, 1, generator=generator).mul_(linear.in_features**-0.5)
            b = block[rank * linear.in_features :].view(linear.out_features, rank)
            self.modules[name] = LoraLinear(linear, a.requires_grad_(), b.requires_grad_(), alpha / rank)
            _replace(model, name, self.modules[name])

    def leaves(self) -> list[Tensor]:
        """A and B of each module, in the order of `flat`."""
        return [tensor for module in self.modules.values() for tensor in (module.a, module.b)]

    def tensors(self, flat: Tensor) -> Iterator[tuple[str, Tensor, Tensor]]:
        """Module name, A and B out of a flat tensor like this adapter's."""
        shapes = [leaf.shape for leaf in self.leaves()]
        pieces = [p.view(shape) for p, shape in zip(flat.split([s.numel() for s in shapes]), shapes, strict=True)]
        yield from zip(self.modules, pieces[::2], pieces[1::2], strict=True)


def _linears(model: nn.Module, output: nn.Module | None, first_layer: int) -> Iterator[tuple[str, nn.Linear]]:
    for name, module in model.named_modules():
        number = _LAYER_NUMBER.search(name)
        if isinstance(module, nn.Linear) and module is not output and number and int(number[1]) >= first_layer:
            yield name, module


def _replace(model: nn.Module, name: str, module: nn.Module) -> None:
    parent, _, child = name.rpartition(".")
    setattr(model.get_submodule(parent), child, module)


def write_peft(adapter: Adapter, flat: Tensor, base_model: str, folder: Path) -> None:
    """Write adapter_config.json and adapter_model.safetensors as peft's `save_pretrained` does."""
    layers = sorted({int(number[1]) for name in adapter.modules if (number := _LAYER_NUMBER.search(name))})
    targets = {name.rpartition(".")[2] for name in adapter.modules}
    config = peft_config(base_model, adapter.rank, adapter.alpha, targets) | {"layers_to_transform": layers}
    write_peft_files(adapter.tensors(flat), config, folder)


def peft_config(base_model: str, rank: int, alpha: float, targets: Iterable[str]) -> dict[str, Any]:
    """peft's adapter_config.json of a LoRA over the modules that `targets` names."""
    return {
        "peft_type": "LORA",
        "task_type": "CAUSAL_LM",
        "base_model_name_or_path": base_model,
        "inference_mode": True,
        "r": rank,
        "lora_alpha": alpha,
        "lora_dropout": 0.0,
        "bias": "none",
        "target_modules": sorted(targets),
        "init_lora_weights": True,
    }


def write_peft_files(pairs: Iterable[tuple[str, Tensor, Tensor]], config: dict[str, Any], folder: Path) -> None:
    """Write the two files from (module, A, B) and `config`. OSError if the disk is full."""
    from safetensors.torch import save

    tensors: dict[str, Tensor] = {}
    for name, a, b in pairs:
        tensors[f"base_model.model.{name}.lora_A.weight"] = a.contiguous()
        tensors[f"base_model.model.{name}.lora_B.weight"] = b.contiguous()
    # Through bytes, because Python's own writing reports a full disk as OSError with its errno.
    (folder / "adapter_model.safetensors").write_bytes(save(tensors, metadata={"format": "pt"}))
    (folder / "adapter_config.json").write_text(json.dumps(config, indent=2) + "\n", encoding="utf-8")
