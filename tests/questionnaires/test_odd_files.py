"""Files as programs, people and pranksters give them: each comes in whole, or is refused with line and reason."""

import io
import re
from pathlib import Path

import pytest
from django.urls import reverse

from questionnaires import services
from questionnaires.dataset.readers import MAX_BYTES, read
from questionnaires.dataset.records import ImportFailure
from questionnaires.importing import import_answers
from questionnaires.models import Answer
from questionnaires.services import Refused

FOLDER = Path(__file__).parent / "odd_files"
PEOPLE = {"whatsapp-russian.txt": "Ада"}
ADA, GHENT = ("Who are you?", "Ada."), ("Where?", "Ghent.")
WHO = ("Who?", "Ada.")
RUSSIAN = [("Кто вы?", "Я Ада, «счетовод»."), ("Где живёте?", "В Генте, у рыбного рынка.")]

WHOLE = {
    "a-list.jsonl": [WHO, GHENT],
    "bom.csv": [ADA, GHENT],
    "chat-parts.jsonl": [WHO],
    "chat.jsonl": [ADA, ADA],
    "crlf.csv": [ADA, GHENT],
    "foreign-marker.jsonl": [ADA],
    "formulas.csv": [("Who?", '=HYPERLINK("https://a.example","x")'), ("How many?", "+1")],
    "line-separator.jsonl": [("Who?", "Ada\u2028Lovelace\x85!")],
    "marker.jsonl": [ADA, ("A ->B?", "C### D.")],
    "mixed-formats.jsonl": [ADA, ADA, ("And you?", "Ben.")],
    "nested.json": [WHO],
    "nuls.csv": [("Who are you?", "Ada Lovelace")],
    "numbers.json": [("2024", "37"), ("Why?", "")],
    "old-mac.csv": [ADA, GHENT],
    "one-row.csv": [ADA],
    "semicolons.csv": [ADA, GHENT],
    "tabs.tsv": [ADA, GHENT],
    "telegram.json": [("https://a.example Where is home?", "In Ghent, still")],
    "trailing-comma.csv": [WHO, GHENT],
    "two-objects.json": [WHO, GHENT],
    "utf-16-without-bom.csv": RUSSIAN,
    "utf-16.csv": RUSSIAN,
    "whatsapp-android.txt": [("Where do you live now?", "In Ghent, still,\nbehind the fish market")],
    "whatsapp-ios.txt": [("Where do you live now?", "In Ghent, still")],
    "whatsapp-russian.txt": [("Где ты сейчас живёшь?", "В Генте, всё там же")],
    "windows-1251.csv": RUSSIAN,
    "workbook.csv": [WHO, ("When?", "1815")],
}
REFUSED = {  # the line, none where it is the whole file; and the reason
    "a-document.xlsx": (None, "no workbook"),
    "a-list-of-texts.json": (2, "an object in {...} was expected where 'Who?' stands"),
    "a-picture.csv": (1, "this is a PNG file"),
    "a-poem.txt": (1, "has to name the columns question and answer, and here it reads “Roses are red,”"),
    "answer-in-an-object.json": (1, "a text was expected where {'text': 'Ada.'} stands"),
    "bomb.xlsx": (None, "unpacks to 61 MB"),
    "chat-without-a-reply.jsonl": (2, "a message of the user and, last, one of the assistant"),
    "cut-in-a-letter.json": (1, "at character 36"),
    "deep.json": (None, "nested too deeply"),
    "doubled-headers.csv": (1, "several columns are called “answer”"),
    "empty.csv": (None, "the file is empty"),
    "header-alone.csv": (None, "no questions and answers"),
    "more-cells.csv": (2, "3 cells under 2 columns"),
    "nuls-alone.csv": (1, "this is no text"),
    "only-a-bom.csv": (None, "the file is empty"),
    "only-spaces.txt": (None, "the file is empty"),
    "other-columns.csv": (1, "here it reads “name,age”"),
    "python-list.jsonl": (2, "double quotes"),
    "quote-inside.csv": (2, "A quote inside a text is written twice"),
    "single-quotes.json": (1, "JSON needs double quotes"),
    "ten-thousand-and-one.csv": (10_002, "more than 10000 rows"),
    "trailing-comma.json": (3, "a comma after the last element"),
    "trailing-commas.jsonl": (1, "without a comma after it"),
    "unclosed-quote.csv": (3, "A quote inside a text is written twice"),
}


def content(name) -> bytes:
    return (FOLDER / name).read_bytes()


def person(name) -> str:
    return PEOPLE.get(name, "Ada")


def test_what_must_come_of_each_file_is_said():
    names = {file.name for file in FOLDER.iterdir() if file.is_file() and file.suffix != ".py"}
    assert names == set(WHOLE) | set(REFUSED)
    assert len(names) >= 40


@pytest.mark.parametrize("name", WHOLE)
def test_it_comes_in_whole(name, persona):
    assert [(item.question, item.answer) for item in read(content(name), name, person(name))] == WHOLE[name]
    told = {question: answer for question, answer in WHOLE[name] if answer}
    report = import_answers(persona=persona, data=content(name), filename=name, person=person(name))
    assert report.stored == len(told)
    assert {item.question: item.answer for item in services.dataset_build(persona=persona)} == told


@pytest.mark.parametrize("name", REFUSED)
def test_it_is_refused_with_the_line_and_the_reason(name, persona):
    line, reason = REFUSED[name]
    with pytest.raises((ImportFailure, Refused), match=re.escape(reason)) as refused:
        import_answers(persona=persona, data=content(name), filename=name, person=person(name))
    assert refused.value.line == line
    assert not Answer.objects.exists()


@pytest.mark.parametrize("name", ["marker.jsonl", "chat.jsonl", *REFUSED])
def test_the_page_says_what_will_come_of_it(name, visitor, persona):
    response = visitor.post(reverse("import", args=[persona.pk]), {"file": io.BytesIO(content(name))})
    assert response.status_code == (200 if name in WHOLE else 400)
    assert ('role="alert"' in response.content.decode()) == (name in REFUSED)


def test_a_byte_too_many_is_refused():
    data = b"question,answer\nWho?," + b"a" * MAX_BYTES
    with pytest.raises(ImportFailure, match="at most 5 MB"):
        read(data[: MAX_BYTES + 1], "a.csv")
    assert len(read(data[:MAX_BYTES], "a.csv")) == 1
