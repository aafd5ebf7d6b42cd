from __future__ import annotations

from typing import Any

import pytest

from questionnaires.dataset import RENDERERS, Item, Note, Renderer, check_rows

SUBJECTS = ("piano", "river", "bread", "winter", "sister", "bicycle", "school", "money", "garden", "harbour", "letter")
PAIRS = [(f"{one} or {two}?", f"{two} rather than {one}") for one in SUBJECTS for two in SUBJECTS]
GOOD: list[dict[str, Any]] = [{"prompt": f"Q: {q} ->", "completion": f" {a}.###"} for q, a in PAIRS]


def found(rows: list[dict[str, Any]]) -> list[tuple[str, str, str]]:
    findings = check_rows(rows)
    assert all(each.message for each in findings)
    return [(each.code, each.source, each.where) for each in findings]


def with_first(**columns: Any) -> list[dict[str, Any]]:
    return [columns, *GOOD[1:]]


def changed(column: str, before: str, after: str) -> list[dict[str, Any]]:
    return [{**row, column: row[column].replace(before, after)} for row in GOOD]


@pytest.mark.parametrize("rendering", RENDERERS.values(), ids=RENDERERS)
def test_our_own_rows_have_no_findings(rendering: Renderer) -> None:
    assert found([rendering.row(Item(q, a), notes=[Note(q, a)], name="Nora") for q, a in PAIRS]) == []


@pytest.mark.parametrize(
    ("rows", "expected"),
    [
        (with_first(prompt="Q: a ->"), ("missing_column", "1", "completion")),
        (with_first(prompt="Q: a ->", Completion=" b.###"), ("column_case", "1", "completion")),
        (with_first(prompt="Q: a ->", completion=" b.###", id=1), ("extra_columns", "1", "")),
        (with_first(prompt="Q: a ->", completion=7), ("not_text", "1", "completion")),
        (with_first(prompt="Q: a ->", completion=" ###"), ("empty_completion", "1", "completion")),
        (with_first(prompt="Q: a ->", completion=" b" * 5001 + "###"), ("long_text", "1", "completion")),
        (with_first(prompt="Q: a ->", completion="b.###"), ("no_leading_space", "1", "completion")),
        (with_first(prompt="Q: a -> b ->", completion=" b.###"), ("prompt_end_inside", "1", "prompt")),
        (with_first(prompt="Q: a ->", completion=" b ### b.###"), ("completion_end_inside", "1", "completion")),
        ([*GOOD, GOOD[4]], ("duplicate_row", "122", "")),
        ([{**row, "prompt": "Q: same ->"} for row in GOOD], ("questions_identical", "", "prompt")),
        (GOOD[:9], ("too_few", "", "")),
        (GOOD[:99], ("few", "", "")),
        (changed("prompt", " ->", ""), ("no_prompt_end", "", "prompt")),
        (changed("completion", "###", ""), ("no_completion_end", "", "completion")),
        (changed("prompt", "Q: ", "Q: Say it now, "), ("questions_begin_alike", "", "prompt")),
        (
            [{**row, "completion": " Oh, " + row["completion"]} for row in GOOD],
            ("answers_begin_alike", "", "completion"),
        ),
        ([{**row, "prompt": row["prompt"].upper()} for row in GOOD], ("upper_case_column", "", "prompt")),
        ([{**row, "completion": row["completion"].upper()} for row in GOOD], ("upper_case_column", "", "completion")),
    ],
)
def test_each_rule_finds_its_row_and_nothing_else(rows: list[dict[str, Any]], expected: tuple[str, str, str]) -> None:
    assert found(rows) == [expected]


def test_few_different_completions_look_like_a_classification() -> None:
    rows = [{**row, "completion": f" {n % 2} is it.###"} for n, row in enumerate(GOOD)]
    assert found(rows) == [("few_different_answers", "", "completion")]


@pytest.mark.parametrize(
    ("messages", "code"),
    [
        ("text", "bad_messages"),
        ([], "bad_messages"),
        ([7], "bad_messages"),
        ([{"role": "user", "content": "a"}], "bad_messages"),
        ([{"role": "assistant", "content": "a"}], "bad_messages"),
        ([{"role": "user", "content": "a"}, {"role": "assistant", "content": " "}], "empty_completion"),
    ],
)
def test_messages(messages: object, code: str) -> None:
    rows = [RENDERERS["chat"].row(Item(q, a)) for q, a in PAIRS]
    assert found([{"messages": messages}, *rows]) == [(code, "1", "messages")]


def test_two_formats_in_one_file_are_an_error() -> None:
    assert found([RENDERERS["chat"].row(Item("a", "b")), *GOOD]) == [("mixed_formats", "", "")]
