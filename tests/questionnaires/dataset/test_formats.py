"""Workbooks, written lists and exports of chats."""

import io
import json
import zipfile

import pytest

from questionnaires.dataset.chat_exports import PersonNeeded
from questionnaires.dataset.readers import read
from questionnaires.dataset.records import ImportFailure

SHEET = "http://schemas.openxmlformats.org/spreadsheetml/2006/main"
RELATIONS = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"
PACKAGE = "http://schemas.openxmlformats.org/package/2006"


def workbook(*sheets, padding=b"") -> bytes:
    """The smallest .xlsx that holds these sheets, each a list of rows of texts and numbers."""
    parts = {"padding": padding}
    numbers = range(1, len(sheets) + 1)
    overrides = "".join(
        f'<Override PartName="/xl/worksheets/s{n}.xml" '
        'ContentType="application/vnd.openxmlformats-officedocument.spreadsheetml.worksheet+xml"/>'
        for n in numbers
    )
    parts["[Content_Types].xml"] = (
        f'<Types xmlns="{PACKAGE}/content-types"><Default Extension="rels" '
        'ContentType="application/vnd.openxmlformats-package.relationships+xml"/>'
        '<Override PartName="/xl/workbook.xml" '
        'ContentType="application/vnd.openxmlformats-officedocument.spreadsheetml.sheet.main+xml"/>'
        f"{overrides}</Types>"
    )
    parts["_rels/.rels"] = (
        f'<Relationships xmlns="{PACKAGE}/relationships"><Relationship Id="r0" Type="{RELATIONS}/officeDocument" '
        'Target="xl/workbook.xml"/></Relationships>'
    )
    names = "".join(f'<sheet name="S{n}" sheetId="{n}" r:id="r{n}"/>' for n in numbers)
    parts["xl/workbook.xml"] = f'<workbook xmlns="{SHEET}" xmlns:r="{RELATIONS}"><sheets>{names}</sheets></workbook>'
    links = "".join(
        f'<Relationship Id="r{n}" Type="{RELATIONS}/worksheet" Target="worksheets/s{n}.xml"/>' for n in numbers
    )
    parts["xl/_rels/workbook.xml.rels"] = f'<Relationships xmlns="{PACKAGE}/relationships">{links}</Relationships>'
    for n, rows in zip(numbers, sheets, strict=True):
        body = "".join(row(number, cells) for number, cells in enumerate(rows, 1))
        parts[f"xl/worksheets/s{n}.xml"] = f'<worksheet xmlns="{SHEET}"><sheetData>{body}</sheetData></worksheet>'
    target = io.BytesIO()
    with zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in parts.items():
            archive.writestr(name, content)
    return target.getvalue()


def row(number, cells) -> str:
    def cell(column, value):
        place = f"{'ABCDEF'[column]}{number}"
        if isinstance(value, str):
            return f'<c r="{place}" t="inlineStr"><is><t>{value}</t></is></c>'
        return f'<c r="{place}"><v>{value}</v></c>'

    return f'<row r="{number}">{"".join(cell(i, value) for i, value in enumerate(cells) if value is not None)}</row>'


def found(data, name="a.txt", person=""):
    content = data.encode() if isinstance(data, str) else data
    return [(item.line, item.question, item.answer) for item in read(content, name, person)]


def test_a_workbook_is_read_from_the_sheet_that_names_the_columns():
    notes, answers = [["Mine"]], [["Question", "Answer"], ["Who?", "Ada."], [None, None], ["How many?", 37]]
    assert found(workbook(notes, answers), "a.xlsx") == [(2, "Who?", "Ada."), (4, "How many?", "37")]


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (workbook([["a", "b"]]), "no sheet of a.xlsx names the columns"),
        (workbook([["question", "answer"]]), "no questions and answers"),
        (workbook([["question", "answer"]], padding=b"0" * 61_000_000), "unpacks to 61 MB"),
        (workbook()[:60], "archive cannot be opened"),
        (b"\xd0\xcf\x11\xe0" + b"0" * 600, "no workbook"),
    ],
    ids=["no columns", "no rows", "a bomb", "cut off", "not one"],
)
def test_a_workbook_that_cannot_be_used_is_a_sentence(data, message):
    assert len(data) < 5_000_000
    with pytest.raises(ImportFailure, match=message):
        read(data, "a.xlsx")


