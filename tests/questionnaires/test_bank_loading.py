"""What loading the question bank does to questions, questionnaires and answers."""

import re
import shutil
from pathlib import Path

import pytest
from django.urls import reverse

from questionnaires import bank
from questionnaires.models import Answer, Persona, Question, QuestionnaireItem

ORDERS = {entry["slug"]: entry["questions"] for entry in bank.questionnaires_read()}


@pytest.fixture
def data(db, tmp_path: Path, monkeypatch) -> Path:
    """A copy of the bank, loaded, that a test may change."""
    copy = tmp_path / "data"
    shutil.copytree(bank.DATA, copy)
    monkeypatch.setattr(bank, "DATA", copy)
    bank.bank_load()
    return copy


@pytest.fixture
def persona(stranger) -> Persona:
    """Not the site's owner, who is greeted with a demo persona that answers questions, too."""
    return Persona.objects.create(owner=stranger, name="Ada", language="en")


def replace(data: Path, name: str, old: str, new: str) -> None:
    path = data / name
    text = path.read_text("utf-8")
    assert old in text
    path.write_text(text.replace(old, new), "utf-8")


def remove(data: Path, slug: str) -> None:
    """Takes a question out of 01-who-i-am and of each questionnaire."""
    path = data / "topics" / "01-who-i-am.yaml"
    text, removed = re.subn(rf"  - slug: {slug}\n(?:    .*\n)+", "", path.read_text("utf-8"))
    assert removed == 1
    path.write_text(text, "utf-8")
    for questionnaire, order in ORDERS.items():
        if slug in order:
            replace(data, f"{questionnaire}.yaml", f"  - {slug}\n", "")


def answer(persona, slug: str) -> Answer:
    question = Question.objects.get(slug=slug)
    return Answer.objects.create(
        owner=persona.owner, persona=persona, question=question, text="Ada.", state=Answer.State.ANSWERED, revision=1
    )


def test_a_second_load_changes_nothing(data):
    keys = dict(Question.objects.values_list("slug", "pk"))
    items = list(QuestionnaireItem.objects.values_list("pk", "question_id", "position"))
    assert bank.bank_load() == bank.Loaded(0, 0, 0, 0)
    assert dict(Question.objects.values_list("slug", "pk")) == keys
    assert list(QuestionnaireItem.objects.values_list("pk", "question_id", "position")) == items


def test_the_first_load_brings_each_questionnaire_in_order(data):
    for slug, order in ORDERS.items():
        items = QuestionnaireItem.objects.filter(questionnaire=slug)
        assert list(items.values_list("question__slug", flat=True)) == order


def test_a_changed_text_updates_the_question_and_keeps_the_answer(data, persona):
    kept = answer(persona, "who-i-am-name")
    replace(data, "topics/01-who-i-am.yaml", "What are you called?", "What do they call you?")
    assert bank.bank_load() == bank.Loaded(added=0, changed=1, retired=0, deleted=0)
    kept.refresh_from_db()
    assert kept.text == "Ada."
    assert "What do they call you?" in kept.question.texts["en"]["wordings"]


def test_a_vanished_question_with_an_answer_is_retired_and_can_return(data, persona, tmp_path):
    shutil.copytree(data, tmp_path / "before")
    kept = answer(persona, "who-i-am-name")
    remove(data, "who-i-am-name")
    loaded = bank.bank_load()
    assert (loaded.retired, loaded.deleted) == (1, 0)
    kept.refresh_from_db()
    assert kept.text == "Ada." and kept.question.retired
    assert QuestionnaireItem.objects.filter(questionnaire="know-me-200").count() == 199
    assert bank.bank_load().retired == 0
    shutil.copytree(tmp_path / "before", data, dirs_exist_ok=True)
    bank.bank_load()
    assert not Question.objects.get(slug="who-i-am-name").retired


def test_a_vanished_question_without_an_answer_is_deleted(data, persona):
    remove(data, "who-i-am-name")
    loaded = bank.bank_load()
    assert (loaded.retired, loaded.deleted) == (0, 1)
    assert not Question.objects.filter(slug="who-i-am-name").exists()


def test_own_questions_survive_a_load(data, persona):
    own = Question.objects.create(slug="own-1", persona=persona, texts={"en": {"text": "Why?", "wordings": []}})
    assert bank.bank_load() == bank.Loaded(0, 0, 0, 0)
    assert Question.objects.filter(pk=own.pk, retired=False).exists()


def test_a_question_is_answered_once_wherever_it_appears(data, persona):
    shared = Question.objects.get(slug="feelings-and-fears-gratitude")
    items = QuestionnaireItem.objects.filter(question=shared)
    assert set(items.values_list("questionnaire", flat=True)) == {"know-a-person-100", "values-60"}
    kept = answer(persona, shared.slug)
    assert {answered for item in items for answered in item.question.answers.all()} == {kept}


def test_a_question_that_leaves_a_questionnaire_keeps_its_answer(data, persona):
    kept = answer(persona, "who-i-am-compliment")
    replace(data, "friends-50.yaml", "  - who-i-am-compliment\n", "")
    assert bank.bank_load() == bank.Loaded(0, 0, 0, 0)
    kept.refresh_from_db()
    assert (kept.text, kept.question.retired) == ("Ada.", False)
    assert QuestionnaireItem.objects.filter(questionnaire="friends-50").count() == 49


def test_an_order_that_asks_what_is_not_there_is_refused_and_nothing_changes(data):
    replace(data, "values-60.yaml", "  - right-and-wrong-admire\n", "  - right-and-wrong-admyre\n")
    replace(data, "topics/01-who-i-am.yaml", "What are you called?", "What do they call you?")
    with pytest.raises(bank.UnknownQuestion, match=r"values-60\.yaml asks “right-and-wrong-admyre”"):
        bank.bank_load()
    texts = Question.objects.get(slug="who-i-am-name").texts
    assert "What are you called?" in texts["en"]["wordings"]


def test_a_question_outside_the_default_questionnaire_opens_and_saves(data, persona, client_of):
    outside = Question.objects.get(slug="who-i-am-compliment")
    address = reverse("question", args=[persona.pk, outside.slug])
    client = client_of(persona.owner)
    assert outside.texts["en"]["text"] in client.get(address).content.decode()
    sent = {"text": "That I listen.", "revision": 0, "operation": "a", "action": "next"}
    assert client.post(address, sent).status_code == 302
    assert Answer.objects.get(persona=persona, question=outside).text == "That I listen."
    for page in ("write", "data"):
        assert client.get(reverse(page, args=[persona.pk]), follow=True).status_code == 200
