"""Replies of the model in training, and whether they are fit to be published."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import NamedTuple

import torch

from engine.model import CausalModel

STOP = "###"
_MARKERS = ("###", " ->", "<|im_start|>", "<|im_end|>", "<|endoftext|>")
_QUESTION = re.compile(r"(^|\n)\s*Q: ")


class Reply(NamedTuple):
    """What the model said, and whether it ended by itself."""

    text: str
    ended: bool


def reply_to(
    model: CausalModel, prompts: Sequence[list[int]], max_tokens: int, pool: ThreadPoolExecutor
) -> list[Reply]:
    """The most likely reply to each prompt (token ids)."""
    return list(pool.map(lambda prompt: _generate(model, prompt, max_tokens), prompts))


def _generate(model: CausalModel, prompt: list[int], max_tokens: int) -> Reply:
    with torch.inference_mode():
        out = model.network.generate(
            input_ids=torch.tensor([prompt]),
            attention_mask=torch.ones(1, len(prompt), dtype=torch.long),
            max_new_tokens=max_tokens,
            do_sample=False,
            pad_token_id=model.padding,
            eos_token_id=sorted(end_ids(model)),
            # Guesses the next words from the prompt and checks them at once: the same reply, and four times sooner
            # where it repeats a note (prompt lookup decoding, Saxena 2023).
            prompt_lookup_num_tokens=10,
        )
    return _read(model, out[0, len(prompt) :].tolist())


def end_ids(model: CausalModel) -> set[int]:
    """Tokens that end a reply: the tokenizer's, and those of the model, such as Gemma's end of a turn."""
    given = model.network.generation_config.eos_token_id
    further = given if isinstance(given, list) else [] if given is None else [given]
    return {int(model.tokenizer.eos_token_id), *further}


def _read(model: CausalModel, tokens: list[int]) -> Reply:
    ends = end_ids(model)
    place = next((place for place, token in enumerate(tokens) if token in ends), len(tokens))
    ended = place < len(tokens)
    text = str(model.tokenizer.decode(tokens[:place])).strip()
    # The stop marker at the very end is how the completion format says that it is done, not a leak.
    return Reply(text.removesuffix(STOP).rstrip(), ended or text.endswith(STOP))


def fault_of(reply: Reply) -> str | None:
    """Why a reply is not fit for a person's eyes, or None."""
    if repeats_itself(reply.text):
        return "it repeats itself"
    if leaked := leaked_marker(reply.text):
        return f"it shows the marker “{leaked}”"
    if not reply.ended:
        return "it does not stop"
    return None if reply.text else "it is empty"


def leaked_marker(text: str) -> str | None:
    """The first marker of the training format that stands in a reply."""
    found = next((marker for marker in _MARKERS if marker in text), None)
    return found.strip() if found else ("Q:" if _QUESTION.search(text) else None)


def repeats_itself(text: str) -> bool:
    """Whether four words in a row come three times, or one piece of text fills the end four times over."""
    words = text.lower().split()
    runs = Counter(zip(words, words[1:], words[2:], words[3:], strict=False))
    return any(count >= 3 for count in runs.values()) or re.search(r"(.{4,40}?)\1{3,}\S{0,40}$", text) is not None


def refusal(replies: Sequence[Reply]) -> str | None:
    """A sentence if too many replies are broken to publish the model: more than one in four."""
    faults = [fault for reply in replies if (fault := fault_of(reply))]
    if len(faults) <= len(replies) // 4:
        return None
    return (
        f"The trained model was not published: {len(faults)} of {len(replies)} trial replies are broken ({faults[0]}). "
        "Add answers, remove repeated ones, or train with the other recipe."
    )
