"""Loads a base model for training, in the number type that is faster on this machine."""

from __future__ import annotations

import copy
import os
import time
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional

from engine.data import Batch
from engine.errors import BadInput

# Settings of architectures whose logits are more than one matrix times the hidden state.
_LOGIT_SETTINGS = ("final_logit_softcapping", "logit_scale", "logits_scaling")


def thread_count() -> int:
    """Cores that this process may use; OMP_NUM_THREADS lowers it."""
    cores = len(os.sched_getaffinity(0))
    limit = os.environ.get("OMP_NUM_THREADS", "")
    return min(cores, int(limit)) if limit.isdigit() and int(limit) > 0 else cores


class CausalModel:
    """A transformers model and its tokenizer, with a loss that looks at the answers alone."""

    def __init__(self, folder: Path) -> None:
        self.network, self.tokenizer = _load(folder)
        self.network.requires_grad_(False)
        config = self.network.config
        self._plain_head = not any(getattr(config, setting, None) for setting in _LOGIT_SETTINGS)
        self.dtype = torch.bfloat16

    def cast(self, dtype: torch.dtype) -> None:
        """Turn the frozen weights into `dtype`."""
        self.network.to(dtype)
        self.dtype = dtype

    @property
    def head(self) -> nn.Module | None:
        """The layer that turns hidden states into logits."""
        module: nn.Module | None = self.network.get_output_embeddings()
        return module

    @property
    def padding(self) -> int:
        """The id that fills short rows."""
        return int(self.tokenizer.pad_token_id)

    def logits(self, batch: Batch) -> Tensor:
        """(answers, vocabulary) float32: only where an answer is foretold, for the head is a fifth of the work."""
        if not self._plain_head or self.head is None:
            out = self.network(input_ids=batch.ids, use_cache=False).logits
            return _pick(out, batch.positions).float()
        hidden = self.network.base_model(input_ids=batch.ids, use_cache=False).last_hidden_state
        logits: Tensor = self.head(_pick(hidden, batch.positions))
        return logits.float()

    def loss(self, batch: Batch) -> Tensor:
        """Cross-entropy in nats, summed over the answers' tokens."""
        return functional.cross_entropy(self.logits(batch), batch.labels, reduction="sum")


def _pick(values: Tensor, positions: Tensor) -> Tensor:
    return values.flatten(0, 1).index_select(0, positions)


def _load(folder: Path) -> tuple[Any, Any]:
    from safetensors import SafetensorError
    from transformers import AutoModelForCausalLM, AutoTokenizer
    from transformers.utils import logging

    logging.disable_progress_bar()
    logging.set_verbosity_error()
    try:
        tokenizer = AutoTokenizer.from_pretrained(folder, local_files_only=True)  # nosec B615
        # Eager attention beats the fused kernel on the short sequences of questions and answers.
        network, report = AutoModelForCausalLM.from_pretrained(  # nosec B615
            folder,
            dtype=torch.bfloat16,
            attn_implementation="eager",
            use_safetensors=True,
            local_files_only=True,
            output_loading_info=True,
        )
    except (OSError, ValueError, KeyError, RuntimeError, SafetensorError) as error:
        reason = str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__
        raise BadInput(f"The base model in {folder} cannot be loaded: {reason}") from error
    if report["missing_keys"]:
        raise BadInput(f"The base model in {folder} lacks weights, such as {sorted(report['missing_keys'])[0]}.")
    if tokenizer.eos_token is None:
        raise BadInput(f"The tokenizer in {folder} has no token that ends a text. Choose another base model.")
    if tokenizer.pad_token is None:
        tokenizer.pad_token = tokenizer.eos_token
    return network, tokenizer


def faster_dtype(network: nn.Module, tokens: int = 256, tries: int = 3) -> torch.dtype:
    """bfloat16 or float32, whichever takes one decoder layer forward and back sooner on this processor.

    Measured and not read from a flag: bfloat16 is several times faster with AMX and slower than float32 on some
    processors that only list AVX512.
    """
    layer = next((block[0] for block in network.modules() if isinstance(block, nn.ModuleList)), None)
    if layer is None:
        return torch.bfloat16
    linears = [copy.deepcopy(module) for module in layer.modules() if isinstance(module, nn.Linear)]
    seconds = {dtype: _trial(linears, dtype, tokens, tries) for dtype in (torch.bfloat16, torch.float32)}
    return min(seconds, key=lambda dtype: seconds[dtype])


def _trial(linears: list[nn.Linear], dtype: torch.dtype, tokens: int, tries: int) -> float:
    for linear in linears:
        linear.to(dtype)
    best = float("inf")
    for _ in range(tries + 1):  # the first one fills the caches
        started = time.thread_time()
        for linear in linears:
            x = torch.ones(tokens, linear.in_features, dtype=dtype, requires_grad=True)
            linear(x).sum().backward()
        best = min(best, time.thread_time() - started)
    return best
