"""What people type when they want to know what a question of the bank asks: ten messages each, read beforehand.

"What's your dog called?" shares no word with "What animals live or have lived with you?", whose answer holds the name.
The messages stand in `tuning/askings/`, their vectors in `askings.npz`, which
`python -m engine.retrieval.tuning.askings` makes: a person's answers need not be read with ten texts more each.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cache
from hashlib import blake2b
from pathlib import Path

import numpy as np
import numpy.typing as npt

from engine.retrieval.encoder import Array, save_arrays, unit

FILE = Path(__file__).with_name("askings.npz")
HASH_BYTES = 8


class Askings:
    """The messages of one space, found by the text of a question or of one of its wordings, in English or Russian."""

    def __init__(self, space: str) -> None:
        stored = _stored()
        self._vectors = stored[f"{space}/vectors"]
        self._groups = dict(zip(map(bytes, stored["keys"]), map(int, stored["groups"]), strict=True))
        self._starts = stored[f"{space}/starts"]

    def of(self, questions: Sequence[str]) -> Array | None:
        """Unit vectors (n, 384) of the messages that ask for it, as encoded; None for the person's own question."""
        groups = (self._groups.get(key_of(text)) for text in questions)
        group = next((one for one in groups if one is not None), None)
        if group is None:
            return None
        return unit(self._vectors[self._starts[group] : self._starts[group + 1]].astype(np.float32))


def askings_save(keys: Sequence[tuple[str, int]], spaces: Mapping[str, Sequence[Array]], path: Path = FILE) -> None:
    """Writes the file: `keys` are texts of questions with their group, `spaces` the vectors (n, 384) of each group."""
    arrays: dict[str, npt.NDArray[np.generic]] = {
        "keys": np.stack([np.frombuffer(key_of(text), dtype=np.uint8) for text, _group in keys]),
        "groups": np.array([group for _text, group in keys], dtype=np.int32),
    }
    for name, groups in spaces.items():
        every = np.concatenate(groups)
        arrays[f"{name}/vectors"] = np.round(every * (127 / np.abs(every).max(axis=1, keepdims=True))).astype(np.int8)
        arrays[f"{name}/starts"] = np.cumsum([0, *map(len, groups)]).astype(np.int32)
    save_arrays(path, arrays)


def key_of(text: str) -> bytes:
    """A question's text as the file knows it."""
    return blake2b(" ".join(text.split()).casefold().encode(), digest_size=HASH_BYTES).digest()


@cache
def _stored() -> dict[str, npt.NDArray[np.generic]]:
    with np.load(FILE, allow_pickle=False) as stored:
        return {name: stored[name] for name in stored.files}
