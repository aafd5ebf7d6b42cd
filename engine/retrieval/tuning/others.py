"""Learns the space of all other languages: corrections of the vectors of multilingual-e5-small, and its gate."""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import torch

from engine.retrieval.encoder import Array
from engine.retrieval.multilingual import MultilingualEncoder
from engine.retrieval.space import UNTUNED, Space, adapter_of
from engine.retrieval.tuning.adapter import Bank, learn_adapter
from engine.retrieval.tuning.data import bank_wordings, development_persons, written_persons
from engine.retrieval.tuning.gates import learn_gate
from engine.retrieval.tuning.lessons import Encoded, encode_person, examples_of, lesson_of
from engine.retrieval.tuning.network import Example

FOLDS = 4


def learn_multilingual(left_out: set[str]) -> dict[str, Array]:
    """All arrays of the space by name."""
    persons = [person for person in [*written_persons(), *development_persons()] if person.name not in left_out]
    pairs = bank_wordings(["en", "ru"])
    encoder = MultilingualEncoder()
    space = Space("multilingual", encoder, UNTUNED, None, f"multilingual-untuned-{len(pairs)}")
    cache = Path(tempfile.gettempdir()) / "retrieval-tuning"
    encoded = [encode_person(person, space, cache) for person in persons]
    bank = _bank(pairs, encoder)
    learned = learn_adapter([lesson_of(person) for person in encoded], bank)
    examples = _examples(encoded, space, bank)
    known = {person.name for person in development_persons()}
    groups = list(zip(encoded, examples, strict=True))
    written = [example for one, group in groups if one.person.name not in known for example in group]
    development = [example for one, group in groups if one.person.name in known for example in group]
    gate = learn_gate([written], development, 0)
    return {**learned, **{f"gate/{name}": values for name, values in gate.items()}}


def _examples(encoded: Sequence[Encoded], space: Space, bank: Bank) -> list[list[Example]]:
    """The gate's examples by person, each ranked by an adapter of the other folds: as it will be in use."""
    groups: list[list[Example]] = [[] for _ in encoded]
    for fold in range(FOLDS):
        rest = [lesson_of(person) for place, person in enumerate(encoded) if place % FOLDS != fold]
        tuned = replace(space, adapter=adapter_of(learn_adapter(rest, bank)))
        for place in range(fold, len(encoded), FOLDS):
            groups[place] = examples_of(encoded[place], tuned)
    return groups


def _bank(pairs: Sequence[tuple[str, str]], encoder: MultilingualEncoder) -> Bank:
    questions = list(dict.fromkeys(question for _, question in pairs))
    place = {question: row for row, question in enumerate(questions)}
    return (
        torch.tensor(encoder.embed([wording for wording, _ in pairs])),
        torch.tensor(encoder.embed(questions)),
        torch.tensor([place[question] for _, question in pairs]),
    )
