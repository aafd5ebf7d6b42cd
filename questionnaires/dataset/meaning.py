"""Answers that say the same in other words, and sentences that seem to contradict each other, found by their vectors.

A vector tells what a sentence is about, not whether it affirms it. So two sentences contradict each other if they are
about the same, by vector and by words, and a clause of one differs from a clause of the other in what turns a
statement round: how many, a negation, or one of two opposite words. It is a hint: who reads both sees at once.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
import numpy.typing as npt
from snowballstemmer import stemmer

from questionnaires.dataset.similarity import words

Vectors = npt.NDArray[np.float32]
Kind = Literal["same_meaning", "contradiction"]

SHARED_WORDS = 0.5  # of the fewer content words of two clauses
SHORT_CLAUSE = 2  # content words: it is about its only one
FEWEST_WORDS = 8  # of an answer that is compared as a whole
MOST_SENTENCES = 40  # of an answer
ROWS_AT_ONCE = 512

_SENTENCE = re.compile(r"[^.!?…\n]+[.!?…]*")
_CLAUSE = re.compile(
    r"[,;:()—–]|\b(?:and|but|so|because|that|which|who|when|where|while|if|as|и|а|но|что|который|когда|где|если|потому)\b",
    re.I,
)
_YEAR = range(1000, 2200)
_WORD = re.compile(r"[\w']+")
_NEGATIONS = frozenset(
    _WORD.findall(
        "not no never none nobody nothing neither nor without don't doesn't didn't isn't aren't wasn't weren't can't "
        "won't haven't hasn't wouldn't couldn't не ни нет никогда никто ничего нельзя без"
    )
)
_OPPOSITES = (
    ("love", "hate"), ("like", "dislike"), ("always", "never"), ("often", "rarely"), ("early", "late"),
    ("more", "less"), ("best", "worst"), ("older", "younger"), ("oldest", "youngest"), ("rich", "poor"),
    ("hot", "cold"), ("alone", "together"), ("happy", "unhappy"), ("married", "single"), ("married", "divorced"),
    ("alive", "dead"), ("easy", "hard"), ("believe", "doubt"),
    ("люблю", "ненавижу"), ("всегда", "никогда"), ("часто", "редко"), ("рано", "поздно"), ("больше", "меньше"),
    ("старше", "младше"), ("старший", "младший"), ("лучше", "хуже"), ("женат", "холост"), ("замужем", "разведена"),
    ("легко", "трудно"), ("верю", "сомневаюсь"), ("один", "вместе"),
)  # fmt: skip
_NUMBER_WORDS = (
    "zero one two three four five six seven eight nine ten eleven twelve",
    "ноль один два три четыре пять шесть семь восемь девять десять одиннадцать двенадцать",
)
_RUSSIAN_FORMS = {"одна": 1, "одно": 1, "одного": 1, "две": 2, "двух": 2, "двое": 2, "трое": 3, "трёх": 3, "четверо": 4}
_NUMBERS = {word: n for line in _NUMBER_WORDS for n, word in enumerate(line.split())} | _RUSSIAN_FORMS
_EMPTY_WORDS = frozenset(
    _WORD.findall(
        "i i'm i've i'd i'll me my mine we us our you your he she it its they them his her their a an the and or but "
        "so to of in on at for with from by as is am are was were be been have has had do does did will would can "
        "could that this there then than when what which who if about up out into just very really all any some "
        "я мне меня мой моя моё мои мы нас наш ты вы он она оно они его её их и или но а в на с со к по за от до у о "
        "об из для что это этот эта был была было были есть быть бы же ли то так как когда если очень всё все"
    )
)


@dataclass(frozen=True)
class Likeness:
    """From which cosine on two answers are the same, and two sentences about the same; encoders differ in it."""

    answers: float
    sentences: float


# Measured: unlike answers of one person reach 0.67, paraphrases begin at 0.78; in Russian 0.93 and 0.95.
ENGLISH = Likeness(0.75, 0.47)
MULTILINGUAL = Likeness(0.95, 0.88)


@dataclass(frozen=True)
class _Clause:
    """The words of a clause by what they do. `counts` are (what, how many), `sides` (pair of opposites, which)."""

    content: frozenset[str]
    counts: frozenset[tuple[str, int]]
    negations: frozenset[str]
    sides: frozenset[tuple[int, int]]


@dataclass(frozen=True)
class _Statement:
    """A sentence of the answer with the index `owner`."""

    owner: int
    text: str
    clauses: tuple[_Clause, ...]


@dataclass(frozen=True)
class Pair:
    """Two answers by their indices, the earlier first; of a contradiction also the two sentences."""

    kind: Kind
    one: int
    other: int
    texts: tuple[str, str] = ("", "")


def sentences(answer: str) -> list[str]:
    """The sentences of an answer, the first forty; those of one word say nothing."""
    found = (match[0].strip() for match in _SENTENCE.finditer(answer))
    return [text for text in found if len(text.split()) > 1][:MOST_SENTENCES]


def compare(answers: Sequence[str], vectors: Sequence[Vectors], likeness: Likeness = ENGLISH) -> list[Pair]:
    """`vectors` holds unit vectors (sentences, d) of each answer's `sentences`, all of one encoder; (0, d) for none."""
    return [*_same_answers(answers, vectors, likeness.answers), *_contradictions(answers, vectors, likeness.sentences)]


