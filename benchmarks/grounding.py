"""Whether a persona says what its person told, on persons that nothing was tuned on.

    python -m benchmarks.grounding [--persona FILE ...] [--answers FILE] [--replies | --retrieval-only]

For each person of benchmarks/data/grounding it stores the answers as the site does, trains a version (quick recipe) and
asks through the code of the chat: facts in other words, questions never answered, follow-ups. DATA_DIR names a folder
to keep; what it holds already is used, so that a second run trains nothing. `--replies` prints every reply to be read,
`--strict` asks in the manner that only quotes. `--retrieval-only` trains and generates nothing: a minute.

A fact is right by keys if the reply says the words that the file expects, and right by rules if
`fidelity.measures.facts` says so against the person's answer. Neither replaces reading.
"""

from __future__ import annotations

import argparse
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from benchmarks.grounding_persons import Fact, GroundingPerson, persons_read
from benchmarks.train import processor
from engine.retrieval import Retriever
from fidelity.measures.facts import Outcome, judge
from fidelity.measures.items import Fact as Judged

COLUMNS = (
    "person",
    "right answer first",
    "in three",
    "right by keys",
    "by rules",
    "told, refused",
    "never told, refused",
    "dialogues",
)


@dataclass(frozen=True)
class Heard:
    """What came back: whether it counts as told, the places in `told` of the answers found, best first, the words."""

    known: bool
    found: tuple[int, ...]
    reply: str | None = None
    """None where nothing was generated."""


Ask = Callable[[str, str | None], Heard]
"""A message and the one before it."""


@dataclass(frozen=True)
class Case:
    """A question of the file and what came back; `fact` is None for a question never answered."""

    ask: str
    heard: Heard
    fact: Fact | None = None


@dataclass(frozen=True)
class Report:
    person: GroundingPerson
    facts: list[Case]
    never: list[Case]
    dialogues: list[Case]

    def is_found(self, case: Case) -> bool:
        """The right answer came first, and the reply rests on it."""
        return case.heard.known and self._first(case)

    def is_right(self, case: Case) -> bool:
        """By its keys, where there are words; else whether the right answer came first."""
        if case.heard.reply is None or case.fact is None:
            return self.is_found(case)
        return case.heard.known and has_keys(case.heard.reply, case.fact.keys)

    def verdict(self, case: Case) -> Outcome:
        """By the rules of a fidelity report, against each answer that tells the fact."""
        if case.fact is None or not case.heard.known:
            return Outcome.UNKNOWN
        told = [self.person.told[place].answer for place in self.person.places(case.fact)]
        asked = [Judged("", case.ask, answer, self.person.language) for answer in told]
        outcomes = [judge(case.heard.reply or "", fact).outcome for fact in asked]
        return Outcome.RIGHT if Outcome.RIGHT in outcomes else outcomes[0]

    def markdown(self) -> str:
        """One row of the table."""
        rows, known = self.facts, [case for case in self.facts if case.heard.known]
        spoken = any(case.heard.reply is not None for case in rows)
        third = sum(bool({*case.heard.found} & {*self._places(case)}) for case in rows)
        by_rules = sum(self.verdict(case) is Outcome.RIGHT for case in rows)
        cells = [
            self.person.name,
            f"{sum(map(self._first, rows))} of {len(rows)}",
            str(third),
            str(sum(map(self.is_right, rows))) if spoken else f"({sum(map(self.is_found, rows))})",
            str(by_rules) if spoken else "-",
            f"{len(rows) - len(known)} of {len(rows)}",
            f"{sum(not case.heard.known for case in self.never)} of {len(self.never)}",
            f"{sum(map(self.is_right, self.dialogues))} of {len(self.dialogues)}",
        ]
        return "| " + " | ".join(cells) + " |"

    def listing(self) -> str:
        """Every reply, to be read."""
        lines = [
            f"\n## {self.person.name}\n",
            "| question | expected | reply | keys | rules |",
            "|---|---|---|---|---|",
        ]
        for case in [*self.facts, *self.dialogues]:
            if case.fact:
                asked = f"{case.fact.first} / {case.ask}" if case.fact.first else case.ask
                right = "right" if self.is_right(case) else "-"
                expected = ", ".join(case.fact.keys).replace("|", " or ")
                lines.append(f"| {asked} | {expected} | {_shown(case)} | {right} | {self.verdict(case)} |")
        lines += ["\n| never told | reply |", "|---|---|"]
        return "\n".join([*lines, *(f"| {case.ask} | {_shown(case)} |" for case in self.never)])

    def _places(self, case: Case) -> list[int]:
        return self.person.places(case.fact) if case.fact else []

    def _first(self, case: Case) -> bool:
        return bool(case.heard.found) and case.heard.found[0] in self._places(case)


def has_keys(reply: str, keys: Sequence[str]) -> bool:
    """Whether a reply says each key; `|` stands between forms of which one is enough."""
    said = reply.casefold().replace("ё", "е")
    return all(any(form.casefold().replace("ё", "е") in said for form in key.split("|")) for key in keys)


def report_of(person: GroundingPerson, ask: Ask) -> Report:
    """Asks everything of the file."""
    return Report(
        person,
        facts=[Case(fact.ask, ask(fact.ask, None), fact) for fact in person.facts],
        never=[Case(text, ask(text, None)) for text in person.never],
        dialogues=[Case(fact.ask, ask(fact.ask, fact.first), fact) for fact in person.dialogues],
    )


def ranked_by(retriever: Retriever, person: GroundingPerson) -> Ask:
    """The engine's ranking in this process, without a model's words."""

    def ask(text: str, context: str | None) -> Heard:
        ranking = retriever.rank(text, person.told, context)
        return Heard(ranking.known, tuple(hit.index for hit in ranking.results))

    return ask


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--persona", nargs="*", type=Path, default=[], help="files; default: all that hold answers")
    parser.add_argument(
        "--answers", type=Path, help='the answers of a file that holds none: {"qa": [{"q", "alts", "a"}]}'
    )
    parser.add_argument("--retrieval-only", action="store_true", help="rank and judge, generate nothing")
    parser.add_argument("--replies", action="store_true", help="print every reply")
    parser.add_argument("--strict", action="store_true", help="the manner that quotes the answer")
    arguments = parser.parse_args()
    persons = persons_read(arguments.persona, arguments.answers)
    print("| " + " | ".join(COLUMNS) + " |\n|" + "---|" * len(COLUMNS))
    with tempfile.TemporaryDirectory() as folder:
        retriever = Retriever(Path(folder))
        reports = []
        for person in persons:
            if arguments.retrieval_only:
                reports.append(report_of(person, ranked_by(retriever, person)))
            else:
                reports.append(_spoken(person, is_strict=arguments.strict))
            print(reports[-1].markdown(), flush=True)
    if arguments.replies:
        print("\n".join(report.listing() for report in reports))
    print(f"\nOn {processor()}.")


def _spoken(person: GroundingPerson, is_strict: bool) -> Report:
    """Through the chat. Imported late: the ranking alone needs no site and no database."""
    from benchmarks.grounding_site import asked_by

    with asked_by(person, is_strict=is_strict) as ask:
        return report_of(person, ask)


def _shown(case: Case) -> str:
    words = " ".join((case.heard.reply or "").split())
    return words if case.heard.known else "*I never told it that.*"


if __name__ == "__main__":
    main()
