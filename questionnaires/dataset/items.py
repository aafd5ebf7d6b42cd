"""The canonical data set: what a person was asked and what they said, before any format."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Protocol

from questionnaires.dataset.held_out import held_out_wording

# One line of a training file: {"prompt", "completion"} or {"messages": [{"role", "content"}, ...]}.
Row = dict[str, Any]


class Answered(Protocol):
    """Anything that pairs a question with an answer: an `Item`, a `Note`, a `Turn`."""

    @property
    def question(self) -> str: ...

    @property
    def answer(self) -> str: ...


@dataclass(frozen=True)
class Item:
    """One answer of a person. `wordings` are other ways to ask the same question; `source` is the id of the answer."""

    question: str
    answer: str
    wordings: tuple[str, ...] = ()
    language: str = "en"
    topic: str = ""
    source: str = ""

    @property
    def ways_to_ask(self) -> tuple[str, ...]:
        """The question and its other wordings, each once, blank ones and the held-out one left out."""
        asked, held_out = dict.fromkeys((self.question, *self.wordings)), self.held_out
        return tuple(text for text in asked if text.strip() and text != held_out) or (self.question,)

    @property
    def held_out(self) -> str:
        """The wording that is kept to measure likeness, or ""."""
        return held_out_wording(self.question, self.wordings)


@dataclass(frozen=True)
class Note:
    """An answer of the person that is shown to the model beside the question."""

    question: str
    answer: str


@dataclass(frozen=True)
class Turn:
    """An earlier exchange of the same conversation."""

    question: str
    answer: str
