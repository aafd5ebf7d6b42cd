"""Which answers the model learns from and which are held out to measure it."""

from __future__ import annotations

import hashlib
from collections import defaultdict
from collections.abc import Hashable, Iterator, Sequence
from dataclasses import dataclass

from questionnaires.dataset.items import Item
from questionnaires.dataset.similarity import near_duplicates, words

VALIDATION_SHARE = 0.1
SMALLEST_SPLIT = 10
_NEAR_DUPLICATE = 0.85
_SHORTEST_COMPARED_ANSWER = 5  # words: "Yes, I do." in two answers is no copy


@dataclass(frozen=True)
class Split:
    """Both in the order of the items."""

    training: tuple[Item, ...]
    validation: tuple[Item, ...]


def split_items(items: Sequence[Item], validation_share: float = VALIDATION_SHARE) -> Split:
    """Hold out about `validation_share` of the items, at least one when there are ten.

    An item's side follows from a hash of its question, so it stays when others are added. Near-duplicates stay
    together, on the side of one of them. With fewer than ten items, or when all are near-duplicates of each other,
    nothing is held out.
    """
    groups = _groups(items) if len(items) >= SMALLEST_SPLIT else []
    groups.sort(key=lambda group: _place(items, group))
    wanted = sum(_place(items, group) < validation_share for group in groups)
    count = min(max(1, wanted), len(groups) - 1)  # never all of them
    held_out = {index for group in groups[: max(0, count)] for index in group}
    return Split(
        training=tuple(item for index, item in enumerate(items) if index not in held_out),
        validation=tuple(item for index, item in enumerate(items) if index in held_out),
    )


def _place(items: Sequence[Item], group: Sequence[int]) -> float:
    """A number from 0 to 1. One member stands for the group, drawn by another hash, or large groups would be biased."""
    leader = min((items[index].question for index in group), key=lambda question: _hash("leader", question))
    return _hash("side", leader) / 2**64


def _hash(purpose: str, question: str) -> int:
    text = purpose + ":" + " ".join(words(question))
    return int.from_bytes(hashlib.sha256(text.encode("utf-8", "surrogatepass")).digest()[:8], "big")


def _groups(items: Sequence[Item]) -> list[list[int]]:
    """Indices of items, those of near-duplicates together."""
    parent = list(range(len(items)))

    def root(index: int) -> int:
        while parent[index] != index:
            parent[index] = parent[parent[index]]
            index = parent[index]
        return index

    for one, other in _similar(items):
        parent[root(other)] = root(one)
    groups: dict[int, list[int]] = defaultdict(list)
    for index in range(len(items)):
        groups[root(index)].append(index)
    return list(groups.values())


def _similar(items: Sequence[Item]) -> Iterator[tuple[int, int]]:
    questions: list[frozenset[Hashable]] = []
    owners: list[int] = []
    for index, item in enumerate(items):
        for wording in item.ways_to_ask:
            questions.append(frozenset(words(wording)))
            owners.append(index)
    answers = [words(item.answer) for item in items]
    compared = [frozenset[Hashable](a) if len(a) >= _SHORTEST_COMPARED_ANSWER else frozenset() for a in answers]
    yield from ((owners[one], owners[other]) for one, other in near_duplicates(questions, _NEAR_DUPLICATE))
    yield from near_duplicates(compared, _NEAR_DUPLICATE)
