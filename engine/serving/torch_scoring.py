"""How probable texts are after prompts that begin alike: read together, so that nothing is read twice."""

from __future__ import annotations

import copy
from collections.abc import Sequence

import torch

from engine.serving.backend import Adapter
from engine.serving.torch_reader import Reader, common

Logits = list[list[torch.Tensor]]
"""For each end of a prompt and each text the logits of the text's tokens, shape (tokens, vocabulary)."""


def logits_after(
    reader: Reader, prompts: Sequence[list[int]], texts: Sequence[list[int]], adapter: Adapter | None
) -> Logits:
    """What all prompts begin with is read once, then their ends, then each text after each of them.

    In one pass where the model sees all that came before: a pass over few tokens costs as much as one over sixty.
    """
    shared = min(common(prompts[0], ids) for ids in prompts)
    shared = min(shared, min(map(len, prompts)) - 1)  # the last token's logits foretell a text's first one
    begun, ends = prompts[0][:shared], [ids[shared:] for ids in prompts]
    with torch.inference_mode():
        follow = in_one_pass if reader.network.sees_all else in_two_passes
        return follow(reader, begun, ends, texts, adapter)


def in_one_pass(
    reader: Reader, begun: list[int], ends: Sequence[list[int]], texts: Sequence[list[int]], adapter: Adapter | None
) -> list[list[torch.Tensor]]:
    """For each end and text the logits of the text's tokens, shape (tokens, vocabulary): tree attention (Miao et
    al., SpecInfer, 2024), in which a text sees its own end and the beginning alone.
    """
    known, cache = reader.kept(begun, adapter)
    tree = Tree(known)
    trunk = tree.grow(begun[known:], ())
    places = []
    for end in ends:
        branch = tree.grow(end, (trunk,))
        leaves = [tree.grow(text[:-1], (trunk, branch)) for text in texts]
        places += [[branch.stop - 1, *leaf] for leaf in leaves]
    wanted = sorted({place for found in places for place in found})
    row_of = {place: row for row, place in enumerate(wanted)}
    result = reader.network.under(
        adapter,
        torch.tensor([tree.ids], device=reader.device),
        cache,
        attention_mask=tree.mask(reader.network.model.dtype).to(reader.device),
        position_ids=torch.tensor([tree.depths], device=reader.device),
        logits_to_keep=torch.tensor(wanted, device=reader.device),
    )
    reader.cut(result.past_key_values, len(begun))
    reader.cache = (adapter, list(begun), result.past_key_values) if begun else None
    logits = result.logits[0].cpu()
    found = [logits[[row_of[place] for place in each]] for each in places]
    return [found[first : first + len(texts)] for first in range(0, len(found), len(texts))]


def in_two_passes(
    reader: Reader, begun: list[int], ends: Sequence[list[int]], texts: Sequence[list[int]], adapter: Adapter | None
) -> list[list[torch.Tensor]]:
    """The same for a model with sliding windows, whose masks are its own affair."""
    if begun:
        reader.read(begun, adapter)
    else:
        reader.cache = None
    logits: dict[int, list[torch.Tensor]] = {}
    for places in _of_one_length(ends):
        logits |= dict(zip(places, _after(reader, [ends[place] for place in places], texts, adapter), strict=True))
    return [logits[place] for place in range(len(ends))]


def _after(
    reader: Reader, ends: Sequence[list[int]], texts: Sequence[list[int]], adapter: Adapter | None
) -> list[list[torch.Tensor]]:
    """For each end (all of one length) and text the logits of its tokens, shape (tokens, vocabulary)."""
    cache = copy.deepcopy(reader.cache[2]) if reader.cache is not None else None
    if cache is not None:
        cache.batch_repeat_interleave(len(ends))
    ended = reader.network.under(adapter, torch.tensor(ends, device=reader.device), cache, logits_to_keep=1)
    firsts = ended.logits.cpu()
    longest = max(map(len, texts)) - 1
    if longest < 1:
        return [[first for _text in texts] for first in firsts]
    cache = ended.past_key_values
    cache.batch_repeat_interleave(len(texts))
    fed = [(text[:-1] + [text[-1]] * longest)[:longest] for _end in ends for text in texts]  # the rest is not read
    later = reader.network.under(adapter, torch.tensor(fed, device=reader.device), cache).logits.cpu()
    later = later.unflatten(0, (len(ends), len(texts)))
    return [
        [torch.cat([first, rest[: len(text) - 1]]) for text, rest in zip(texts, rests, strict=True)]
        for first, rests in zip(firsts, later, strict=True)
    ]


def _of_one_length(rows: Sequence[Sequence[int]]) -> list[list[int]]:
    """Places of the rows, those of equally long ones together: padding would be read, too."""
    groups: dict[int, list[int]] = {}
    for place, row in enumerate(rows):
        groups.setdefault(len(row), []).append(place)
    return list(groups.values())


class Tree:
    """Tokens in the order of their growing, behind `known` tokens that a key-value cache holds already."""

    def __init__(self, known: int) -> None:
        self._known = known
        self.ids: list[int] = []
        self.depths: list[int] = []  # position of each token in the text that it belongs to
        self._seen: list[tuple[range, ...]] = []  # of each token: the stretches that it sees, its own the last

    def grow(self, ids: Sequence[int], after: Sequence[range]) -> range:
        """Adds a stretch of tokens that follows the stretches `after`; the places that it has now."""
        start = len(self.ids)
        depth = self._known + sum(map(len, after))
        for place in range(start, start + len(ids)):
            self._seen.append((*after, range(start, place + 1)))
            self.depths.append(depth + place - start)
        self.ids += ids
        return range(start, len(self.ids))

    def mask(self, dtype: torch.dtype) -> torch.Tensor:
        """0 where a token sees another, else the least number of the type; shape (1, 1, tokens, known + tokens)."""
        count = len(self.ids)
        mask = torch.full((count, self._known + count), torch.finfo(dtype).min, dtype=dtype)
        mask[:, : self._known] = 0
        for place, stretches in enumerate(self._seen):
            for each in stretches:
                mask[place, self._known + each.start : self._known + each.stop] = 0
        return mask[None, None]
