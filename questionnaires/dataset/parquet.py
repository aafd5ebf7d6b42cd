"""The data set as Parquet, by arro3: 12 MB to install, where pyarrow takes 55 (170 MB unpacked).

The columns are those of the table, and `messages` in the chat format, which TRL and others train on as it is.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from itertools import accumulate, islice
from typing import IO

from arro3.core import Array, DataType, Field, RecordBatch, RecordBatchReader, Schema, list_array, struct_array
from arro3.io import write_parquet

from questionnaires.dataset.book import Context, through_file
from questionnaires.dataset.items import Item
from questionnaires.dataset.prompt import Messages, renderer

ROWS_AT_ONCE = 2000

_TEXT = DataType.string()
_MESSAGE = [Field("role", _TEXT), Field("content", _TEXT)]
_TEXTS = DataType.list(Field("item", _TEXT))
_MESSAGES = DataType.list(Field("item", DataType.struct(_MESSAGE)))
_SCHEMA = Schema(
    [
        *(Field(name, _TEXT) for name in ("question", "answer", "topic", "language")),
        Field("wordings", _TEXTS),
        Field("messages", _MESSAGES),
    ]
)


def parquet(items: Iterable[Item], context: Context) -> Iterator[bytes]:
    """Pieces of the file."""
    return through_file(lambda file: _write(file, items, context))


def _write(file: IO[bytes], items: Iterable[Item], context: Context) -> None:
    reader = RecordBatchReader.from_batches(_SCHEMA, _batches(iter(items), context))
    write_parquet(reader, file, compression="zstd(3)", max_row_group_size=ROWS_AT_ONCE)


def _batches(items: Iterator[Item], context: Context) -> Iterator[RecordBatch]:
    while several := list(islice(items, ROWS_AT_ONCE)):
        columns = [
            _texts([item.question for item in several]),
            _texts([item.answer for item in several]),
            _texts([context.titles.get(item.topic, item.topic) for item in several]),
            _texts([item.language for item in several]),
            _lists(
                _TEXTS, [len(item.wordings) for item in several], _texts([w for item in several for w in item.wordings])
            ),
            _dialogues([renderer("chat").row(item, name=context.name)["messages"] for item in several]),
        ]
        yield RecordBatch.from_arrays(columns, schema=_SCHEMA)


def _dialogues(dialogues: Sequence[Messages]) -> Array:
    messages = [message for dialogue in dialogues for message in dialogue]
    parts = [_texts([message[name] for message in messages]) for name in ("role", "content")]
    return _lists(_MESSAGES, [len(dialogue) for dialogue in dialogues], struct_array(parts, fields=_MESSAGE))


def _texts(texts: Sequence[str]) -> Array:
    return Array(texts, type=_TEXT)


def _lists(kind: DataType, lengths: Sequence[int], values: Array) -> Array:
    offsets = Array([0, *accumulate(lengths)], type=DataType.int32())
    return list_array(offsets, values, type=kind)
