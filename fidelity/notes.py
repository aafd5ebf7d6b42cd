"""A person's answers as notes, and which of them a question gets: as chat does it, without its pages."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from fidelity.engine_client import Document, EngineClient
from questionnaires.dataset import Item, Note
from questionnaires.models import Persona
from questionnaires.services import dataset_build
from training.token_counts import token_estimate

NOTE_CHARACTERS = 1400  # some 400 tokens: with a prompt full of options it has to fit 2048
BLOCK_TOKENS = 1200  # of the control that has as many answers in its prompt as fit
DOUBT = 1.3  # an estimate may be that much too low


@dataclass(frozen=True)
class Found:
    """The answer that fits a question best, if there is one, and whether the person told it at all."""

    note: Note | None
    known: bool
    row: dict[str, Any]  # as ReportItem.notes has it


@dataclass
class Notebook:
    """The answers of one person. What was looked up is remembered."""

    items: Sequence[Item]
    engine: EngineClient
    _found: dict[str, Found] = field(default_factory=dict)
    _block: list[Note] | None = None

    def find(self, text: str) -> Found:
        """The best answer to `text`. Raises EngineAway, AskingRefused."""
        if text not in self._found:
            self._found[text] = self._find(text)
        return self._found[text]

    def _find(self, text: str) -> Found:
        if not self.items:
            return Found(None, False, {})
        documents = [Document(item.source, item.ways_to_ask, item.answer) for item in self.items]
        ranking = self.engine.rank(query=text, documents=documents, top_n=1)
        if not ranking.hits:
            return Found(None, False, {})
        index, score = ranking.hits[0]
        note = note_of(self.items[index])
        row = {"question": note.question, "answer": note.answer, "score": round(score, 4), "known": ranking.known}
        return Found(note, ranking.known, row)

    def block(self) -> list[Note]:
        """As many answers as fit, spread evenly over all topics; always the same, so that the server reads them once.

        The stride is the least with which the answers that it meets fit into BLOCK_TOKENS.
        """
        if self._block is None:
            self._block = self._fitting()
        return self._block

    def _fitting(self) -> list[Note]:
        for stride in range(1, len(self.items) + 1):
            notes = [note_of(item) for item in self.items[::stride]]
            if sum(_tokens(note) for note in notes) <= BLOCK_TOKENS:
                return notes
        return []


def notebook_of(persona: Persona, engine: EngineClient, without: frozenset[str] = frozenset()) -> Notebook:
    """The persona's answers of now, less those whose ids are in `without`."""
    return Notebook([item for item in dataset_build(persona=persona) if item.source not in without], engine)


def note_of(item: Item) -> Note:
    """Cut at a word where it is long."""
    text = item.answer
    if len(text) > NOTE_CHARACTERS:
        text = text[:NOTE_CHARACTERS].rpartition(" ")[0] or text[:NOTE_CHARACTERS]
    return Note(item.question, text)


def _tokens(note: Note) -> float:
    return DOUBT * token_estimate({"prompt": note.question, "completion": note.answer})
