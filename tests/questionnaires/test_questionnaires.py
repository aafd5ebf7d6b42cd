"""Several ways through the same questions."""

import uuid

import pytest
from django.urls import reverse

from questionnaires import services
from questionnaires.bank import bank_load
from questionnaires.models import Question, QuestionnaireItem
from questionnaires.search import search


@pytest.fixture
def bank(db):
    bank_load()


def first_of(slug):
    return Question.objects.get(pk=QuestionnaireItem.objects.filter(questionnaire=slug).first().question_id)


def save(persona, question):
    services.answer_save(
        persona=persona, question=question, text="Moss.", base_revision=0, operation_id=uuid.uuid4().hex
    )


def test_two_hundred_questions_are_asked_until_another_questionnaire_is_chosen(visitor, persona, bank):
    page = visitor.get(reverse("questionnaires", args=[persona.pk]))
    choices = {choice.questionnaire.pk: choice for choice in page.context["choices"]}
    assert len(choices) == 5
    assert choices["know-me-200"].is_chosen
    assert all(choice.questionnaire.line for choice in choices.values())
    visitor.post(reverse("questionnaires", args=[persona.pk]), {"questionnaire": "values-60"})
    persona.refresh_from_db()
    progress = services.progress_get(persona=persona)
    assert len(progress.order) == 60
    assert visitor.get(reverse("write", args=[persona.pk])).url.split("/")[-2] == first_of("values-60").slug


def test_an_answer_counts_wherever_its_question_stands(persona, bank):
    shared = QuestionnaireItem.objects.filter(questionnaire="values-60").values("question")
    question = Question.objects.filter(pk__in=shared, questionnaires="know-me-200").first()
    save(persona, question)
    done = {choice.questionnaire.pk: choice.answered for choice in services.questionnaires_get(persona=persona)}
    assert (done["know-me-200"], done["values-60"]) == (1, 1)


def test_what_was_answered_outside_the_questionnaire_is_still_there(persona, bank):
    outside = Question.objects.exclude(questionnaires="life-story-40").filter(persona=None).first()
    save(persona, outside)
    services.questionnaire_choose(persona=persona, slug="life-story-40")
    progress = services.progress_get(persona=persona)
    assert outside not in progress.order
    assert progress.answered == sum(topic.answered for topic in progress.topics) == 1
    assert [result.question for result in search(persona=persona, text="moss")] == [outside]
    assert [item.answer for item in services.dataset_build(persona=persona)] == ["Moss."]


def test_a_questionnaire_that_does_not_exist_is_refused(visitor, persona, bank):
    answer = visitor.post(reverse("questionnaires", args=[persona.pk]), {"questionnaire": "nothing-9"})
    assert answer.status_code == 404
    assert "no such questionnaire" in answer.content.decode()