@pytest.mark.parametrize(
    "text",
    [
        "# My answers\n\n## Who are you?\n\nAda.\n\nTruly.\n\n## And why?\nBecause.",
        "**Who are you?**\nAda.\n\nTruly.\n**And why?**\nBecause.",
        "1. **Who are you?**\n\nAda.\n\nTruly.\n\n2. **And why?**\n\nBecause.\n",
        "Q: Who are you?\nA: Ada.\n\nTruly.\n\nQ: And why?\nA: Because.",
        "**Q: Who are you?**\n**A:** Ada.\n\nTruly.\n**Q:** And why?\nA: Because.",
        "Вопрос 1: Who are you?\r\nОтвет: Ada.\r\n\r\nTruly.\r\nВопрос 2: And why?\r\nОтвет: Because.",
    ],
)
def test_written_lists(text):
    assert [(q, a) for _line, q, a in found(text, "a.md")] == [
        ("Who are you?", "Ada.\n\nTruly."),
        ("And why?", "Because."),
    ]


def test_a_question_of_a_written_list_without_an_answer_is_kept_as_empty():
    assert found("## Who?\n## Why?\nSo.") == [(1, "Who?", ""), (2, "Why?", "So.")]


ANDROID = (
    "12/03/2024, 10:15 - Messages are encrypted.\n"
    "12/03/2024, 10:15 - Ben: Where do you live now?\n"
    "12/03/2024, 10:16 - Ada: In Ghent, still,\nbehind the fish market\n"
    "12/03/2024, 10:17 - Ben: ok?\n"
    "12/03/2024, 10:18 - Ada: <Media omitted>\n"
    "12/03/2024, 10:18 - Ada: yes\n"
    "12/03/2024, 22:00 - Ben: And why there?\n"
    "13/03/2024, 08:00 - Ada: I forgot to answer you\n"
)
IOS = "[12.03.24, 10:15:22] Ben: Where do you live now?\n\u200e[12.03.24, 10:16:01] Ada: In Ghent, still\n"


def test_whatsapp_gives_what_somebody_was_asked_and_said_the_same_day():
    assert found(ANDROID, person="ada") == [(3, "Where do you live now?", "In Ghent, still,\nbehind the fish market")]
    assert found(IOS, person="Ada") == [(2, "Where do you live now?", "In Ghent, still")]


def telegram(*messages):
    rows = [{"type": "message", "date": f"2024-03-12T10:{i:02}:00", **m} for i, m in enumerate(messages)]
    return {"name": "Ben", "type": "personal_chat", "messages": rows}


DIALOGUE = (
    {"from": "Ben", "text": ["Where is ", {"type": "bold", "text": "home"}, "?"]},
    {"from": "Ben", "text": "I forgot"},
    {"from": "Ada", "text": "Den Helder, at the sea"},
    {"from": None, "text": "deleted"},
)


@pytest.mark.parametrize("whole", [telegram(*DIALOGUE), {"chats": {"list": [telegram(*DIALOGUE), {"messages": []}]}}])
def test_telegram_is_read_as_one_chat_or_all(whole):
    data = json.dumps(whole)
    assert found(data, "result.json", "Ada") == [(3, "Where is home? I forgot", "Den Helder, at the sea")]


@pytest.mark.parametrize("data", [ANDROID, json.dumps(telegram(*DIALOGUE))])
@pytest.mark.parametrize("person", ["", "Zoe"])
def test_a_chat_asks_who_answers(data, person):
    with pytest.raises(PersonNeeded) as needed:
        read(data.encode(), "a.txt", person)
    assert set(needed.value.people) == {"Ada", "Ben"}


def test_a_chat_without_questions_says_so():
    with pytest.raises(ImportFailure, match="no questions and answers"):
        read(IOS.replace("?", ".").encode(), "a.txt", "Ada")
