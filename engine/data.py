"""Rows -> token ids of which only the answer is learned, and the order in which they are learned."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

import torch

from engine.errors import BadInput
from engine.job import Row

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase


class Example(NamedTuple):
    """Token ids of a prompt, which is only read, and of the answer with its end, which is learned."""

    prompt: list[int]
    answer: list[int]

    @property
    def length(self) -> int:
        """Tokens of both."""
        return len(self.prompt) + len(self.answer)


class Batch(NamedTuple):
    """Examples side by side, padded on the right."""

    ids: torch.Tensor
    """(rows, tokens) int64"""
    positions: torch.Tensor
    """(answers,) int64: where in the flattened (rows * tokens) the next token is one of an answer"""
    labels: torch.Tensor
    """(answers,) int64: those tokens"""


def encode(tokenizer: PreTrainedTokenizerBase, row: Row, max_tokens: int) -> Example:
    """The example of a row; a row over `max_tokens` loses the start of its prompt, then the end of its answer."""
    prompt, answer = _texts(tokenizer, row)
    answer_ids = _ids(tokenizer, answer)[:max_tokens]
    prompt_ids = _ids(tokenizer, prompt)
    return Example(prompt_ids[max(0, len(prompt_ids) + len(answer_ids) - max_tokens) :], answer_ids)


def encode_prompt(tokenizer: PreTrainedTokenizerBase, row: Row) -> list[int]:
    """Token ids of a row that has no answer, or whose answer is left out."""
    return _ids(tokenizer, prompt_text(tokenizer, row))


def prompt_text(tokenizer: PreTrainedTokenizerBase, row: Row) -> str:
    """The text that a model reads before it answers."""
    if "messages" not in row:
        return _disarm(tokenizer, str(row["prompt"]))
    messages = _disarmed(tokenizer, row["messages"])
    if messages[-1]["role"] == "assistant":
        messages = messages[:-1]
    return _render(tokenizer, messages, add_generation_prompt=True)


def _render(tokenizer: PreTrainedTokenizerBase, messages: Sequence[dict[str, Any]], **options: Any) -> str:
    from jinja2 import TemplateError

    from engine.dialogue import TEMPLATE_OPTIONS, render_dialogue

    def render(given: Sequence[dict[str, Any]]) -> str:
        return str(tokenizer.apply_chat_template(given, tokenize=False, **TEMPLATE_OPTIONS, **options))

    try:
        return render_dialogue(render, messages)
    except (TemplateError, ValueError) as error:
        roles = ", ".join(message["role"] for message in messages)
        raise BadInput(
            f"The base model's chat template does not take a dialogue of {roles}: {error} "
            "Train with prompt and completion rows, or choose a base model made for chat."
        ) from error


def _texts(tokenizer: PreTrainedTokenizerBase, row: Row) -> tuple[str, str]:
    prompt, end = prompt_text(tokenizer, row), str(tokenizer.eos_token)
    if "messages" not in row:
        return prompt, _disarm(tokenizer, str(row["completion"])) + end
    messages = _disarmed(tokenizer, row["messages"])
    whole = _render(tokenizer, messages)
    # A template that closes the answer in its own way shows it here; one that rewrites the prompt cannot be cut so.
    answer = whole[len(prompt) :].rstrip() if whole.startswith(prompt) else messages[-1]["content"]
    return prompt, answer if answer.endswith(end) else answer + end


def _ids(tokenizer: PreTrainedTokenizerBase, text: str) -> list[int]:
    ids: list[int] = tokenizer(text, add_special_tokens=False)["input_ids"]
    return ids


def _disarmed(tokenizer: PreTrainedTokenizerBase, messages: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    return [{**message, "content": _disarm(tokenizer, message["content"])} for message in messages]


def _disarm(tokenizer: PreTrainedTokenizerBase, text: str) -> str:
    """Keep a person's text from forging the end of a turn: a zero-width space goes into each special token."""
    for token in tokenizer.all_special_tokens:
        text = text.replace(token, f"{token[0]}\u200b{token[1:]}")
    return text


def collate(examples: Sequence[Example], padding: int) -> Batch:
    """Put examples side by side. Padding on the right needs no mask: an answer never looks to its right."""
    width = max(example.length for example in examples)
    ids = torch.full((len(examples), width), padding)
    positions: list[int] = []
    labels: list[int] = []
    for number, example in enumerate(examples):
        ids[number, : example.length] = torch.tensor(example.prompt + example.answer)
        start = number * width + max(0, len(example.prompt) - 1)
        # Without a prompt nothing stands before the first token of the answer that could foretell it.
        told = example.answer if example.prompt else example.answer[1:]
        positions += range(start, start + len(told))
        labels += told
    return Batch(ids, torch.tensor(positions), torch.tensor(labels))


def plan_epoch(rows: int, batch_rows: int, seed: int, epoch: int) -> list[list[int]]:
    """Which rows each batch of an epoch holds, shuffled by (seed, epoch).

    Batches are not sorted by length: rows without a note are short and hard, and a batch of them alone would pull the
    adapter to and fro. The padding is kept small inside the batch instead, by `split_parts`.
    """
    generator = torch.Generator().manual_seed(seed * 1_000_003 + epoch)
    order: list[int] = torch.randperm(rows, generator=generator).tolist()
    return [order[start : start + batch_rows] for start in range(0, rows, batch_rows)]


def split_parts(examples: Sequence[Example], count: int, max_tokens: int) -> list[list[Example]]:
    """Examples sorted by length and cut into about `count` parts of nearly equal size with padding.

    No part is over `max_tokens` (rows * longest), except a single longer example; for that there may be more parts.
    """
    ordered = sorted(examples, key=lambda example: example.length)
    low, high = 1, len(ordered) * max(1, ordered[-1].length)
    while low < high:  # the smallest limit that `count` parts can keep
        middle = (low + high) // 2
        if len(_cut(ordered, middle)) <= count:
            high = middle
        else:
            low = middle + 1
    return _cut(ordered, min(low, max_tokens))


def split_evenly(examples: Sequence[Example], count: int, max_tokens: int) -> list[list[Example]]:
    """Examples dealt out, the longest first, to `count` parts of nearly equal size without padding.

    There are more parts where those would be over `max_tokens` on average.
    """
    count = min(len(examples), max(count, -(-sum(example.length for example in examples) // max_tokens)))
    parts: list[list[Example]] = [[] for _ in range(count)]
    sizes = [0] * count
    for example in sorted(examples, key=lambda example: -example.length):
        smallest = sizes.index(min(sizes))
        parts[smallest].append(example)
        sizes[smallest] += example.length
    return parts


def _cut(ordered: Sequence[Example], limit: int) -> list[list[Example]]:
    parts: list[list[Example]] = [[]]
    for example in ordered:
        if parts[-1] and (len(parts[-1]) + 1) * example.length > limit:
            parts.append([])
        parts[-1].append(example)
    return parts


def encode_all(tokenizer: PreTrainedTokenizerBase, rows: Sequence[Row], max_tokens: int) -> list[Example]:
    """Every row's example; BadInput if the base model's chat template refuses one."""
    return [encode(tokenizer, row, max_tokens) for row in rows]
