"""Whether a reply states the person's fact, by rules that a person can follow and overrule. No model judges.

In this order: a reply that says it does not know is `unknown`; one that contradicts the own answer is `wrong`; one that
says what the own answer says is `right`; of a question never answered, anything but "I do not know" is `wrong`, for it
is made up. What no rule decides is `unclear` and goes to the person. Each verdict carries its reasons.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from functools import cache

import yaml

from fidelity.measures.items import DATA, Fact
from fidelity.measures.numbers import numbers
from fidelity.measures.words import Word, sentences, stem, words

RIGHT_SHARE = 0.5  # of a reply's own key terms that stand in the answer: from here it says the same
WRONG_SHARE = 0.2  # below it speaks of something else
_ENOUGH_TERMS = 2  # one shared word among others may be chance
_FLAT = ("opposite", "denied")  # no shared word outweighs them
_NEAR = 2  # words after a negation that it denies
_DONT_KNOW = re.compile(
    r"\b(i (do not|don['’]?t|really don['’]?t|can['’]?t|cannot) (know|remember|recall|say|tell)\b|i never (told|said|"
    r"mentioned)|no idea|not sure|i haven['’]?t (told|said|mentioned))|"
    r"\b(не знаю|не помню|не могу (сказать|вспомнить)|понятия не имею|я (об этом )?не (рассказыва|говори)\w+|"
    r"трудно сказать|затрудняюсь)",
    re.I,
)
_NEGATIONS_WORDS = """
not never no without neither nor cannot не нет ни никогда без нельзя
"""
_NEGATIONS = frozenset(_NEGATIONS_WORDS.split())
_EMPTY_WORDS = """
a about after all also an and any are as at be because been but by can could did do does done for from get go had
has have he her here him his how i if in into is it its just like made make many me more most much my no not now of
on one only or other our out over really she so some such than that the their them then there these they thing
things this those to too up us very was way we well were what when where which who why will with would yes you your
i'm i've i'd it's that's don't didn't doesn't isn't wasn't never always what's there's а бы был была были было быть
в вам вас весь во вот все всё вы где да даже для до его ее её ей если есть ещё же за и из или им их к как когда
которая которые который кто ли меня мне много мой моя моё мои мы на над нас не него нет ни но ну о об один она они
оно он от очень по под потом потому при про с сам свой своя своё свои себе себя со так там такой тем то тогда того
только тоже тут ты у уже чем что чтобы это эта эти этот я никогда всегда
"""
_EMPTY = frozenset(_EMPTY_WORDS.split())


class Outcome(StrEnum):
    RIGHT = "right"
    WRONG = "wrong"
    UNKNOWN = "unknown"
    UNCLEAR = "unclear"


@dataclass(frozen=True)
class Reason:
    """Why. `code` names the rule (a key for a sentence to translate), `terms` the words or numbers that it saw."""

    code: str
    terms: tuple[str, ...] = ()


@dataclass(frozen=True)
class Verdict:
    outcome: Outcome
    reasons: tuple[Reason, ...]


def judge(reply: str, fact: Fact) -> Verdict:
    """The verdict on a reply to `fact.question`, against the person's own answer, if there is one.

    Codes: "says_unknown", "empty", "made_up" (the person never told); against the answer "opposite", "denied",
    "other_number", "other_name", "other_words"; for it "same_number", "same_name",
    "same_words"; "few_words" for neither.
    """
    if not reply.strip():
        return Verdict(Outcome.UNCLEAR, (Reason("empty"),))
    if (unknown := _DONT_KNOW.search(reply)) and not _DONT_KNOW.search(fact.answer):
        return Verdict(Outcome.UNKNOWN, (Reason("says_unknown", (unknown[0],)),))
    if not fact.was_told:
        return Verdict(Outcome.WRONG, (Reason("made_up"),))
    against = tuple(_against(reply, fact.answer))
    favour = tuple(_favour(reply, fact))
    if against and (not favour or any(reason.code in _FLAT for reason in against)):
        return Verdict(Outcome.WRONG, against + favour)
    if against:
        return Verdict(Outcome.UNCLEAR, against + favour)
    return Verdict(Outcome.RIGHT, favour) if favour else _by_words(reply, fact)


def shares(verdicts: Iterable[Verdict]) -> dict[Outcome, float]:
    """The share of each outcome, 0 to 1; all 0 without verdicts."""
    counted = Counter(verdict.outcome for verdict in verdicts)
    return {outcome: counted[outcome] / max(1, counted.total()) for outcome in Outcome}


def key_terms(text: str, question: str = "") -> dict[str, str]:
    """The words of a text that carry its facts, {stem: word}: without everyday words and those of the question."""
    asked = {stem(word.text) for word in words(question)}
    found = {stem(word.text): word.text for word in words(text) if _carries(word)}
    return {term: word for term, word in found.items() if term not in asked}


def names(text: str) -> dict[str, str]:
    """Words written with a capital inside a sentence, {stem: word}: names of people, places and works."""
    found = {}
    for sentence in sentences(text):
        for word in words(sentence)[1:]:
            if word.text[0].isupper() and not sentence.isupper() and _carries(word):
                found[stem(word.text)] = word.text
    return found


def _by_words(reply: str, fact: Fact) -> Verdict:
    """The verdict where nothing speaks for or against the reply but how many of its words the answer has."""
    said, own = key_terms(reply, fact.question), key_terms(fact.answer, fact.question)
    other = said.keys() - own.keys()
    if said and 1 - len(other) / len(said) < WRONG_SHARE:
        return Verdict(Outcome.WRONG, (Reason("other_words", tuple(sorted(said[term] for term in other))),))
    return Verdict(Outcome.UNCLEAR, (Reason("few_words", tuple(sorted(said[term] for term in said.keys() - other))),))


def _favour(reply: str, fact: Fact) -> Iterable[Reason]:
    """Numbers, names and words that the reply has from the answer. Those of the question prove nothing."""
    if same := (numbers(reply) & numbers(fact.answer)) - numbers(fact.question):
        yield Reason("same_number", tuple(map(str, sorted(same))))
    said, own = key_terms(reply, fact.question), key_terms(fact.answer, fact.question)
    shared, named = said.keys() & own.keys(), names(fact.answer)
    if shared & named.keys():
        yield Reason("same_name", tuple(sorted(named[term] for term in shared & named.keys())))
    share = len(shared) / max(1, len(said))
    if share == 1 or (share >= RIGHT_SHARE and len(shared) >= min(_ENOUGH_TERMS, len(own))):
        yield Reason("same_words", tuple(sorted(said[term] for term in shared)))


def _against(reply: str, answer: str) -> Iterable[Reason]:
    yield from _opposites(reply, answer)
    if denied := _denied_and_claimed(reply, answer):
        yield Reason("denied", denied)
    own, said = numbers(answer), numbers(reply)
    if own and (other := said - own):
        yield Reason("other_number", tuple(map(str, sorted(other))))
    have = key_terms(answer).keys()
    if names(answer) and (foreign := {t: word for t, word in names(reply).items() if t not in have}):
        yield Reason("other_name", tuple(sorted(foreign.values())))


def _opposites(reply: str, answer: str) -> Iterable[Reason]:
    """A yes to a no; and pairs of the list of which the answer has one word and the reply only the other."""
    heads = [next((word.text.casefold() for word in words(text)), "") for text in (answer, reply)]
    if heads in (["yes", "no"], ["no", "yes"], ["да", "нет"], ["нет", "да"]):
        yield Reason("opposite", (heads[1],))
    said, own = ({stem(word.text) for word in words(text)} for text in (reply, answer))
    for one, other in opposites_read().items():
        for excluded, name in other.items():
            if one in own and excluded not in own and excluded in said and one not in said:
                yield Reason("opposite", (name,))


def _denied_and_claimed(reply: str, answer: str) -> tuple[str, ...]:
    """Key terms that one of the texts always denies ("I don't drink") and the other never."""
    said, own = _polarity(reply), _polarity(answer)
    clash = [term for term in said.keys() & own.keys() if {said[term][0], own[term][0]} == {True, False}]
    return tuple(sorted(said[term][1] for term in clash))


def _polarity(text: str) -> dict[str, tuple[bool | None, str]]:
    """{stem: (whether it is denied, word)}; None for what a text both denies and claims."""
    found: dict[str, tuple[bool | None, str]] = {}
    for sentence in re.split(r"[.!?…;,\n]| but | но | а ", text):
        row = words(sentence)
        for place, word in enumerate(row):
            if not _carries(word):
                continue
            denied = any(_negates(before) for before in row[max(0, place - _NEAR) : place])
            term = stem(word.text)
            earlier = found.get(term, (denied, ""))[0]
            found[term] = (denied if earlier == denied else None, word.text)
    return found


def _negates(word: Word) -> bool:
    plain = word.text.casefold().replace("’", "'")
    return plain in _NEGATIONS or plain.endswith("n't")


def _carries(word: Word) -> bool:
    plain = word.text.casefold().replace("’", "'")
    return plain not in _EMPTY and (len(plain) > 1 or plain.isdigit()) and not plain.endswith("n't")


@cache
def opposites_read() -> Mapping[str, Mapping[str, str]]:
    """The contradiction list, both ways: {stem: {stem of its opposite: the opposite}}."""
    read = yaml.safe_load((DATA / "opposites.yaml").read_text("utf-8"))
    found: dict[str, dict[str, str]] = {}
    for one, other in (pair for pairs in read.values() for pair in pairs):
        found.setdefault(stem(one), {})[stem(other)] = other
        found.setdefault(stem(other), {})[stem(one)] = one
    return found
