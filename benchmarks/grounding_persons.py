"""The persons of benchmarks/data/grounding, as the site would hold them."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import yaml

from questionnaires.dataset import held_out_wording

ROOT = Path(__file__).resolve().parents[1]
FOLDER = ROOT / "benchmarks" / "data" / "grounding"
TOPICS = ROOT / "questionnaires" / "data" / "topics"


@dataclass(frozen=True)
class Told:
    """An answer with all wordings of its question, as the site sends it to be ranked. `id`: the bank's slug or own."""

    id: str
    questions: tuple[str, ...]
    answer: str
    is_own: bool = False


@dataclass(frozen=True)
class Fact:
    """A message that asks for something told; each of `answers` (ids) tells it. `keys`: what a right reply says."""

    ask: str
    answers: tuple[str, ...]
    keys: tuple[str, ...]
    first: str = ""
    """The message before it, where it is a follow-up."""


@dataclass(frozen=True)
class GroundingPerson:
    name: str
    language: str
    told: tuple[Told, ...]
    facts: tuple[Fact, ...]
    never: tuple[str, ...]
    dialogues: tuple[Fact, ...]

    def places(self, fact: Fact) -> list[int]:
        """Where the answers that tell a fact stand in `told`."""
        return [place for place, told in enumerate(self.told) if told.id in fact.answers]


def persons_read(paths: Sequence[Path], answers: Path | None = None) -> list[GroundingPerson]:
    """The persons of these files, or all that have their own answers. `answers`: a file for those that have none."""
    chosen = list(paths) or sorted(FOLDER.glob("*.yaml"))
    return [_person(path, answers) for path in chosen if paths or "answers:" in path.read_text("utf-8").split("\n")]


def _person(path: Path, answers: Path | None) -> GroundingPerson:
    """Raises ValueError where an expected answer is none of the person's."""
    row = yaml.safe_load(path.read_text("utf-8"))
    language = row["language"]
    told = tuple(_imported(answers) if "answers" not in row and answers else _told(row.get("answers", []), language))
    person = GroundingPerson(
        name=row["name"],
        language=language,
        told=told,
        facts=tuple(Fact(fact["ask"], _listed(fact["answer"]), tuple(fact["keys"])) for fact in row["facts"]),
        never=tuple(row["never"]),
        dialogues=tuple(
            Fact(fact["then"], (fact["answers"][1],), tuple(fact["keys"]), fact["first"]) for fact in row["dialogues"]
        ),
    )
    for fact in [*person.facts, *person.dialogues]:
        if len(person.places(fact)) < len(fact.answers):
            raise ValueError(f"{path.name}: “{fact.ask}” rests on {', '.join(fact.answers)}, which is not among them.")
    return person


def _told(rows: Sequence[dict[str, Any]], language: str) -> list[Told]:
    bank = _bank(language)
    return [
        Told(row["slug"], bank[row["slug"]], row["answer"])
        if "slug" in row
        else Told(row["id"], (row["question"],), row["answer"], is_own=True)
        for row in rows
    ]


def _imported(path: Path) -> list[Told]:
    """The answers of a JSON file {"qa": [{"q", "alts", "a"}]}; their ids are the questions."""
    rows = json.loads(path.read_text("utf-8"))["qa"]
    return [Told(row["q"], _asked(row["q"], row.get("alts", ())), row["a"], is_own=True) for row in rows]


@cache
def _bank(language: str) -> dict[str, tuple[str, ...]]:
    """The wordings of the bank's questions by slug."""
    topics = [yaml.safe_load(path.read_text("utf-8")) for path in sorted(TOPICS.glob("*.yaml"))]
    questions = [question for topic in topics for question in topic["questions"]]
    return {one["slug"]: _asked(one[language]["text"], one[language]["wordings"]) for one in questions}


def _asked(question: str, wordings: Sequence[str]) -> tuple[str, ...]:
    """The wordings that the site ranks by: one may be held out to measure likeness."""
    held_out = held_out_wording(question, wordings)
    return (question, *(wording for wording in wordings if wording != held_out))


def _listed(value: str | list[str]) -> tuple[str, ...]:
    return (value,) if isinstance(value, str) else tuple(value)
