"""Tiny base models with random weights, one for each family, with tokenizers of two kinds."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

CHATML = (
    "{% for message in messages %}{{ '<|im_start|>' + message['role'] + '\n' + message['content'] + '<|im_end|>\n' }}"
    "{% endfor %}{% if add_generation_prompt %}{{ '<|im_start|>assistant\n' }}{% endif %}"
)
# As Gemma 2 writes it: no system role, and the assistant is called model.
GEMMA = (
    "{{ bos_token }}{% if messages[0]['role'] == 'system' %}{{ raise_exception('System role not supported') }}"
    "{% endif %}{% for message in messages %}{{ '<start_of_turn>' + ('model' if message['role'] == 'assistant' else "
    "message['role']) + '\n' + message['content'] | trim + '<end_of_turn>\n' }}{% endfor %}"
    "{% if add_generation_prompt %}{{ '<start_of_turn>model\n' }}{% endif %}"
)
TEXT = "I tune pianos and I like it. What do you do all day? Мне нравится, 12345 раз!\n\n  “So be it.” 🎹"
SIZES: dict[str, Any] = {
    "hidden_size": 64,
    "intermediate_size": 128,
    "num_hidden_layers": 7,
    "num_attention_heads": 4,
    "num_key_value_heads": 2,
    "head_dim": 32,
    "max_position_embeddings": 1024,
    # Weights large enough that one matrix in the wrong order changes what the model says.
    "initializer_range": 0.12,
    "tie_word_embeddings": True,
}
LLAMA3_ROPE = {
    "rope_type": "llama3",
    "rope_theta": 10_000.0,
    "factor": 8.0,
    "low_freq_factor": 1.0,
    "high_freq_factor": 4.0,
    "original_max_position_embeddings": 32,
}
FAMILIES = ("llama", "llama3", "qwen3", "gemma3", "mistral", "smollm3")


def make_family(name: str, folder: Path) -> Path:
    """A folder with a random model of the family `name`, as its maker would save it."""
    import torch
    from transformers import AutoModelForCausalLM

    vocabulary = _sentencepiece(folder) if name == "gemma3" else _byte_level(folder, name)
    torch.manual_seed(0)
    model = AutoModelForCausalLM.from_config(_config(name, vocabulary))
    with torch.no_grad():
        for parameter_name, values in model.named_parameters():
            if parameter_name.endswith("norm.weight"):
                values.add_(torch.randn_like(values) * 0.2)
    if name == "gemma3":
        model.generation_config.eos_token_id = [1, 4]  # as on the hub: the end of the text and of a turn
    model.to(torch.bfloat16).save_pretrained(folder)
    return folder


def _config(name: str, vocabulary: int) -> Any:
    from transformers import Gemma3TextConfig, LlamaConfig, MistralConfig, Qwen3Config, SmolLM3Config

    kinds = {"llama": LlamaConfig, "llama3": LlamaConfig, "qwen3": Qwen3Config, "gemma3": Gemma3TextConfig}
    kinds |= {"mistral": MistralConfig, "smollm3": SmolLM3Config}
    special = {"bos_token_id": 2, "eos_token_id": 1, "pad_token_id": 0} if name == "gemma3" else {}
    special = special or {"bos_token_id": 256, "eos_token_id": 257, "pad_token_id": 257}
    own = {
        "llama3": {"rope_parameters": LLAMA3_ROPE},
        "gemma3": {"sliding_window": 16, "query_pre_attn_scalar": 32},
        "mistral": {"sliding_window": None},
    }
    return kinds[name](vocab_size=vocabulary, **SIZES, **special, **own.get(name, {}))


def _byte_level(folder: Path, name: str) -> int:
    from tokenizers import AddedToken, Tokenizer, decoders, models, pre_tokenizers, trainers
    from transformers import PreTrainedTokenizerFast

    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = splitter(name)
    tokenizer.decoder = decoders.ByteLevel()
    alphabet = pre_tokenizers.ByteLevel.alphabet()
    trainer = trainers.BpeTrainer(vocab_size=300, initial_alphabet=alphabet, show_progress=False)
    tokenizer.train_from_iterator([TEXT], trainer)
    start, end = AddedToken("<|im_start|>", special=True), AddedToken("<|im_end|>", special=True)
    tokenizer.add_special_tokens([start, end])
    fast = PreTrainedTokenizerFast(
        tokenizer_object=tokenizer, bos_token=start.content, eos_token=end.content, pad_token=end.content
    )
    fast.chat_template = CHATML
    fast.save_pretrained(folder)
    return int(tokenizer.get_vocab_size()) + 3  # models on the hub have more rows than tokens


def splitter(name: str) -> Any:
    """How the family cuts text before the merges."""
    from tokenizers import Regex, pre_tokenizers

    from engine.gguf_tokenizer import _SPLITS

    wanted = {"qwen3": "qwen2", "llama3": "llama-bpe", "smollm3": "llama-bpe"}.get(name)
    if wanted is None:
        digits = pre_tokenizers.Digits(individual_digits=True)
        plain = pre_tokenizers.ByteLevel(add_prefix_space=False)
        return pre_tokenizers.Sequence([digits, plain]) if name == "llama" else plain
    expression = next(one for one, called in _SPLITS.items() if called == wanted)
    split = pre_tokenizers.Split(Regex(expression), "isolated")
    return pre_tokenizers.Sequence([split, pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)])


def _sentencepiece(folder: Path) -> int:
    """Gemma's kind: BPE over text with ▁ for spaces, and a token for each byte."""
    from tokenizers import AddedToken, Tokenizer, decoders, models, normalizers, pre_tokenizers, trainers
    from transformers import PreTrainedTokenizerFast

    special = ["<pad>", "<eos>", "<bos>", "<start_of_turn>", "<end_of_turn>", "<unk>"]
    first = [*special, *(f"<0x{number:02X}>" for number in range(256))]
    learner = Tokenizer(models.BPE(unk_token="<unk>", byte_fallback=True))
    learner.normalizer = normalizers.Replace(" ", "▁")
    trainer = trainers.BpeTrainer(vocab_size=400, special_tokens=first, max_token_length=4, show_progress=False)
    learner.train_from_iterator([TEXT.replace("🎹", "")], trainer)
    model = json.loads(learner.to_str())["model"]
    merges = [tuple(one) if isinstance(one, list) else tuple(one.split(" ")) for one in model["merges"]]
    tokenizer = Tokenizer(models.BPE(model["vocab"], merges, unk_token="<unk>", byte_fallback=True, fuse_unk=True))
    tokenizer.normalizer = normalizers.Replace(" ", "▁")
    tokenizer.pre_tokenizer = pre_tokenizers.Split(" ", "merged_with_previous")
    tokenizer.decoder = decoders.Sequence([decoders.Replace("▁", " "), decoders.ByteFallback(), decoders.Fuse()])
    tokenizer.add_special_tokens([AddedToken(one, special=True, normalized=False) for one in special[:5]])
    size = int(tokenizer.get_vocab_size())
    tokenizer.add_tokens([AddedToken("\n\n", normalized=False), AddedToken("<image>", normalized=False)])
    fast = PreTrainedTokenizerFast(
        tokenizer_object=tokenizer, bos_token="<bos>", eos_token="<eos>", pad_token="<pad>", unk_token="<unk>"
    )
    fast.chat_template = GEMMA
    fast.save_pretrained(folder)
    return size + 1  # without a row for the image, like the models for text alone
