"""The recipes of training, in one place, and why their numbers are what they are."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields, replace
from typing import Any

from engine.errors import BadInput


@dataclass(frozen=True)
class Recipe:
    """Hyperparameters of one training; `overrides` in job.json may change each of them by its name."""

    epochs: int = 1
    learning_rate: float = 1e-3
    warmup: float = 0.1
    """Share of the steps in which the learning rate rises; after them it falls in a line to zero."""
    rank: int = 16
    alpha: float = 32.0
    first_layer: int = 0
    """The lowest decoder layer that learns; below it nothing has to be remembered or sent back."""
    longest_prompt: int = 48
    """Gradients go through the tokens of prompts up to this long; longer ones, which carry a note, are read alone."""
    batch_rows: int = 4
    """Four beat eight and sixteen after one epoch of 135 rows: 3.62, 3.75 and 3.87 nats a token without a note."""
    part_tokens: int = 1024
    """Most tokens in a part of a batch, which a core computes at once: it decides the memory (engine.memory)."""
    max_tokens: int = 1024
    """Longer rows lose the start of their prompt; 1024 tokens are about 750 English words."""
    weight_decay: float = 0.0
    gradient_norm: float = 1.0
    evaluations_per_epoch: int = 2
    patience: int = 0
    """Stop after so many evaluations without a lower validation loss; 0 never stops early."""
    checkpoint_seconds: float = 20.0
    sample_count: int = 2
    sample_tokens: int = 64
    check_replies: int = 6
    """How many replies are looked at before publishing; 0 publishes unseen."""


RECIPES = {
    "quick": Recipe(),
    "thorough": Recipe(epochs=3, patience=2),
}


def recipe_named(name: str, overrides: Mapping[str, Any]) -> Recipe:
    """The recipe `name` with `overrides`; BadInput for a name or a hyperparameter that does not exist."""
    if name not in RECIPES:
        raise BadInput(f"There is no recipe “{name}” (job.json). Choose one of: {', '.join(RECIPES)}.")
    for key, value in overrides.items():
        _check_override(key, value)
    kinds = _kinds()
    values: dict[str, Any] = {key: kinds[key](value) for key, value in overrides.items()}
    return replace(RECIPES[name], **values)


def _kinds() -> dict[str, type[int] | type[float]]:
    return {field.name: int if field.type == "int" else float for field in fields(Recipe)}


def _check_override(key: str, value: Any) -> None:
    kinds = _kinds()
    if key not in kinds:
        raise BadInput(f"“{key}” in the overrides of job.json is no hyperparameter. Known: {', '.join(kinds)}.")
    whole = kinds[key] is int
    number = isinstance(value, (int, float)) and not isinstance(value, bool)
    if not number or value < 0 or (whole and value != int(value)):
        kind = "a whole number" if whole else "a number"
        raise BadInput(f"“{key}” in the overrides of job.json must be {kind} of 0 or more, not {value!r}.")
    if key in {"epochs", "rank", "batch_rows", "max_tokens"} and value < 1:
        raise BadInput(f"“{key}” in the overrides of job.json must be at least 1, not {value!r}.")
