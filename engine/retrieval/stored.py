"""Encoded sets on disk, and every text's share in them: editing one answer encodes that one again, not all."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from hashlib import blake2b
from pathlib import Path

import numpy as np
import numpy.typing as npt

from engine.retrieval.encoder import Array, save_arrays

SETS_ON_DISK = 32
HASH_BYTES = 16


@dataclass(frozen=True)
class Known:
    """What earlier sets hold of some texts: vectors (384,), and where a text was read word by word, tokens (n, 64)."""

    vectors: dict[str, Array] = field(default_factory=dict)
    tokens: dict[str, Array] = field(default_factory=dict)


class StoredSets:
    """One file a set: `folder/<version>-<fingerprint>.npz` in half precision; the oldest go when there are over 32."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def load(self, version: str, fingerprint: str) -> dict[str, Array] | None:
        """The arrays of a set as float32, None if there are none."""
        path = self._path(version, fingerprint)
        if not path.exists():
            return None
        path.touch()
        return _read(path)

    def save(
        self, version: str, fingerprint: str, arrays: Mapping[str, Array], plain: Sequence[str], joints: Sequence[str]
    ) -> None:
        """Writes a set; `plain` and `joints` are the texts of its vectors, in their order."""
        self._folder.mkdir(parents=True, exist_ok=True)
        path = self._path(version, fingerprint)
        partial = path.with_suffix(".partial")
        halves = {name: values.astype(np.float16) for name, values in arrays.items()}
        hashes = np.stack([_hash(text) for text in [*plain, *joints]])
        save_arrays(partial, {**halves, "hashes": hashes, "joints": np.array(len(joints))})
        partial.replace(path)
        stored = sorted(self._folder.glob("*.npz"), key=lambda item: item.stat().st_mtime)
        for old in stored[:-SETS_ON_DISK]:
            old.unlink(missing_ok=True)

    def known(self, version: str, texts: Sequence[str]) -> Known:
        """What any stored set of this version holds of these texts."""
        wanted = {_hash(text).tobytes(): text for text in texts}
        found = Known()
        for path in self._folder.glob(f"{version}-*.npz"):
            _collect(path, wanted, found)
        return found

    def _path(self, version: str, fingerprint: str) -> Path:
        return self._folder / f"{version}-{fingerprint}.npz"


def _read(path: Path) -> dict[str, Array]:
    with np.load(path, allow_pickle=False) as stored:
        return {name: stored[name].astype(np.float32) for name in stored.files if name not in ("hashes", "joints")}


def _collect(path: Path, wanted: Mapping[bytes, str], found: Known) -> None:
    """Adds one file's share; its large arrays are read only if it has one."""
    with np.load(path, allow_pickle=False) as stored:
        hashes, joints = [row.tobytes() for row in stored["hashes"]], int(stored["joints"])
    rows = [(row, wanted[key]) for row, key in enumerate(hashes) if key in wanted]
    if not any(text not in found.vectors or row >= len(hashes) - joints for row, text in rows):
        return
    arrays = _read(path)
    ends = np.cumsum(arrays["lengths"]).astype(np.intp) if "lengths" in arrays else None
    parts = np.split(arrays["tokens"], ends[:-1]) if ends is not None else []
    for row, text in rows:
        found.vectors[text] = arrays["vectors"][row]
        if parts and row >= len(hashes) - joints:
            found.tokens[text] = parts[row - (len(hashes) - joints)]


def _hash(text: str) -> npt.NDArray[np.uint8]:
    return np.frombuffer(blake2b(text.encode(), digest_size=HASH_BYTES).digest(), dtype=np.uint8)
