"""What one click can set right in an answer. Each is a suggestion for a new text; no words change by themselves."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Literal

from questionnaires.dataset.checks import shared_start
from questionnaires.dataset.findings import Finding
from questionnaires.dataset.items import Item
from questionnaires.dataset.personal_data import taken_out

Mend = Literal["take_out", "shorten", "lower_case", "cut_start", "set_aside"]

_MENDS: dict[str, Mend] = {
    **dict.fromkeys(("password", "card", "account", "id_number", "phone", "email", "address"), "take_out"),
    **dict.fromkeys(("duplicate_item", "duplicate_answer", "near_duplicate_answer", "same_meaning"), "set_aside"),
    "full_name": "shorten",
    "upper_case": "lower_case",
    "answers_begin_alike": "cut_start",
}
_SENTENCE_START = re.compile(r"(?:\A|[.!?…]\s+|\n)\W*\w")
_ENGLISH_I = re.compile(r"\bi\b(?=['’\s,.!?]|$)")


def mend_of(found: Finding) -> Mend | None:
    """How a finding can be set right with one click; None where only the person can."""
    if found.where == "question":  # the bank's, or the person's own: its words are changed where it is written
        return "set_aside" if found.code == "duplicate_item" else None
    return _MENDS.get(found.code)


def mended(found: Finding, items: Sequence[Item]) -> dict[str, str]:
    """The new texts by the source of their answers; an empty text where the answer is to be set aside instead."""
    mend = mend_of(found)
    if mend == "cut_start":
        return _without_start(items)
    item = next((each for each in items if each.source == found.source), None)
    if mend is None or item is None:
        return {}
    if mend == "set_aside":
        return {item.source: ""}
    if mend == "lower_case":
        return {item.source: sentence_case(item.answer, item.language)}
    return {item.source: taken_out(item.answer, found.code, item.language)}


def sentence_case(text: str, language: str = "en") -> str:
    """Small letters, with a capital where a sentence begins; names have to be looked over by hand."""
    small = _SENTENCE_START.sub(lambda start: start[0].upper(), text.lower())
    return _ENGLISH_I.sub("I", small) if language.startswith("en") else small


def _without_start(items: Sequence[Item]) -> dict[str, str]:
    """All answers without the whole words that they all begin with; one that is nothing else stays."""
    shared = shared_start([item.answer for item in items])
    cut = len(re.match(r"(?:.*\W)?", shared, re.S)[0])  # type: ignore[index]  # it matches the empty text
    rest = {item.source: item.answer[cut:].lstrip(" \t\n,;:—–-") for item in items}
    return {source: text[0].upper() + text[1:] for source, text in rest.items() if text and cut}
