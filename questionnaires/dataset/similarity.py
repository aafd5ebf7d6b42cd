"""Which texts say nearly the same, by the share of words (or runs of words) that they have in common."""

from __future__ import annotations

import math
import re
from collections import Counter, defaultdict
from collections.abc import Hashable, Iterator, Mapping, Sequence, Set

_WORD = re.compile(r"[^\W_]+")


def words(text: str) -> list[str]:
    """The words of a text, lower-cased, without punctuation."""
    return _WORD.findall(text.casefold())


def shingles(text: str, size: int = 3) -> frozenset[tuple[str, ...]]:
    """Runs of `size` neighbouring words (Broder, 1997); the whole text when it is shorter than that."""
    tokens = words(text)
    starts = range(max(1, len(tokens) - size + 1)) if tokens else range(0)
    return frozenset(tuple(tokens[start : start + size]) for start in starts)


def jaccard(one: Set[Hashable], other: Set[Hashable]) -> float:
    """Size of the intersection over size of the union; 0 for two empty sets."""
    shared = len(one & other)
    return shared / (len(one) + len(other) - shared or 1)


def near_duplicates(sets: Sequence[frozenset[Hashable]], threshold: float) -> Iterator[tuple[int, int]]:
    """Yield pairs of indices (earlier, later) of sets with a Jaccard similarity of at least `threshold`.

    Equal sets are paired with the first of them only. Empty sets have no duplicates. Pairs are looked for among sets
    that share one of their rarest members (prefix filter: Chaudhuri, Ganti and Kaushik, 2006): no pair is missed, and
    ten thousand answers take seconds, not minutes.
    """
    first: dict[frozenset[Hashable], int] = {}
    holders: dict[Hashable, list[int]] = defaultdict(list)
    frequency = Counter(member for each in sets for member in each)
    rarity = {member: rank for rank, member in enumerate(sorted(frequency, key=frequency.__getitem__))}
    for index, each in enumerate(sets):
        if not each:
            continue
        if first.setdefault(each, index) != index:
            yield first[each], index
            continue
        prefix = [member for member in _prefix(each, rarity, threshold) if frequency[member] > 1]
        candidates = {earlier for member in prefix for earlier in holders[member]}
        yield from ((earlier, index) for earlier in sorted(candidates) if jaccard(sets[earlier], each) >= threshold)
        for member in prefix:
            holders[member].append(index)


def _prefix(members: frozenset[Hashable], rarity: Mapping[Hashable, int], threshold: float) -> list[Hashable]:
    """The rarest members, one more than a set that is similar enough can lack."""
    shared = math.ceil(threshold * len(members) - 1e-9)  # 0.7 * 10 is a little over 7 in floating point
    return sorted(members, key=rarity.__getitem__)[: len(members) - shared + 1]
