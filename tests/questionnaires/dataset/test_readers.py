from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from questionnaires.dataset import RENDERERS, ImportedItem, ImportFailure, Item, Note, encode, normalise, read

PAIRS = [("Кто ты?", "Я Нора, «настройщик»."), ("Job?", 'Pianos, "mostly"; uprights.\nAnd\u2028harps.')]
QA = [{"question": question, "answer": answer} for question, answer in PAIRS]


def pairs(items: list[ImportedItem]) -> list[tuple[str, str]]:
    return [(item.question, item.answer) for item in items]


def table(delimiter: str) -> str:
    quoted = [delimiter.join('"' + cell.replace('"', '""') + '"' for cell in pair) for pair in PAIRS]
    return "\n".join([f"question{delimiter}answer", *quoted])


@pytest.mark.parametrize(
    "text",
    [
        json.dumps(QA, ensure_ascii=False),
        json.dumps(QA, indent=2),
        json.dumps({"name": "Nora", "tags": ["a"], "qa": QA}, indent=2),
        json.dumps([{"Q": question, "A": answer} for question, answer in PAIRS]),
        "\n".join(json.dumps(record, ensure_ascii=False) for record in QA),
        "\r\n\r\n".join(json.dumps(record) for record in QA),
        *(table(delimiter) for delimiter in ",;\t"),
        table(",").replace("question,", "\n QUESTION ,").replace("answer\n", "Answer,id\n"),
    ],
    ids=[
        "list",
        "pretty",
        "in an object",
        "short names",
        "lines",
        "blank lines",
        "csv",
        "semicolons",
        "tsv",
        "columns",
    ],
)
@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-be", "utf-16-le"])
@pytest.mark.parametrize("name", ["x", "x.txt"])
def test_the_content_tells_the_format_and_the_encoding(text: str, encoding: str, name: str) -> None:
    assert pairs(read(text.encode(encoding), name)) == PAIRS


@pytest.mark.parametrize("rendering", RENDERERS.values(), ids=RENDERERS)
@given(question=st.text(), answer=st.text())
def test_our_own_training_files_come_back(rendering: object, question: str, answer: str) -> None:
    question = "x" + question
    row = rendering.row(Item(question, answer), notes=[Note("n", answer)], name="Nora")  # type: ignore[attr-defined]
    (item,) = read(b"".join(encode([row])), "train.jsonl")
    assert pairs([item]) == [(normalise(question)[0].strip(), normalise(answer)[0].strip())]


def test_noras_shape_has_wordings() -> None:
    data = json.dumps({"qa": [{"q": "Who?", "alts": ["Your name?", " "], "a": "Nora."}], "heldout": [{"x": 1}]})
    assert read(data.encode(), "nora.json") == [ImportedItem("Who?", "Nora.", ("Your name?",), 1)]


def test_windows_1251_and_1252() -> None:
    assert pairs(read(table(";").replace("\u2028", " ").encode("windows-1251"), "a.csv"))[0] == PAIRS[0]
    assert pairs(read("question,answer\nDrink?,Un café à Liège".encode("windows-1252"), "a.csv"))[0][1].endswith(
        "Liège"
    )


def test_any_chat_row_gives_its_last_exchange() -> None:
    messages = [
        {"role": "system", "content": "Be Nora."},
        {"role": "user", "content": "Hi?"},
        {"role": "assistant", "content": "Hello."},
        {"role": "user", "content": [{"type": "text", "text": "Job?"}]},
        {"role": "assistant", "content": "Pianos."},
    ]
    assert pairs(read(json.dumps({"messages": messages}).encode(), "a.jsonl")) == [("Job?", "Pianos.")]


@pytest.mark.parametrize(
    ("prompt", "completion"),
    [("Job?\n\n###\n\n", " Pianos. END"), ("Job? ->", " Pianos.###"), ("Job?", "Pianos.<|endoftext|>")],
)
def test_completion_rows_of_other_guides_lose_their_markers(prompt: str, completion: str) -> None:
    data = json.dumps({"prompt": prompt, "completion": completion}).encode()
    assert pairs(read(data, "a.jsonl")) == [("Job?", "Pianos.")]


