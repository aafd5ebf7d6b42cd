"""The answers as a book: a chapter a topic, an entry a question. Its files are made in epub.py and pdf_book.py."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from itertools import groupby
from typing import IO

from questionnaires.dataset.items import Item

PIECE_BYTES = 65_536


@dataclass(frozen=True)
class Words:
    """What a book says beside the answers, in the reader's language. `missing` has {count}."""

    contents: str = "Contents"
    subtitle: str = "In my own words"
    missing: str = "{count} signs, such as emoji, are not in this typeface; the EPUB and the Markdown file have them."


@dataclass(frozen=True)
class Context:
    """Whose data set it is; `titles` names the topics by their slugs; `identity` tells the book from others."""

    name: str
    titles: Mapping[str, str]
    language: str = "en"
    identity: str = "persona"
    made: datetime = field(default_factory=lambda: datetime.now(UTC))
    words: Words = Words()


def chapters(items: Iterable[Item], context: Context) -> Iterator[tuple[str, Iterator[Item]]]:
    """Yield (title, its items); a chapter ends where the topic changes."""
    for topic, chapter in groupby(items, key=lambda item: item.topic):
        yield context.titles.get(topic, topic), chapter


def through_file(write: Callable[[IO[bytes]], None]) -> Iterator[bytes]:
    """The pieces of a file that is whole only when its end is known; until then it lies on the disk, not in memory."""
    with tempfile.TemporaryFile(prefix="persona-") as file:
        write(file)
        file.seek(0)
        while piece := file.read(PIECE_BYTES):
            yield piece
