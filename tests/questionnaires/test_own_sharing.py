"""A questionnaire as a file: out without answers, in again whole or not at all."""

import io
import json

import pytest
import yaml
from django.urls import reverse

from questionnaires import own_questionnaires, services
from questionnaires.models import Answer, Question, Questionnaire, Topic
from questionnaires.services import Refused
from questionnaires.shared_files import questionnaire_read, questionnaire_write
from questionnaires.sharing import questionnaire_bring

FILE = {
    "persona_questionnaire": 1,
    "slug": "kitchen",
    "version": 3,
    "title": {"en": "Kitchen", "ru": "Кухня"},
    "purpose": "For Sundays.",
    "questions": [
        "Which tea?",
        {"text": "Who cooked?", "hint": "The smell."},
        {
            "slug": "tea-0",
            "texts": {"en": {"text": "Who burnt it?"}, "ru": {"text": "Кто сжёг?", "wordings": ["Кто?"]}},
        },
    ],
}


@pytest.fixture
def tea(db):
    topic = Topic.objects.create(slug="tea", title={"en": "Tea"})
    texts = {"en": {"text": "Which tea do you drink?", "wordings": ["Which tea?"]}}
    return Question.objects.create(slug="tea-0", topic=topic, texts=texts)


def file_of(**changes) -> bytes:
    return json.dumps(FILE | changes).encode()


def bring(persona, data, **more):
    return questionnaire_bring(persona=persona, data=data, **more)


def texts_of(questionnaire):
    return [item.question.text for item in questionnaire.items.select_related("question")]


def test_a_dry_run_counts_and_changes_nothing(persona, tea):
    report = bring(persona, file_of(), dry_run=True)
    assert (len(report.known), report.new) == (1, ["Who cooked?", "Who burnt it?"])
    assert not Questionnaire.objects.exists()
    assert not persona.own_questions.exists()


def test_what_the_bank_asks_already_is_recognised_by_its_wording_and_not_by_a_slug(persona, tea):
    made = bring(persona, file_of()).questionnaire
    assert texts_of(made) == ["Which tea do you drink?", "Who cooked?", "Who burnt it?"]
    assert (made.persona, made.version, str(made), made.line) == (persona, 3, "Kitchen", "For Sundays.")
    assert persona.own_questions.get(texts__en__text="Who cooked?").hint == "The smell."


def test_the_same_file_again_changes_nothing(persona, tea):
    made = bring(persona, file_of()).questionnaire
    again = bring(persona, file_of())
    assert again.is_same
    assert again.questionnaire == made
    assert persona.own_questions.count() == 2
    assert Questionnaire.objects.count() == 1


def test_a_newer_file_takes_the_place_of_the_older_and_keeps_questions_and_answers(persona, tea):
    made = bring(persona, file_of()).questionnaire
    cooked = persona.own_questions.get(texts__en__text="Who cooked?")
    services.answer_save(persona=persona, question=cooked, text="Nobody.", base_revision=0, operation_id="a")
    report = bring(persona, file_of(version=4, questions=["Who burnt it?", "Who ate it?"]), dry_run=True)
    assert (report.stored_version, report.is_same) == (3, False)
    bring(persona, file_of(version=4, questions=["Who burnt it?", "Who ate it?"]))
    made.refresh_from_db()
    assert (texts_of(made), made.version) == (["Who burnt it?", "Who ate it?"], 4)
    assert Answer.objects.get(question=cooked).text == "Nobody."


@pytest.mark.parametrize("file_format", ["yaml", "json"])
def test_out_and_in_again_is_the_same_for_somebody_else(persona, owner, tea, file_format):
    made = bring(persona, file_of()).questionnaire
    own_questionnaires.item_move(questionnaire=made, slug="tea-0", places=1)
    written = questionnaire_write(made, file_format)
    other = services.persona_create(owner=owner, name="Ben")
    theirs = bring(other, written.encode()).questionnaire
    assert questionnaire_write(theirs, file_format) == written
    assert bring(persona, written.encode()).is_same


def test_the_file_holds_texts_and_no_answers(visitor, persona, tea):
    made = bring(persona, file_of()).questionnaire
    for item in made.items.all():
        save = {"text": "Canary 7431.", "base_revision": 0, "operation_id": "a"}
        services.answer_save(persona=persona, question=item.question, **save)
    for file_format, load in (("yaml", yaml.safe_load), ("json", json.loads)):
        reply = visitor.get(reverse("questionnaire_file", args=[persona.pk, made.pk, file_format]))
        assert f'filename="kitchen.{file_format}"' in reply["Content-Disposition"]
        content = load(reply.content)
        assert [set(question) for question in content["questions"]] == [{"slug", "texts"}, {"texts"}, {"texts"}]
        assert "7431" not in reply.content.decode()
    assert visitor.get(reverse("questionnaire_file", args=[persona.pk, made.pk, "pdf"])).status_code == 404


