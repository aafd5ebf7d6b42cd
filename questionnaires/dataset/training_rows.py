"""From items to the rows of a training job.

RAFT (retrieval-augmented fine-tuning, Zhang et al., 2024, arXiv:2403.10131): most rows show the person's own answer
as a note, as chat will, so the model learns to say what its note says; the rest have none and keep the voice for
questions to which no note fits.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import chain, islice
from typing import Literal, TypedDict

from questionnaires.dataset.items import Item, Note, Row
from questionnaires.dataset.prompt import Renderer
from questionnaires.dataset.split import split_items

Recipe = Literal["quick", "thorough"]

SHARE_WITHOUT_NOTE = 0.3  # measured: below it the voice is lost when nothing fits, above it facts get fewer
SAMPLES = 4
ENOUGH_ROWS = 140
"""Of a quick training. A small model that learned fewer (18 steps) does not say its whole note: docs/grounding.md."""
ROUNDS = 7
"""An answer is learned so many times at most, to come to them."""


class Sample(TypedDict):
    """A held-out question that the engine answers while it trains. `row` is a prompt without its answer."""

    row: Row
    question: str
    expected: str


@dataclass(frozen=True)
class TrainingRows:
    training: list[Row]
    validation: list[Row]
    samples: list[Sample]


@dataclass(frozen=True)
class _Example:
    item: Item
    question: str


def build(
    items: Sequence[Item], *, renderer: Renderer, name: str, recipe: Recipe, seed: int, fill: bool = False
) -> TrainingRows:
    """The rows of one job: the same for the same arguments.

    "quick" asks each answer once, by one of its wordings in turn; "thorough" once by every wording. About 70 % of
    these rows carry the answer as a note. `fill`: where "quick" gives fewer than ENOUGH_ROWS, answers are asked again
    by their next wordings, with their note: to say a note is learned from any of them, while a row without one that is
    learned twice makes loops. A held-out item is asked twice, with its note, as chat asks, and without, which alone
    shows how well the voice was learned: a copied note surprises no model. `name` is the persona's.
    """
    parts = split_items(items)
    examples = _shuffled(_asked(parts.training, recipe, seed), seed)
    bare = round(len(examples) * SHARE_WITHOUT_NOTE)
    held_out = _shuffled(_asked(parts.validation, "quick", seed), seed)
    further = _again(parts.training, ENOUGH_ROWS - len(examples), seed) if fill and recipe == "quick" else []
    return TrainingRows(
        training=[*_rows(examples, bare, renderer, name), *(_row(example, renderer, name) for example in further)],
        validation=[_row(example, renderer, name, with_note=noted) for example in held_out for noted in (True, False)],
        samples=[_sample(example, renderer, name) for example in held_out[:SAMPLES]],
    )


def _asked(items: Sequence[Item], recipe: Recipe, seed: int) -> list[_Example]:
    if recipe == "thorough":
        return [_Example(item, question) for item in items for question in item.ways_to_ask]
    turns = enumerate(items, start=seed)
    return [_Example(item, item.ways_to_ask[turn % len(item.ways_to_ask)]) for turn, item in turns]


def _again(items: Sequence[Item], count: int, seed: int) -> list[_Example]:
    """`count` more examples, if ROUNDS allow, each round by other wordings."""
    rounds = (_shuffled(_asked(items, "quick", seed + turn), seed + turn) for turn in range(1, ROUNDS))
    return list(islice(chain.from_iterable(rounds), max(0, count)))


def _shuffled(examples: Sequence[_Example], seed: int) -> list[_Example]:
    """In an order that depends on the seed and the texts alone, so that a rebuilt file has the same bytes."""

    def key(example: _Example) -> bytes:
        text = f"{seed}:{example.item.source}:{example.question}"
        return hashlib.sha256(text.encode("utf-8", "surrogatepass")).digest()

    return sorted(examples, key=key)


def _rows(examples: Sequence[_Example], bare: int, renderer: Renderer, name: str) -> list[Row]:
    """Spread the `bare` rows without a note evenly over the file, so that every stretch of training sees both kinds."""
    rows = []
    for index, example in enumerate(examples):
        is_bare = (index + 1) * bare // len(examples) > index * bare // len(examples)
        rows.append(_row(example, renderer, name, with_note=not is_bare))
    return rows


def _row(example: _Example, renderer: Renderer, name: str, *, with_note: bool = True) -> Row:
    return renderer.row(example.item, example.question, _notes(example) if with_note else (), name)


def _notes(example: _Example) -> tuple[Note, ...]:
    return (Note(example.item.question, example.item.answer),)


def _sample(example: _Example, renderer: Renderer, name: str) -> Sample:
    row = renderer.prompt_row(example.question, name=name, notes=_notes(example))
    return {"row": row, "question": example.question, "expected": example.item.answer}
