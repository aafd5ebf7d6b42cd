"""Files for other programs: whole, harmless, and readable again."""

import csv
import io
import json
import re
import zipfile
from xml.etree import ElementTree

import pytest
from hypothesis import assume, example, given, settings
from hypothesis import strategies as st

from questionnaires.dataset.book import Context
from questionnaires.dataset.exports import FORMATS, neutralised, plain
from questionnaires.dataset.items import Item
from questionnaires.dataset.readers import read
from questionnaires.dataset.text import normalise
from tests.questionnaires.dataset.reading_back import from_epub, from_parquet

CONTEXT = Context("Ada", {"home": "Home and place"})
BOOKS = {"markdown", "epub", "pdf"}  # for people: a question stands on one line, as services.question_create stores it
MARKS = "ab Q:A#->=+-@'\"\\,;\n\t*_[<|&1.)\u2028\u2029\u202e\u2066\u0085\u200d\u2060\ufeff😀é\x0b\x1c"
NASTY = st.text(alphabet=st.sampled_from(MARKS), min_size=1, max_size=40)
PIECES = st.lists(
    st.sampled_from(["Q: ", " ->", "###", "<|im_end|>", "</s>", "A: ", "- ", "\n", "=1", "x", " ", "1. "])
)
ANYTHING = st.text(st.characters(exclude_categories=[]), min_size=1, max_size=60)  # NUL and lone surrogates as well
TEXT = st.one_of(NASTY, PIECES.map("".join), ANYTHING).map(lambda text: normalise(text)[0].strip())


def write(name, *items) -> bytes:
    return b"".join(FORMATS[name].write(items, CONTEXT))


def read_back(name, data) -> list[tuple[str, str]]:
    if name == "parquet":
        return from_parquet(data)
    if name == "epub":
        return from_epub(data)
    return [(item.question, item.answer) for item in read(data, f"a.{FORMATS[name].extension}")]


@pytest.mark.parametrize("name", [name for name in FORMATS if name != "pdf"])
@settings(max_examples=80, deadline=None)
@given(question=TEXT.filter(bool), answer=TEXT)
@example(question="#", answer="Q: 1\n**A**: ## 2 ##")
def test_what_is_written_is_read_again(name, question, answer):
    if name in BOOKS:
        question = " ".join(question.split())
    assume(question.strip())
    data = write(name, Item(question, answer, topic="home"), Item("And then?", "So.", topic="x"))
    expected = (question, answer) if name != "epub" else (xml_holds(question), xml_holds(answer))
    assert read_back(name, data) == [expected, ("And then?", "So.")]


def xml_holds(text) -> str:
    """XML has no place for these, not even as a reference; the book shows the sign for an unknown character."""
    return re.sub("[\x00-\x08\x0b\x0c\x0e-\x1f\ufffe\uffff]", "\ufffd", text)


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


def test_markdown_shows_lists_and_labels_as_they_were_written():
    data = write("markdown", Item("Why?", "1. one\nA: two\n---\n- three\nNote: four", topic="x")).decode()
    assert data.endswith("\n\n1\\. one\nA\\: two\n\\---\n\\- three\nNote: four\n")


def test_an_epub_is_a_zip_that_a_reader_knows_and_every_page_of_it_is_listed():
    data = write("epub", Item("Why <b>?", "x & y", topic="home"), Item("Who?", "Ada", topic="x"))
    assert data[30:58] == b"mimetypeapplication/epub+zip"
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        assert archive.testzip() is None
        pages = {name for name in archive.namelist() if name.endswith(("html", "opf", "xml"))}
        trees = {name: ElementTree.fromstring(archive.read(name)) for name in pages}
    opf = "{http://www.idpf.org/2007/opf}"
    listed = {each.get("href") for each in trees["book/content.opf"].iter(f"{opf}item")}
    assert listed == {name.removeprefix("book/") for name in pages if name.endswith("html")} | {"style.css"}
    links = {each.get("href") for each in trees["book/nav.xhtml"].iter("{http://www.w3.org/1999/xhtml}a")}
    assert links == {"title.xhtml", "chapter-001.xhtml", "chapter-002.xhtml"}


@settings(max_examples=10, deadline=None)
@given(TEXT, TEXT)
def test_any_text_can_be_printed(question, answer):
    data = write("pdf", Item(question, answer, topic="home"))
    assert data.startswith(b"%PDF-")
    assert data.rstrip().endswith(b"%%EOF")


def test_a_word_longer_than_the_page_is_printed_too():
    assert write("pdf", Item("Why?", "x" * 20_000, topic="home")).count(b"/Type /Page\n") > 3


def test_parquet_has_messages_to_train_on():
    from arro3.io import read_parquet

    table = read_parquet(io.BytesIO(write("parquet", Item("Why?", "So.", ("How come?",), "en", "home")))).read_all()
    (row,) = ({name: table.column(name).to_pylist()[0] for name in table.column_names},)
    assert (row["topic"], row["wordings"]) == ("Home and place", ["How come?"])
    assert [message["role"] for message in row["messages"]] == ["system", "user", "assistant"]
