"""How often the right answer is found, and how often "I was never told" is right.

`python -m benchmarks.retrieval [--persons FILE ...] [--weights FILE]` prints a table in Markdown: the shipped retriever
beside BM25 and beside MiniLM on the questions alone. Persons marked * were never tuned on.
"""

from __future__ import annotations

import argparse
import resource
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from engine.retrieval import Retriever, space
from engine.retrieval.bm25 import BM25
from engine.retrieval.encoder import Array, Encoder
from engine.retrieval.tuning.data import (
    HELD_OUT,
    RUSSIAN,
    Person,
    development_persons,
    read_development,
    written_persons,
)

Scorer = Callable[[str], Array]


@dataclass(frozen=True)
class Row:
    """What one method did for one person; rates are shares of 1, `milliseconds` the median of one query."""

    method: str
    person: str
    asked: int
    first: int
    third: int
    refused_told: float | None = None
    refused_never: float | None = None
    milliseconds: float = 0.0

    def markdown(self) -> str:
        gate = ["-" if rate is None else f"{rate:.0%}" for rate in (self.refused_never, self.refused_told)]
        cells = [self.person, self.method, f"{self.first} of {self.asked}", str(self.third), *gate]
        return "| " + " | ".join([*cells, f"{self.milliseconds:.1f}"]) + " |"


def shipped(person: Person, retriever: Retriever) -> Row:
    """The product's retriever and gate."""
    retriever.prepare(person.answers)
    times, ranks, told, never = [], [], [], []
    for query, sources in person.asked:
        started = time.perf_counter()
        ranking = retriever.rank(query, person.answers)
        times.append(1000 * (time.perf_counter() - started))
        ranks.append(_place([hit.index for hit in ranking.results], sources))
        told.append(ranking.known)
    never = [retriever.rank(query, person.answers).known for query in person.unknown]
    return Row(
        method="shipped",
        person=_name(person),
        asked=len(ranks),
        first=sum(place == 0 for place in ranks),
        third=sum(place < 3 for place in ranks),
        refused_told=1 - float(np.mean(told)),
        refused_never=1 - float(np.mean(never)) if never else None,
        milliseconds=float(np.median(times)),
    )


def baseline(method: str, person: Person, scorer: Scorer) -> Row:
    """A method that only ranks."""
    started = time.perf_counter()
    orders = [(np.argsort(-scorer(query), kind="stable").tolist(), sources) for query, sources in person.asked]
    took = 1000 * (time.perf_counter() - started) / max(len(orders), 1)
    ranks = [_place(order, sources) for order, sources in orders]
    first, third = sum(place == 0 for place in ranks), sum(place < 3 for place in ranks)
    return Row(method, _name(person), len(ranks), first, third, milliseconds=took)


def bm25(person: Person) -> Scorer:
    return BM25([f"{answer.questions[0]} {answer.answer}" for answer in person.answers]).scores


def question_only(person: Person, encoder: Encoder) -> Scorer:
    vectors = encoder.embed([answer.questions[0] for answer in person.answers])
    return lambda query: vectors @ encoder.embed([query])[0]


def rows_of(person: Person, retriever: Retriever, encoder: Encoder) -> list[Row]:
    return [
        shipped(person, retriever),
        baseline("MiniLM, questions", person, question_only(person, encoder)),
        baseline("BM25", person, bm25(person)),
    ]


def total(label: str, rows: Sequence[Row], persons: Sequence[Person]) -> str:
    """The sum over persons, gate rates weighted by their messages."""
    told = np.average([row.refused_told or 0 for row in rows], weights=[row.asked for row in rows])
    never = np.average([row.refused_never or 0 for row in rows], weights=[len(p.unknown) for p in persons])
    asked, first, third = (sum(getattr(row, name) for row in rows) for name in ("asked", "first", "third"))
    speed = float(np.median([row.milliseconds for row in rows]))
    return Row("shipped", f"**{label}**", asked, first, third, float(told), float(never), speed).markdown()


def measured_persons() -> list[Person]:
    """The development persons, and those who speak Russian that nothing was tuned on."""
    russian = [person for person in written_persons(RUSSIAN, "ru") if person.name in HELD_OUT]
    return [*development_persons(), *russian]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--persons", nargs="*", type=Path, help="files in the format of benchmarks/data/personas")
    parser.add_argument("--weights", type=Path, help="weights other than the shipped ones")
    arguments = parser.parse_args()
    space.WEIGHTS = arguments.weights or space.WEIGHTS
    persons = [read_development(path) for path in arguments.persons or []] or measured_persons()
    print("| person | method | right first | in three | never told, refused | told, refused | ms |")
    print("|---|---|---|---|---|---|---|")
    with tempfile.TemporaryDirectory() as folder:
        retriever, encoder = Retriever(Path(folder)), Encoder()
        results = []
        for person in persons:
            rows = rows_of(person, retriever, encoder)
            results.append((person, rows[0]))
            print("\n".join(row.markdown() for row in rows), flush=True)
    for label, kept, language in (("not tuned on", True, "en"), ("tuned on", False, "en"), ("Russian*", True, "ru")):
        chosen = [
            (p, row) for p, row in results if (p.name in HELD_OUT) is kept and p.language == language and p.unknown
        ]
        if chosen:
            print(total(label, [row for _, row in chosen], [person for person, _ in chosen]))
    print(f"\nPeak memory of this process: {resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1000:.0f} MB")


def _name(person: Person) -> str:
    return person.name + ("*" if person.name in HELD_OUT else "")


def _place(order: Sequence[int], sources: Sequence[int]) -> int:
    """The place of the first right document, 999 when none is among them."""
    return next((place for place, row in enumerate(order) if row in sources), 999)


if __name__ == "__main__":
    main()
