"""Checks of the rows of an imported training file, in either of the two formats. They change nothing."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Sequence

from questionnaires.dataset.checks import (
    LONGEST_ANSWER_START,
    LONGEST_QUESTION_START,
    LONGEST_TEXT,
    is_mostly_upper_case,
    shared_start,
    size_findings,
)
from questionnaires.dataset.findings import Finding, worst_first
from questionnaires.dataset.items import Row
from questionnaires.dataset.prompt import ANSWER_MARK, QUESTION_MARK, STOP

WANTED_ROWS = 100  # as `prepare_data`
_PAIR = ("prompt", "completion")
_PUNCTUATION = " .?!…\"'»”"  # common to the ends of sentences, and no sign that a text is over


def check_rows(rows: Sequence[Row]) -> list[Finding]:
    """Findings on the rows of a file, errors first; `source` is the number of the row, from 1."""
    findings = list(size_findings(rows, WANTED_ROWS))
    findings += [found for number, row in enumerate(rows, start=1) for found in _row(row, str(number))]
    pairs = [(str(n), row["prompt"], row["completion"]) for n, row in enumerate(rows, start=1) if _is_pair(row)]
    if any("messages" in row for row in rows) and not all("messages" in row for row in rows):
        findings.append(Finding("mixed_formats"))
    findings += _duplicates(rows)
    for each in _PAIR_CHECKS if pairs else ():
        findings += each(pairs)
    return worst_first(findings)


# (number of the row, prompt, completion)
_Pairs = Sequence[tuple[str, str, str]]


def _is_pair(row: Row) -> bool:
    return all(isinstance(row.get(column), str) for column in _PAIR)


def _row(row: Row, number: str) -> Iterator[Finding]:
    wanted = ("messages",) if "messages" in map(str.casefold, row) else _PAIR
    yield from _columns(row, wanted, number)
    if "messages" in row:
        yield from _messages(row["messages"], number)
    elif _is_pair(row) and not row["completion"].removesuffix(STOP).strip():
        yield Finding("empty_completion", number, "completion")
    count = len(json.dumps(row, ensure_ascii=False))
    if count > LONGEST_TEXT:
        yield Finding("long_text", number, wanted[-1], {"count": count, "limit": LONGEST_TEXT})


def _columns(row: Row, wanted: tuple[str, ...], number: str) -> Iterator[Finding]:
    by_lower_case = {name.casefold(): name for name in row}
    for column in wanted:
        name = by_lower_case.get(column)
        if name is None:
            yield Finding("missing_column", number, column, {"column": column})
        elif name != column:
            yield Finding("column_case", number, column, {"column": name})
        elif column in _PAIR and not isinstance(row[column], str):
            yield Finding("not_text", number, column, {"column": column})
    extra = [name for name in row if name.casefold() not in wanted]
    if extra:
        yield Finding("extra_columns", number, params={"columns": ", ".join(extra)})


def _messages(messages: object, number: str) -> Iterator[Finding]:
    listed = messages if isinstance(messages, list) else []
    roles = [message.get("role") for message in listed if isinstance(message, dict)]
    if "user" not in roles or len(roles) != len(listed) or roles[-1] != "assistant":
        yield Finding("bad_messages", number, "messages")
    elif not str(listed[-1].get("content") or "").strip():
        yield Finding("empty_completion", number, "messages")


def _duplicates(rows: Sequence[Row]) -> Iterator[Finding]:
    first: dict[str, int] = {}
    for number, row in enumerate(rows, start=1):
        other = first.setdefault(json.dumps(row, sort_keys=True), number)
        if other != number:
            yield Finding("duplicate_row", str(number), params={"other": other})


def _variety(pairs: _Pairs) -> Iterator[Finding]:
    prompts, completions = {prompt for _, prompt, _ in pairs}, {completion for _, _, completion in pairs}
    if len(prompts) == 1 < len(pairs):
        yield Finding("questions_identical", where="prompt", params={"text": min(prompts)})
    if len(completions) * 3 < len(pairs):
        params = {"different": len(completions), "count": len(pairs)}
        yield Finding("few_different_answers", where="completion", params=params)


def _upper_case(pairs: _Pairs) -> Iterator[Finding]:
    for column, texts in zip(_PAIR, ([pair[1] for pair in pairs], [pair[2] for pair in pairs]), strict=True):
        if is_mostly_upper_case("".join(text.removeprefix(QUESTION_MARK) for text in texts)):
            yield Finding("upper_case_column", where=column, params={"column": column})


def _shared_starts(pairs: _Pairs) -> Iterator[Finding]:
    prompt = shared_start([prompt for _, prompt, _ in pairs])
    completion = shared_start([completion for _, _, completion in pairs])
    if len(prompt) > LONGEST_QUESTION_START:
        yield Finding("questions_begin_alike", where="prompt", params={"text": prompt})
    if len(completion) > LONGEST_ANSWER_START:
        yield Finding("answers_begin_alike", where="completion", params={"text": completion})


def _endings(pairs: _Pairs) -> Iterator[Finding]:
    """An earlier line of the dialogue, glued before the question, is no repetition of the ending."""
    questions = [prompt.rpartition(STOP + QUESTION_MARK)[2] for _, prompt, _ in pairs]
    yield from _ending([(number, text) for (number, _, _), text in zip(pairs, questions, strict=True)], "prompt")
    yield from _ending([(number, completion) for number, _, completion in pairs], "completion")


def _ending(texts: Sequence[tuple[str, str]], column: str) -> Iterator[Finding]:
    """`texts` are (number of the row, text). Of a common ending that holds the article's marker, the marker counts."""
    ending = shared_start([text[::-1] for _, text in texts])[::-1]
    ending = next((mark for mark in (ANSWER_MARK, STOP) if ending.endswith(mark)), ending)
    if len({text for _, text in texts}) < 2:
        return
    if not ending.strip(_PUNCTUATION):
        yield Finding(f"no_{column}_end", where=column)
        return
    for number, text in texts:
        if ending in text[: -len(ending)]:
            yield Finding(f"{column}_end_inside", number, column, {"text": ending.strip()})


def _leading_space(pairs: _Pairs) -> Iterator[Finding]:
    for number, _, completion in pairs:
        if completion.strip() and not completion.startswith((" ", "\n")):
            yield Finding("no_leading_space", number, "completion")


_PAIR_CHECKS: tuple[Callable[[_Pairs], Iterator[Finding]], ...] = (
    _variety,
    _upper_case,
    _shared_starts,
    _endings,
    _leading_space,
)
