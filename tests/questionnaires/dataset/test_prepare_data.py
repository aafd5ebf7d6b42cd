"""Parity with OpenAI's `prepare_data` (openai-python 0.28): a file for each row of its table, and what must be found.

Its table is in `openai/validators.py`, functions `read_any_format` and `*_validator`, in this order.
"""

import json

import pytest

from questionnaires.dataset.file_checks import check_file
from questionnaires.dataset.readers import read
from questionnaires.dataset.records import ImportFailure

SUBJECTS = ("piano", "river", "bread", "winter", "sister", "bicycle", "school", "money", "garden", "harbour", "letter")
PAIRS = [(f"{one} or {two}?", f"{two} rather than {one}") for one in SUBJECTS for two in SUBJECTS]
GOOD = [{"prompt": f"Q: {question} ->", "completion": f" {answer}.###"} for question, answer in PAIRS]


def jsonl(rows) -> bytes:
    return b"".join(json.dumps(row).encode() + b"\n" for row in rows)


def each(**parts) -> bytes:
    """The good rows with their parts rewritten by functions."""
    return jsonl([row | {name: change(row[name]) for name, change in parts.items()} for row in GOOD])


def with_first(**row) -> bytes:
    return jsonl([row, *GOOD[1:]])


LONG = " " + "b" * 10_000 + "###"
CASES = [  # (row of the table, file, what is found, line)
    (1, jsonl(GOOD[:99]), "few", ""),
    (1, jsonl(GOOD[:9]), "too_few", ""),
    (2, with_first(prompt="Q: a ->"), "missing_column", "1"),
    (2, with_first(Prompt="Q: a ->", completion=" b.###"), "column_case", "1"),
    (3, with_first(completion=" b.###"), "missing_column", "1"),
    (3, with_first(prompt="Q: a ->", COMPLETION=" b.###"), "column_case", "1"),
    (4, with_first(prompt="Q: a ->", completion=" b.###", id=1), "extra_columns", "1"),
    (5, with_first(prompt="Q: a ->", completion=" ###"), "empty_completion", "1"),
    (
        6,
        jsonl([row | {"completion": f" {n % 2} is it.###"} for n, row in enumerate(GOOD)]),
        "few_different_answers",
        "",
    ),
    (7, jsonl([*GOOD, GOOD[4]]), "duplicate_row", "122"),
    (8, with_first(prompt="Q: a ->", completion=LONG), "long_text", "1"),
    (9, each(prompt=str.upper), "upper_case_column", ""),
    (10, each(completion=str.upper), "upper_case_column", ""),
    (11, each(prompt=lambda text: text.removesuffix(" ->")), "no_prompt_end", ""),
    (11, each(prompt=lambda _text: "Q: the same ->"), "questions_identical", ""),
    (11, with_first(prompt="Q: a -> b ->", completion=" b.###"), "prompt_end_inside", "1"),
    (12, each(prompt=lambda text: text.replace("Q: ", "Q: Tell me now, ")), "questions_begin_alike", ""),
    (13, each(completion=lambda text: " Well, " + text), "answers_begin_alike", ""),
    (14, each(completion=lambda text: text.removesuffix("###")), "no_completion_end", ""),
    (14, with_first(prompt="Q: a ->", completion=" b ### b.###"), "completion_end_inside", "1"),
    (15, each(completion=str.strip), "no_leading_space", "1"),
]


@pytest.mark.parametrize(("row", "data", "code", "line"), CASES, ids=[f"{row}-{code}" for row, _, code, _ in CASES])
def test_each_row_of_its_table_is_found_and_nothing_else(row, data, code, line):
    found = check_file(data, "a.jsonl")
    assert {finding.code for finding in found} == {code}
    assert found[0].source == line
    assert found[0].message


def test_every_row_of_its_table_has_a_file():
    assert {row for row, *_ in CASES} == set(range(1, 16))  # row 0 is below


def test_a_good_file_has_no_findings():
    assert check_file(jsonl(GOOD), "a.jsonl") == []


TABLES = {
    "a.csv": "prompt,completion\n" + "".join(f"Q: {q} ->, {a}.###\n" for q, a in PAIRS),
    "a.tsv": "prompt\tcompletion\n" + "".join(f"Q: {q} ->\t {a}.###\n" for q, a in PAIRS),
    "lines-named.json": jsonl(GOOD).decode(),
    "list-named.jsonl": json.dumps(GOOD),
    "a.json": json.dumps(GOOD, indent=1),
    "a.txt": jsonl(GOOD).decode(),
}


@pytest.mark.parametrize("name", TABLES)
def test_row_0_any_format_is_read(name):
    assert check_file(TABLES[name].encode(), name) == []
    assert [(item.question, item.answer) for item in read(TABLES[name].encode(), name)] == [
        (q, a + ".") for q, a in PAIRS
    ]


@pytest.mark.parametrize("check", [check_file, read])
def test_row_0_a_broken_file_names_the_line(check):
    with pytest.raises(ImportFailure) as failure:
        check(jsonl(GOOD[:20]) + b'{"prompt": "Q: a ->", }\n', "a.jsonl")
    assert failure.value.line == 21


def test_a_file_of_another_kind_is_not_judged_as_a_training_file():
    assert check_file(b"question,answer\nWho?,Ada.\n", "a.csv") == []


def test_a_repeated_row_is_named_by_its_line():
    data = b"\n\n" + jsonl([*GOOD, GOOD[0]])
    (finding,) = check_file(data, "a.jsonl")
    assert (finding.source, finding.params["other"]) == ("124", "3")
