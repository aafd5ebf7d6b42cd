"""What is worth a second look before training. Nothing here changes a person's words.

It covers what OpenAI's `prepare_data` checked (openai-python 0.28, `validators.py`) and what spoils a persona. The
checks of items are here, those of the rows of an imported file in `row_checks`.
"""

from __future__ import annotations

import re
import unicodedata
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from itertools import takewhile

from questionnaires.dataset.findings import Finding, worst_first
from questionnaires.dataset.items import Item, Row
from questionnaires.dataset.personal_data import beginning, personal_data
from questionnaires.dataset.similarity import near_duplicates, shingles, words
from questionnaires.dataset.text import normalise

SMALLEST_SET = 10
ACCEPTABLE_SET = 70  # the article's author: 70 answers gave the first acceptable result, 150 a good one
LONGEST_TEXT = 10_000  # characters, of a question and its answer together
SHORT_ANSWER = 5  # words
LONGEST_QUESTION_START = 12  # characters that all questions may share
LONGEST_ANSWER_START = 4
_LETTERS_TO_JUDGE = 20
_NEAR_DUPLICATE = 0.6  # of the runs of three words
_MARKER = re.compile(r"###| ->|<\|[a-z_]+\|>|^Q:", re.MULTILINE)
_AGE = re.compile(
    r"\b(?:I am|I'm|I’m|I've turned|I turned)\s+(\d{1,3})(?=\s+years|[.,;!]|\s+and\b|$)"
    r"|\bмне\s+(\d{1,3})\s+(?:лет|год)",
    re.IGNORECASE,
)


def check(items: Sequence[Item], *, topics: Sequence[str] = ()) -> list[Finding]:
    """Findings on a data set, errors first. `topics` are those of the questionnaire, to name the unanswered ones."""
    findings = [found for each in _SET_CHECKS for found in each(items)]
    findings += [found for item in items for each in _ITEM_CHECKS for found in each(item)]
    answered = {item.topic for item in items}
    findings += [Finding("topic_without_answers", params={"topic": topic}) for topic in topics if topic not in answered]
    return worst_first(findings)


def shared_start(texts: Sequence[str]) -> str:
    """The beginning that all texts have in common; "" when there are not two different ones."""
    if len(set(texts)) < 2:
        return ""
    pairs = zip(min(texts), max(texts), strict=False)  # all others lie between these two
    return "".join(one for one, _ in takewhile(lambda pair: pair[0] == pair[1], pairs))


def is_mostly_upper_case(text: str) -> bool:
    """OpenAI's rule: two times the capitals are more than the small letters."""
    return sum(map(str.isupper, text)) * 2 > sum(map(str.islower, text))


def size_findings(entries: Sequence[Item] | Sequence[Row], wanted: int = ACCEPTABLE_SET) -> Iterator[Finding]:
    """Too few answers are an error: there would be nothing to hold out, and nothing to learn."""
    count = len(entries)
    if count < SMALLEST_SET:
        params = {"minimum": SMALLEST_SET, "count": count, "missing": SMALLEST_SET - count}
        yield Finding("too_few", params=params)
    elif count < wanted:
        yield Finding("few", params={"count": count, "wanted": wanted})


def _variety(items: Sequence[Item]) -> Iterator[Finding]:
    questions, answers = {item.question for item in items}, {item.answer for item in items}
    if len(questions) == 1 < len(items):
        yield Finding("questions_identical", params={"text": min(questions)})
    if len(answers) * 3 < len(items):
        yield Finding("few_different_answers", params={"different": len(answers), "count": len(items)})


def _shared_starts(items: Sequence[Item]) -> Iterator[Finding]:
    question = shared_start([item.question for item in items])
    answer = shared_start([item.answer for item in items])
    if len(question) > LONGEST_QUESTION_START:
        yield Finding("questions_begin_alike", where="question", params={"text": question})
    if len(answer) > LONGEST_ANSWER_START:
        yield Finding("answers_begin_alike", where="answer", params={"text": answer})