def test_hand_written_yaml_is_enough(persona, tea):
    made = bring(persona, b"slug: short\ntitle: Short\nquestions:\n  - What is for dinner?\n").questionnaire
    assert texts_of(made) == ["What is for dinner?"]


def test_a_question_asked_twice_counts_once(persona, tea):
    report = bring(persona, file_of(questions=["Who cooked?", "who cooked", "Which tea?", "Which tea do you drink?"]))
    assert (report.repeated, len(texts_of(report.questionnaire))) == (2, 2)


def yaml_of(text: str) -> bytes:
    return f"slug: a\ntitle: A\n{text}".encode()


@pytest.mark.parametrize(
    ("data", "sentence"),
    [
        (b"", "The file is empty."),
        (b"[1, 2]", "no list “questions”"),
        (b"just a text", "no list “questions”"),
        (b"questions: 5", "no list “questions”"),
        (b'{"slug": "a",\n"questions": [}', "Line 2: this is neither JSON nor YAML"),
        (b"slug: a\nquestions:\n  - 'open", "Line 3: this is neither JSON nor YAML"),
        (b"slug: a\x07\nquestions: []", "neither JSON nor YAML"),
        (b'{"a":' * 50_000, "neither JSON nor YAML"),
        (b"[" * 50_000, "no such depth"),
        (b"slug: a\nx: &a [1]\nquestions: [*a, *a]", "Line 3: a questionnaire has no aliases"),
        (b"!!python/object/apply:os.system ['true']", "neither JSON nor YAML"),
        (file_of(slug="Кухня"), "needs a “slug”"),
        (file_of(slug="../../etc"), "needs a “slug”"),
        (file_of(version="three"), "“version” is no whole number"),
        (file_of(version=True), "“version” is no whole number"),
        (file_of(persona_questionnaire=2), "newer version of this program"),
        (file_of(title=""), "needs a name"),
        (file_of(title=7), "“title” is no text"),
        (file_of(title={"english": "Kitchen"}), "“title” is no text"),
        (file_of(title="x" * 81), "longer than 80 characters"),
        (file_of(questions=[]), "1 to 1,000 questions; this file has 0"),
        (file_of(questions=["Why?"] * 1001), "this file has 1001"),
        (file_of(questions=["Why?", 5]), "Question 2: it is neither"),
        (file_of(questions=["Why?", {"texts": {}}]), "Question 2: its “texts”"),
        (file_of(questions=["Why?", {"texts": {"en": "Why?"}}]), "Question 2: it has no “text”"),
        (file_of(questions=["Why?", {"text": " "}]), "Question 2: The question is empty"),
        (file_of(questions=["Why?", {"text": "x" * 501}]), "Question 2: The question is longer"),
        (file_of(questions=["Why?", {"text": "When?", "wordings": "Then"}]), "Question 2: it has no “text”, or"),
        (b"x" * 5_000_001, "larger than 5 MB"),
    ],
)
def test_what_cannot_be_read_is_refused_with_the_place_and_changes_nothing(persona, data, sentence):
    with pytest.raises(Refused) as refused:
        bring(persona, data)
    assert sentence in str(refused.value)
    assert not Questionnaire.objects.exists()
    assert not persona.own_questions.exists()


def test_line_ends_marks_and_encodings_of_other_programs_are_read(persona):
    text = yaml_of("questions:\n  - Что на ужин?\n").decode()
    for data in (text.encode("utf-8-sig"), text.replace("\n", "\r\n").encode(), text.encode("utf-16")):
        assert questionnaire_read(data, "ru").questions[0].texts["ru"]["text"] == "Что на ужин?"


def test_the_page_shows_what_is_in_the_file_and_then_brings_it_in(visitor, persona, tea):
    upload = io.BytesIO(file_of())
    upload.name = "kitchen.json"
    page = visitor.post(reverse("questionnaire_bring", args=[persona.pk]), {"file": upload})
    assert "kitchen.json, version 3. Nothing has been changed yet." in page.content.decode()
    assert not Questionnaire.objects.exists()
    confirm = reverse("questionnaire_bring_confirm", args=[persona.pk, page.context["upload_id"]])
    done = visitor.post(confirm, follow=True)
    assert "“Kitchen” is yours, with 3 questions." in done.content.decode()
    assert "is gone" in visitor.post(confirm, follow=True).content.decode()


def test_a_file_that_cannot_be_read_is_a_sentence_on_the_page(visitor, persona):
    upload = io.BytesIO(b"questions: 5")
    upload.name = "broken.yaml"
    page = visitor.post(reverse("questionnaire_bring", args=[persona.pk]), {"file": upload})
    assert page.status_code == 400
    assert "broken.yaml: The file is no questionnaire" in page.content.decode()
    none = visitor.post(reverse("questionnaire_bring", args=[persona.pk]))
    assert "Choose a file first." in none.content.decode()