def test_lines_count_as_an_editor_counts_them() -> None:
    listed = b'{\n "note": ["[\\n",\n 2],\n "qa": [\n {"q": "1",\n "a": ""},\n\n {"q": "2", "a": ""}\n]}'
    assert [item.line for item in read(listed, "a.json")] == [5, 8]
    assert [item.line for item in read(b'\nquestion,answer\n"a\nb",c\n\nd,e', "a.csv")] == [3, 6]
    assert [item.line for item in read(b'\n{"q": "1", "a": 1}\n\n{"q": "2", "a": 2}', "a.jsonl")] == [2, 4]


def test_what_was_normalised_is_told() -> None:
    data = b'[{"q": "a\\u0000?", "a": "x\\ud800\\r\\ny"}, {"q": "b", "a": "\\ud83d\\ude00"}]'
    first, second = read(data, "a.json")
    assert (first.question, first.answer, first.changes) == ("a?", "x\ufffd\ny", ("nul", "surrogates", "line_endings"))
    assert (second.answer, second.changes) == ("😀", ())


@pytest.mark.parametrize(
    ("data", "name", "line", "message"),
    [
        (b"", "a.json", None, "empty"),
        (b";", "a.csv", 1, "name the columns"),
        (b"\xef\xbb\xbf \r\n", "a.csv", None, "empty"),
        (b"[]", "a.json", None, "no questions and answers"),
        (b"question,answer\n", "a.csv", None, "no questions and answers"),
        (b'[{"q": "1", "a": "2"},\n]', "a.json", 2, "comma after the last"),
        (b'[{"q": "1",\n "a": "2",}]', "a.json", 2, "comma after the last"),
        (b"[\n{'q': '1'}]", "a.json", 2, "double quotes"),
        (b"{'q': '1', 'a': '2'}", "a.jsonl", 1, "double quotes"),
        (b'{"q": "1", "a": "2"},\n{"q": "1", "a": "2"}', "a.jsonl", 1, "without a comma after it"),
        (b'{"q": "1", "a": "2"}\n{"q": "1" "a"}', "a.json", 2, "not JSON"),
        (b'[{"q": "1", "a": "2"}\n{"q": "1"}]', "a.json", 2, "not valid JSON"),
        (b'[{"q": "1", "a": "2"}\n, 7]', "a.json", 2, "where 7 stands"),
        (b'[{"q": "1", "a": [2]}]', "a.json", 1, "where \\[2\\] stands"),
        (b'[{"q": " ", "a": "2"}]', "a.json", 1, "question is empty"),
        (b'[{"q": "1", "b": "2"}]', "a.json", 1, 'no "answer" here, only: q, b'),
        (b'{"messages": [{"role": "user", "content": "1"}]}', "a.jsonl", 1, "one of the assistant"),
        (b'{"messages": "x"}', "a.jsonl", 1, "list of objects"),
        (b"[" * 100_000, "a.json", None, "nested too deeply"),
        (b"hello", "a.jsonl", 1, "not JSON"),
        (b"hello,you\n1,2", "a.csv", 1, "name the columns question and answer, and here it reads “hello,you”"),
        (b"question,answer\na,b\nc,d,e", "a.csv", 3, "3 cells under 2 columns"),
        (b'question,answer\na,"b\nc', "a.csv", 2, "cannot be read"),
        (b"PK\x03\x04...", "a.xlsx", None, "archive cannot be opened"),
        (b"x" * 5_000_001, "a.json", None, "5.0 MB; at most 5 MB"),
        (b"question,answer\n" + b"a,b\n" * 10_001, "a.csv", 10_002, "more than 10000 rows"),
        (b"question,answer\n\xd0\x98\x98\xd0\xd0\xd0,b", "a.csv", 2, "UTF-8"),
    ],
)
def test_a_failure_says_what_where_and_what_to_do(data: bytes, name: str, line: int | None, message: str) -> None:
    with pytest.raises(ImportFailure, match=message) as caught:
        read(data, name)
    assert caught.value.line == line
    assert caught.value.template.format(**caught.value.params) == caught.value.message


@given(
    st.binary() | st.text("[]{}\"':,;qa \n\t\r").map(str.encode), st.sampled_from(["a.json", "a.jsonl", "a.csv", "a"])
)
def test_no_file_does_anything_else(data: bytes, name: str) -> None:
    try:
        assert read(data, name)
    except ImportFailure as failure:
        assert failure.message