def _repetitions(items: Sequence[Item]) -> Iterator[Finding]:
    """Copies are judged by their words: another comma or capital makes no other answer."""
    for one, other in near_duplicates([shingles(item.answer) for item in items], _NEAR_DUPLICATE):
        first, second = items[one], items[other]
        params = {"other": first.question}
        if words(first.answer) != words(second.answer):
            yield Finding("near_duplicate_answer", second.source, "answer", params)
        elif words(first.question) == words(second.question):
            yield Finding("duplicate_item", second.source, "question")
        else:
            yield Finding("duplicate_answer", second.source, "answer", params)


def _ages(items: Sequence[Item]) -> Iterator[Finding]:
    told = [(match[1] or match[2], item) for item in items for match in _AGE.finditer(item.answer)]
    ages = sorted({int(age) for age, _ in told})
    if len(ages) > 1:
        yield Finding("contradicting_ages", told[-1][1].source, "answer", {"ages": ", ".join(map(str, ages))})


def _languages(items: Sequence[Item]) -> Iterator[Finding]:
    languages = sorted({item.language for item in items if item.language})
    if len(languages) > 1:
        yield Finding("mixed_languages", params={"languages": ", ".join(languages)})
    alphabets = [_alphabet(item.answer) for item in items]
    counted = Counter(filter(None, alphabets)).most_common(1)
    for item, alphabet in zip(items, alphabets, strict=True):
        if alphabet and alphabet != counted[0][0]:
            yield Finding("other_language", item.source, "answer")


def _alphabet(text: str) -> str:
    """The first word of the Unicode names of most letters (LATIN, CYRILLIC ...); "" for too short a text."""
    letters = [unicodedata.name(character, "").split(" ")[0] for character in text[:200] if character.isalpha()]
    return Counter(letters).most_common(1)[0][0] if len(letters) >= _LETTERS_TO_JUDGE else ""


def _emptiness(item: Item) -> Iterator[Finding]:
    if not item.question.strip():
        yield Finding("empty_question", item.source, "question")
    if not item.answer.strip():
        yield Finding("empty_answer", item.source, "answer")


def _length(item: Item) -> Iterator[Finding]:
    count = len(words(item.answer))
    if count == 1:
        yield Finding("one_word_answer", item.source, "answer")
    elif 1 < count < SHORT_ANSWER:
        yield Finding("short_answer", item.source, "answer", {"count": count})
    characters = len(item.question) + len(item.answer)
    if characters > LONGEST_TEXT:
        yield Finding("long_text", item.source, "answer", {"count": characters, "limit": LONGEST_TEXT})


def _texts(item: Item) -> Iterator[Finding]:
    for where, text in (("question", item.question), ("answer", item.answer), ("wordings", "\n".join(item.wordings))):
        changes = normalise(text)[1]
        if changes:
            yield Finding("unstorable_characters", item.source, where, {"changes": ", ".join(changes)})
        if sum(map(str.isalpha, text)) >= _LETTERS_TO_JUDGE and is_mostly_upper_case(text):
            yield Finding("upper_case", item.source, where)
        for mark in sorted(set(_MARKER.findall(text))):
            yield Finding("contains_marker", item.source, where, {"text": mark.strip()})


def _secrets(item: Item) -> Iterator[Finding]:
    for found in personal_data(item.answer, item.language):
        yield Finding(found.kind, item.source, "answer", {"text": beginning(item.answer, found)})


_SET_CHECKS: tuple[Callable[[Sequence[Item]], Iterator[Finding]], ...] = (
    size_findings,
    _variety,
    _shared_starts,
    _repetitions,
    _ages,
    _languages,
)
_ITEM_CHECKS: tuple[Callable[[Item], Iterator[Finding]], ...] = (_emptiness, _length, _texts, _secrets)
