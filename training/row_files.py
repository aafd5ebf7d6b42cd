"""The two files that a training reads, as bytes: what is frozen for a run is what was shown before it."""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import cast

from questionnaires.dataset import Item, Recipe, Row, Sample, build, encode, renderer

TRAIN, VALIDATION = "train.jsonl", "validation.jsonl"


@dataclass(frozen=True)
class RowFiles:
    """JSON Lines of the rows to learn from and of those kept aside. `samples` stay here: the engine asks them."""

    train: bytes
    validation: bytes
    training_rows: list[Row]
    validation_rows: list[Row]
    samples: list[Sample]

    @property
    def by_name(self) -> dict[str, bytes]:
        return {TRAIN: self.train, VALIDATION: self.validation}

    @property
    def sha256(self) -> str:
        return sha256_of(self.train, self.validation)


def sha256_of(train: bytes, validation: bytes) -> str:
    """SHA-256, in hex, of the training rows, a NUL, the validation rows and a NUL."""
    return hashlib.sha256(train + b"\0" + validation + b"\0").hexdigest()


def row_files(items: Sequence[Item], *, name: str, format: str, recipe: str, seed: int, is_local: bool) -> RowFiles:
    """The files of a training of these answers: the same bytes for the same arguments. `name` is the persona's.

    Only a training here fills up a small set: a provider's models need it less, and are paid by the row.
    """
    rows = build(items, renderer=renderer(format), name=name, recipe=cast(Recipe, recipe), seed=seed, fill=is_local)
    train, validation = b"".join(encode(rows.training)), b"".join(encode(rows.validation))
    return RowFiles(train, validation, rows.training, rows.validation, rows.samples)
