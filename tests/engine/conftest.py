"""A tiny llama with random weights for fast tests, and the bundled model for slow ones."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from engine.base_models import DEFAULT_MODEL, BaseModel, resolve
from tests.engine.job_folder import JobFolder

CHAT_TEMPLATE = (
    "{% for message in messages %}{{ '<|im_start|>' + message['role'] + '\n' + message['content'] + '<|im_end|>\n' }}"
    "{% endfor %}{% if add_generation_prompt %}{{ '<|im_start|>assistant\n' }}{% endif %}"
)


def _save_byte_tokenizer(folder: Path) -> int:
    from tokenizers import AddedToken, Tokenizer, decoders, models, pre_tokenizers
    from transformers import PreTrainedTokenizerFast

    letters = sorted(pre_tokenizers.ByteLevel.alphabet())
    tokenizer = Tokenizer(models.BPE(vocab={letter: number for number, letter in enumerate(letters)}, merges=[]))
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    tokenizer.add_special_tokens([AddedToken("<|im_start|>", special=True), AddedToken("<|im_end|>", special=True)])
    fast = PreTrainedTokenizerFast(
        tokenizer_object=tokenizer, bos_token="<|im_start|>", eos_token="<|im_end|>", pad_token="<|im_end|>"
    )
    fast.chat_template = CHAT_TEMPLATE
    fast.save_pretrained(folder)
    return len(letters) + 2


def save_tiny_model(folder: Path) -> Path:
    """Fills the folder with a llama of two layers, a vocabulary of bytes and random weights."""
    import torch
    from transformers import LlamaConfig, LlamaForCausalLM

    vocabulary = _save_byte_tokenizer(folder)
    torch.manual_seed(0)
    config = LlamaConfig(
        vocab_size=vocabulary,
        hidden_size=32,
        intermediate_size=64,
        num_hidden_layers=2,
        num_attention_heads=4,
        num_key_value_heads=2,
        max_position_embeddings=1024,
        tie_word_embeddings=True,
        bos_token_id=vocabulary - 2,
        eos_token_id=vocabulary - 1,
        pad_token_id=vocabulary - 1,
    )
    LlamaForCausalLM(config).to(torch.bfloat16).save_pretrained(folder)
    return folder


@pytest.fixture(scope="session")
def tiny_model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """See save_tiny_model."""
    return save_tiny_model(tmp_path_factory.mktemp("models") / "tiny")


@pytest.fixture(scope="session")
def real_model(tmp_path_factory: pytest.TempPathFactory) -> BaseModel:
    """The bundled model; ENGINE_TEST_CACHE names a folder that keeps its conversion between test runs."""
    cache = os.environ.get("ENGINE_TEST_CACHE")
    return resolve(DEFAULT_MODEL, Path(cache) if cache else tmp_path_factory.mktemp("cache"))


@pytest.fixture
def tiny_job(tiny_model: Path, tmp_path: Path) -> JobFolder:
    """A job over the tiny model that publishes whatever it says."""
    overrides = {"check_replies": 0, "batch_rows": 4}
    return JobFolder(tmp_path / "job", str(tiny_model), tmp_path / "cache", overrides=overrides)


@pytest.fixture
def real_job(real_model: BaseModel, tmp_path: Path) -> JobFolder:
    """A short job over the bundled model."""
    overrides = {"batch_rows": 4, "check_replies": 0, "checkpoint_seconds": 0}
    return JobFolder(tmp_path / "job", DEFAULT_MODEL, real_model.folder.parent, overrides=overrides)