def _same_answers(answers: Sequence[str], vectors: Sequence[Vectors], threshold: float) -> Iterator[Pair]:
    long = [i for i, answer in enumerate(answers) if len(words(answer)) >= FEWEST_WORDS and len(vectors[i])]
    if len(long) < 2:
        return
    means = np.stack([vectors[i].mean(axis=0) for i in long])
    means /= np.maximum(np.linalg.norm(means, axis=1, keepdims=True), 1e-9)
    for one, other in _alike(means, threshold):
        yield Pair("same_meaning", long[one], long[other])


def _contradictions(answers: Sequence[str], vectors: Sequence[Vectors], threshold: float) -> Iterator[Pair]:
    statements = [_statement(i, text) for i, answer in enumerate(answers) for text in sentences(answer)]
    if len(statements) < 2:
        return
    seen: set[tuple[int, int]] = set()
    for one, other in _alike(np.concatenate([each for each in vectors if len(each)]), threshold):
        a, b = statements[one], statements[other]
        if a.owner == b.owner or (a.owner, b.owner) in seen:
            continue
        if any(_contradict(first, second) for first in a.clauses for second in b.clauses):
            seen.add((a.owner, b.owner))
            yield Pair("contradiction", a.owner, b.owner, (a.text, b.text))


def _alike(vectors: Vectors, threshold: float) -> Iterator[tuple[int, int]]:
    """Pairs of rows (earlier, later) with at least this cosine, in pieces: all at once could be a gigabyte."""
    for start in range(0, len(vectors), ROWS_AT_ONCE):
        cosines = vectors[start : start + ROWS_AT_ONCE] @ vectors.T
        for row, column in np.argwhere(cosines >= threshold):
            if start + row < column:
                yield int(start + row), int(column)


def _statement(owner: int, text: str) -> _Statement:
    return _Statement(owner, text, tuple(filter(None, map(_clause, _CLAUSE.split(text)))))


def _clause(text: str) -> _Clause | None:
    found = re.findall(r"\w+(?:'\w+)*", text.casefold().replace("’", "'"))
    sides = frozenset((n, side) for n, pair in enumerate(_OPPOSITES) for side in (0, 1) if pair[side] in found)
    plain = [word for word in found if word not in _EMPTY_WORDS | _NEGATIONS and _number(word) is None]
    content = frozenset(map(_stem, plain))
    if not content:
        return None
    return _Clause(content, frozenset(_counts(found)), frozenset(found) & _NEGATIONS, sides)


def _number(word: str) -> int | None:
    return int(word) if word.isdecimal() and len(word) < 12 else _NUMBERS.get(word)


def _counts(found: Sequence[str]) -> Iterator[tuple[str, int]]:
    """What is counted is the next word, "brothers" in "three brothers"; a year stands for itself."""
    for word, following in zip(found, [*found[1:], ""], strict=True):
        number = _number(word)
        if number in _YEAR:
            yield "", int(word)
        elif number is not None and following and following not in _EMPTY_WORDS:
            yield _stem(following)[:5], number  # five letters: endings change with the number


def _contradict(a: _Clause, b: _Clause) -> bool:
    opposed = {word for n, side in a.sides - b.sides if (n, 1 - side) in b.sides - a.sides for word in _OPPOSITES[n]}
    stems = set(map(_stem, opposed))
    one, other = a.content - stems, b.content - stems
    shared, fewer, more = len(one & other), *sorted((len(one), len(other)))
    if shared < max(1, min(2, fewer), SHARED_WORDS * fewer):
        return False
    counted = {what for what, _n in a.counts} & {what for what, _n in b.counts}
    if any({n for w, n in a.counts if w == what}.isdisjoint(n for w, n in b.counts if w == what) for what in counted):
        return True
    negated = len(a.negations - opposed) % 2 != len(b.negations - opposed) % 2
    if negated and not opposed:  # one word in common is not enough to say what is denied
        return shared > 1 or more <= SHORT_CLAUSE
    return bool(opposed) and not negated


def _stem(word: str) -> str:
    language = "english" if word.isascii() else "russian"
    stemmed: str = _STEMMERS[language].stemWord(word)
    return stemmed


_STEMMERS = {language: stemmer(language) for language in ("english", "russian")}
