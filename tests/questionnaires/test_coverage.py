"""What is told and what is not, and what to ask next."""

import uuid

import pytest
from django.urls import reverse

from questionnaires import services
from questionnaires.bank import bank_load
from questionnaires.coverage import INNER, OUTER, coverage_get
from questionnaires.models import Question
from questionnaires.next_best import question_best


@pytest.fixture
def bank(db):
    bank_load()


def save(persona, slug_start, words, count=1):
    taken = persona.answers.values("question")
    for question in Question.objects.filter(slug__startswith=slug_start).exclude(pk__in=taken)[:count]:
        services.answer_save(
            persona=persona, question=question, text="word " * words, base_revision=0, operation_id=uuid.uuid4().hex
        )


def best(persona):
    return question_best(persona=persona, progress=services.progress_get(persona=persona))


def test_a_petal_grows_with_words_and_darkens_with_detail(persona, bank):
    save(persona, "childhood", 10)
    save(persona, "family", 300)
    petals = {petal.title: petal for petal in coverage_get(persona=persona)}
    assert len(petals) == 20
    assert [petals[t].depth for t in ("Food", "Childhood", "Family")] == [0, 1, 4]
    assert petals["Family"].mean_words == petals["Family"].words == 300
    lengths = {title: reach(petal) for title, petal in petals.items()}
    assert INNER < lengths["Food"] < lengths["Childhood"] < lengths["Family"] < OUTER


def reach(petal) -> float:
    x, y = map(float, petal.path.split("Q")[1].split()[2:4])
    return (x * x + y * y) ** 0.5


def test_the_best_question_is_of_a_topic_that_is_not_told(persona, bank):
    topics = [topic.topic.slug for topic in services.progress_get(persona=persona).topics]
    for slug in topics[:-1]:
        save(persona, slug, 40)
    assert best(persona).question.topic_id == topics[-1]
    assert best(persona).reason.startswith("Nothing is told yet")


def test_where_a_report_found_the_portrait_least_alike_comes_before_fewest_answers(persona, bank):
    topics = [topic.topic.slug for topic in services.progress_get(persona=persona).topics]
    for slug in topics:
        save(persona, slug, 40, 1 if slug == "food" else 2)
    assert best(persona).question.topic_id == "food"
    persona.topic_agreement = {"work": 0.2, "family": 0.4, "love": 0.9}
    assert best(persona).question.topic_id == "work"
    assert best(persona).reason == "Your portrait is least like you on: Work."
    persona.topic_agreement = {"love": 0.9}
    assert best(persona).question.topic_id == "food"


def test_then_of_a_topic_told_in_few_words_and_then_of_the_one_with_fewest_answers(persona, bank):
    topics = [topic.topic.slug for topic in services.progress_get(persona=persona).topics]
    for slug in topics:
        save(persona, slug, 3 if slug == "food" else 40, 2)
    assert best(persona).question.topic_id == "food"
    assert "short" in best(persona).reason
    save(persona, "food", 200)
    for slug in topics:
        if slug != "work":
            save(persona, slug, 40, 2)
    assert best(persona).question.topic_id == "work"


def test_where_all_is_answered_nothing_is_suggested(persona):
    assert best(persona) is None


def test_the_map_is_a_page(visitor, persona, bank):
    save(persona, "family", 30)
    page = visitor.get(reverse("coverage", args=[persona.pk])).content.decode()
    assert page.count('class="petal') == 20
    russian = visitor.get(reverse("coverage", args=[persona.pk]), headers={"accept-language": "ru"}).content.decode()
    assert 'x="0.0"' in russian
