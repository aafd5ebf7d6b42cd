"""What the server asks of a runtime: generate tokens under an adapter, score a text, load adapters."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Literal, Protocol

from engine.base_models import BaseModel

FinishReason = Literal["stop", "length"]
Message = dict[str, str]


@dataclass(frozen=True)
class Adapter:
    """A LoRA adapter on disk; `stamp` changes when its files do, so that a replaced folder is read anew."""

    name: str
    folder: Path
    stamp: tuple[int, ...]
    created: int
    base: BaseModel | None = None
    """The base model that it needs, if that is not the server's default one."""


@dataclass(frozen=True)
class Sampling:
    """Sampling parameters with OpenAI's meanings and defaults; `top_k` 0 and `min_p` 0 are off."""

    temperature: float = 1.0
    top_p: float = 1.0
    top_k: int = 0
    min_p: float = 0.0
    seed: int | None = None
    frequency_penalty: float = 0.0
    presence_penalty: float = 0.0
    repetition_penalty: float = 1.0
    ignore_eos: bool = False


@dataclass(frozen=True)
class Generation:
    """One completion to generate. `top_logprobs` None: no log-probabilities are wanted."""

    prompt: str
    adapter: Adapter | None
    max_tokens: int | None = None
    sampling: Sampling = field(default_factory=Sampling)
    stop: tuple[str, ...] = ()
    top_logprobs: int | None = None

    def after(self, text: str, tokens: int) -> Generation:
        """The rest of this generation once `text` of `tokens` tokens is there."""
        left = None if self.max_tokens is None else self.max_tokens - tokens
        return replace(self.with_seed(tokens), prompt=self.prompt + text, max_tokens=left)

    def with_seed(self, offset: int) -> Generation:
        """The same with another seed, if it has one, so that what is drawn next differs from what was drawn."""
        seed = self.sampling.seed
        return replace(self, sampling=replace(self.sampling, seed=None if seed is None else seed + offset))


@dataclass(frozen=True)
class Logprob:
    """A token and the natural logarithm of its probability under the model, before any sampling parameter."""

    token: str
    data: bytes
    logprob: float
    top: tuple[Logprob, ...] = ()


@dataclass(frozen=True)
class Token:
    """A generated token. `text` is empty while a character is incomplete; the token that completes it carries it."""

    text: str
    logprob: Logprob | None = None


@dataclass(frozen=True)
class Outcome:
    """How a generation ended: `finish` None when `on_token` stopped it. `prompt_tokens` counts the given prompt."""

    finish: FinishReason | None
    prompt_tokens: int


OnToken = Callable[[Token], bool]
"""Receives each token, in the thread that generates; returns True to stop the generation."""


class BrokenAdapter(Exception):
    """An adapter that the runtime cannot load; the message is a sentence."""


class Backend(Protocol):
    """A runtime with one base model or several. Its methods block and are called from worker threads."""

    slots: int
    adapter_capacity: int
    """How many adapters stay in memory."""
    adapter_file: str
    """The file that an adapter's folder must hold for this runtime."""

    def slots_for(self, adapter: Adapter | None) -> int:
        """How many generations under `adapter` may run at once: at most `slots`."""

    def render(self, messages: Sequence[Message], adapter: Adapter | None = None) -> str:
        """The prompt of a dialogue for the base model of `adapter`, up to where the assistant's reply begins."""

    def is_loaded(self, adapter: Adapter | None) -> bool: ...

    def load(self, adapter: Adapter) -> None:
        """Make `adapter` ready; never called while something is generated. Raises BrokenAdapter, ApiError."""

    def generate(self, request: Generation, slot: int, on_token: OnToken) -> Outcome:
        """Generate until the end, `max_tokens`, the context's end or `on_token`'s True. Raises ApiError."""

    def score(self, prompt: str, text: str, adapter: Adapter | None, slot: int) -> list[Logprob]:
        """The log-probability of each token of `text` after `prompt`. Raises ApiError."""

    def score_all(
        self, prompts: Sequence[str], texts: Sequence[str], adapter: Adapter | None, slot: int
    ) -> Iterator[list[Logprob]]:
        """`score` of each text after the first prompt, then after the second, and so on. Raises ApiError."""

    def close(self) -> None: ...
