"""The demo persona: its texts, and that it is made once, stays as it is and can be deleted."""

import re

import pytest
import yaml

from questionnaires.bank import DATA, bank_load, questionnaires_read, topics_read
from questionnaires.demo import demo_create
from questionnaires.models import Answer, AnswerRevision, Persona, Question
from questionnaires.services import Refused, answer_save, dataset_build, persona_delete, question_create

STORY = yaml.safe_load((DATA / "demo.yaml").read_text("utf-8"))
ANSWERS = STORY["answers"]
TOPICS = {topic["slug"]: {entry["slug"] for entry in topic["questions"]} for topic in topics_read()}
(KNOW_ME,) = (entry["questions"] for entry in questionnaires_read() if entry["slug"] == "know-me-200")


@pytest.fixture
def owner(django_user_model, db):
    """Not the site's owner, who is greeted with a demo persona on first use."""
    return django_user_model.objects.create_user("host")


@pytest.fixture
def demo(owner) -> Persona:
    bank_load()
    return demo_create(owner=owner)


def test_160_questions_of_the_bank_are_answered():
    assert len(ANSWERS) == 160
    assert set(ANSWERS) <= set().union(*TOPICS.values())


def test_no_question_is_answered_twice_in_the_file():
    slugs = re.findall(r"^  ([a-z-]+): ", (DATA / "demo.yaml").read_text("utf-8"), re.M)
    assert len(slugs) == len(set(slugs)) == len(ANSWERS)


def test_the_first_70_questions_are_answered():
    assert set(KNOW_ME[:70]) <= set(ANSWERS)


def test_each_topic_is_begun_and_several_are_complete():
    asked = {topic: slugs & set(KNOW_ME) for topic, slugs in TOPICS.items()}
    answered = {topic: len(slugs & set(ANSWERS)) / len(slugs) for topic, slugs in asked.items()}
    assert min(answered.values()) >= 0.5
    assert sum(share == 1 for share in answered.values()) >= 6


@pytest.mark.parametrize("slug", ANSWERS)
def test_an_answer_has_30_to_90_words_and_no_mark_of_the_prompt(slug):
    assert 30 <= len(ANSWERS[slug].split()) <= 90
    assert "###" not in ANSWERS[slug]


def test_no_two_answers_are_the_same():
    assert len(set(ANSWERS.values())) == len(ANSWERS)


def test_the_owner_gets_all_answers(demo, owner):
    assert demo.owner == owner and demo.is_demo and demo.name == STORY["name"]
    stored = Answer.objects.filter(persona=demo, owner=owner, state=Answer.State.ANSWERED)
    assert {answer.question.slug: answer.text for answer in stored} == ANSWERS
    assert AnswerRevision.objects.filter(answer__persona=demo, owner=owner).count() == 160
    assert len(dataset_build(persona=demo)) == 160


def test_the_demo_is_made_once(demo, owner):
    assert demo_create(owner=owner) == demo
    assert Persona.objects.filter(is_demo=True).count() == 1
    assert Answer.objects.count() == 160


def test_each_owner_has_a_demo_of_their_own(demo, stranger):
    other = demo_create(owner=stranger)
    assert other != demo and other.owner == stranger
    assert set(Answer.objects.filter(persona=other).values_list("owner", flat=True)) == {stranger.pk}


def test_the_demo_cannot_be_written_to(demo):
    question = Question.objects.get(slug="who-i-am-name")
    with pytest.raises(Refused, match="read-only") as refusal:
        answer_save(persona=demo, question=question, text="Bob.", base_revision=1, operation_id="one")
    assert refusal.value.status == 403
    with pytest.raises(Refused, match="read-only"):
        question_create(persona=demo, text="What else?")
    assert Answer.objects.get(persona=demo, question=question).text == ANSWERS["who-i-am-name"]


def test_deletion_leaves_nothing_of_the_demo_and_it_can_be_made_again(demo, owner):
    persona_delete(persona=demo)
    assert not Persona.objects.filter(is_demo=True).exists()
    assert not Answer.objects.exists() and not AnswerRevision.objects.exists()
    assert Question.objects.filter(persona=None).count() == sum(map(len, TOPICS.values()))
    assert demo_create(owner=owner).answers.count() == 160
