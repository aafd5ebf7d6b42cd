"""What is ranked: a person's answers, each with the wordings of its question."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Sequence
from typing import Protocol

_SENTENCE_END = re.compile(r"(?<=[.!?…])\s+")


class Document(Protocol):
    """One answer. `questions` holds one wording or more, the person's own first."""

    @property
    def questions(self) -> tuple[str, ...]: ...

    @property
    def answer(self) -> str: ...


def passages(document: Document) -> list[str]:
    """The whole answer, then its sentences when it has several."""
    sentences = [part for part in _SENTENCE_END.split(document.answer.strip()) if part]
    return [document.answer, *sentences] if len(sentences) > 1 else [document.answer]


def joint(document: Document) -> str:
    """Question and answer as one text."""
    return f"{document.questions[0]} {document.answer}"


def fingerprint(documents: Sequence[Document], version: str) -> str:
    """A name for this set of documents under this version of the encoder: 64 hex digits."""
    content = json.dumps([version, *([*document.questions, document.answer] for document in documents)])
    return hashlib.sha256(content.encode()).hexdigest()
