"""Files for other programs: whole, harmless, and readable again."""

import csv
import io
import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from questionnaires.dataset.exports import FORMATS, Context, neutralised, plain
from questionnaires.dataset.items import Item
from questionnaires.dataset.readers import read
from questionnaires.dataset.text import normalise

CONTEXT = Context("Ada", {"home": "Home and place"})
NASTY = st.text(alphabet=st.sampled_from("ab Q:A#->=+-@'\"\\,;\n\t*_[<|\u2028\u202e\u0085😀é"), min_size=1, max_size=40)
TEXT = st.one_of(NASTY, st.text(min_size=1, max_size=60)).map(lambda text: normalise(text)[0].strip())


def write(name, *items) -> bytes:
    return b"".join(FORMATS[name].write(items, CONTEXT))


@pytest.mark.parametrize("name", [name for name in FORMATS if name != "markdown"])
@settings(max_examples=80, deadline=None)
@given(question=TEXT.filter(bool), answer=TEXT)
def test_what_is_written_is_read_again(name, question, answer):
    data = write(name, Item(question, answer, topic="home"), Item("And then?", "So."))
    found = [(item.question, item.answer) for item in read(data, f"a.{FORMATS[name].extension}")]
    assert found == [(question, answer), ("And then?", "So.")]


@pytest.mark.parametrize("name", FORMATS)
def test_an_empty_data_set_is_a_file_too(name):
    data = write(name)
    if name == "alpaca":
        assert json.loads(data) == []


def test_a_spreadsheet_runs_nothing():
    data = write("csv", Item("=1+1", "@cmd", wordings=("-2", "+3"), topic="home"))
    (row,) = csv.DictReader(io.StringIO(data.decode("utf-8-sig")))
    assert row == {
        "question": "'=1+1",
        "answer": "'@cmd",
        "topic": "Home and place",
        "language": "en",
        "wordings": "'-2\n+3",
    }


@given(st.text())
def test_neutralising_is_undone(text):
    assert plain(neutralised(text)) == text


def test_sharegpt_names_who_speaks():
    (row,) = [json.loads(line) for line in write("sharegpt", Item("Who?", "Ada.")).splitlines()]
    assert [turn["from"] for turn in row["conversations"]] == ["system", "human", "gpt"]


def test_the_book_has_chapters_and_shows_marks_as_they_are():
    items = [
        Item("Where?", "# 1 *here*\n- and there", topic="home"),
        Item("Why?", "Because.", topic="home"),
        Item("Who?", "Ada.", topic="x"),
    ]
    assert write("markdown", *items).decode() == (
        "# Ada\n\n## Home and place\n\n### Where?\n\n\\# 1 \\*here\\*\n\\- and there\n"
        "\n### Why?\n\nBecause.\n\n## x\n\n### Who?\n\nAda.\n"
    )
