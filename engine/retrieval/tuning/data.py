"""Persons to learn from and to measure on, in one shape."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import yaml

ROOT = Path(__file__).resolve().parents[3]
PERSONS = Path(__file__).with_name("persons")
"""Terse answers, sideways questions."""
MORE = PERSONS / "more"
"""Longer answers, plainer questions: they teach the gate, and taught the ranking nothing (docs/retrieval.md)."""
RUSSIAN = PERSONS / "russian"
"""The same in Russian."""
DEVELOPMENT = ROOT / "benchmarks" / "data" / "personas"
TOPICS = ROOT / "questionnaires" / "data" / "topics"
HELD_OUT = ("priya", "tomas", "inga", "tamara")
"""The persons that nothing is ever tuned on."""


@dataclass(frozen=True)
class Answer:
    questions: tuple[str, ...]
    answer: str


@dataclass
class Person:
    """Answers, `asked`: messages with the places of the answers they aim at, `unknown`: messages that none answers."""

    name: str
    language: str = "en"
    answers: list[Answer] = field(default_factory=list)
    asked: list[tuple[str, list[int]]] = field(default_factory=list)
    unknown: list[str] = field(default_factory=list)


def written_persons(folder: Path = PERSONS, language: str = "en") -> list[Person]:
    """The persons of `folder/*.txt`: "=" question | answer, "+" asked another way, "-" and "?" never told."""
    persons = [parse(path.stem, path.read_text(encoding="utf-8")) for path in sorted(folder.glob("*.txt"))]
    return [replace(person, language=language) for person in persons]


def parse(name: str, text: str) -> Person:
    """One person of the text format. An unknown line raises a ValueError that names it."""
    person = Person(name)
    for number, line in enumerate(text.splitlines(), 1):
        mark, content = line[:1], line[1:].strip()
        if mark == "=" and "|" in content:
            question, answer = content.split("|", 1)
            person.answers.append(Answer((question.strip(),), answer.strip()))
        elif mark == "+":
            person.asked.append((content, [len(person.answers) - 1]))
        elif mark in ("-", "?") and content:
            person.unknown.append(content)
        elif line.strip() and mark != "#":
            raise ValueError(f"{name}.txt, line {number}: starts with none of = + - ? #, or a = line lacks its |.")
    return person


def development_persons() -> list[Person]:
    """The persons of benchmarks/data/personas, by name."""
    return [read_development(path) for path in sorted(DEVELOPMENT.glob("*.json"))]


def read_development(path: Path) -> Person:
    data = json.loads(path.read_text(encoding="utf-8"))
    return Person(
        name=path.stem,
        language=data["language"],
        answers=[Answer((row["q"],), row["a"]) for row in data["qa"]],
        asked=[(row["q"], row["source"]) for row in data["reworded"]],
        unknown=data["unknown"],
    )


def bank_wordings(languages: Sequence[str]) -> list[tuple[str, str]]:
    """Pairs (another wording, the question) of the question bank."""
    pairs = []
    for path in sorted(TOPICS.glob("*.yaml")):
        for question in yaml.safe_load(path.read_text(encoding="utf-8"))["questions"]:
            for language in languages:
                text = question[language]
                pairs += [(wording, text["text"]) for wording in text["wordings"]]
    return pairs
