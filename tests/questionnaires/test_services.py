"""Saving: nothing that was acknowledged is lost, nothing is stored twice."""

import hashlib

import pytest
from hypothesis import HealthCheck, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from questionnaires import services
from questionnaires.models import Answer, AnswerRevision, Question
from questionnaires.services import Refused


@pytest.fixture
def question(persona):
    return services.question_create(persona=persona, text="What do you count?")


def save(persona, question, text, base=0, operation="a", **more):
    return services.answer_save(
        persona=persona, question=question, text=text, base_revision=base, operation_id=operation, **more
    )


def test_a_saved_text_is_acknowledged_with_its_hash(persona, question):
    result = save(persona, question, "Cars on the ramp.")
    assert (result.outcome, result.revision, result.state) == ("saved", 1, "answered")
    assert result.sha256 == hashlib.sha256(b"Cars on the ramp.").hexdigest()


def test_a_repeated_operation_gets_its_first_reply_and_stores_nothing(persona, question):
    first = save(persona, question, "One.", operation="same")
    save(persona, question, "Two.", base=1, operation="other")
    again = save(persona, question, "One.", operation="same")
    assert (again.outcome, again.revision, again.text) == (first.outcome, first.revision, first.text)
    assert Answer.objects.get(question=question).text == "Two."
    assert AnswerRevision.objects.count() == 2


def test_a_text_from_an_older_revision_is_kept_as_a_conflict(persona, question):
    save(persona, question, "From the laptop.", operation="a")
    result = save(persona, question, "From the phone.", base=0, operation="b")
    assert (result.outcome, result.text, result.yours) == ("conflict", "From the laptop.", "From the phone.")
    assert AnswerRevision.objects.get(conflict=True).text == "From the phone."
    assert Answer.objects.get(question=question).text == "From the laptop."
    assert save(persona, question, "From the phone.", base=0, operation="b").outcome == "conflict"
    assert AnswerRevision.objects.filter(conflict=True).count() == 1


def test_the_same_text_from_an_older_revision_is_no_conflict(persona, question):
    save(persona, question, "Same.", operation="a")
    assert save(persona, question, "Same.", base=0, operation="b").outcome == "unchanged"


def test_a_mark_keeps_the_text(persona, question):
    save(persona, question, "A draft.", operation="a")
    result = save(persona, question, "A draft.", base=1, operation="b", state="refused")
    assert (result.state, result.text) == ("refused", "A draft.")
    assert services.dataset_build(persona=persona) == []


def test_an_emptied_answer_is_open_again_and_its_text_stays_in_the_history(persona, question):
    save(persona, question, "Something.", operation="a")
    assert save(persona, question, "  ", base=1, operation="b").state == "open"
    assert list(AnswerRevision.objects.values_list("text", flat=True)) == ["Something.", "  "]


@pytest.mark.parametrize(
    ("values", "status"),
    [
        ({"text": "x" * 100_001}, 413),
        ({"text": "я" * 50_001}, 413),
        ({"operation": ""}, 400),
        ({"operation": "o" * 65}, 400),
        ({"state": "burnt"}, 400),
    ],
)
def test_what_cannot_be_saved_is_refused_with_a_sentence(persona, question, values, status):
    with pytest.raises(Refused) as refused:
        save(persona, question, **({"text": "x"} | values))
    assert refused.value.status == status
    assert str(refused.value).endswith(".")
    assert not Answer.objects.exists()


@hypothesis_settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(text=st.text(st.characters() | st.sampled_from("\x00\ud800\udfff\u2028\u0085\u202e#>")))
def test_any_text_comes_back_as_it_was_acknowledged(persona, question, text):
    Answer.objects.all().delete()
    result = save(persona, question, text)
    stored = Answer.objects.get(question=question)
    assert stored.text == (result.text if stored.revision else "")
    assert "\x00" not in stored.text


def test_the_data_set_speaks_the_personas_language(persona, question):
    bank = Question.objects.create(
        slug="home",
        texts={
            "en": {"text": "Where is home?", "wordings": ["Which town?"]},
            "ru": {"text": "Где ваш дом?", "wordings": ["Какой город?"]},
        },
    )
    save(persona, bank, " Ghent. ")
    (item,) = services.dataset_build(persona=persona)
    assert (item.question, item.answer, item.wordings) == ("Where is home?", "Ghent.", ("Which town?",))
    persona.language = "ru"
    (item,) = services.dataset_build(persona=persona)
    assert item.question == "Где ваш дом?"


def test_one_resumes_where_one_left(persona):
    first, second, third = (services.question_create(persona=persona, text=f"Question {n}?") for n in range(3))
    save(persona, first, "x")
    assert services.question_next(persona=persona, progress=services.progress_get(persona=persona)) == second
    persona.current_question = third
    assert services.question_next(persona=persona, progress=services.progress_get(persona=persona)) == third
    save(persona, third, "x")
    assert services.question_next(persona=persona, progress=services.progress_get(persona=persona)) == second


def test_the_four_silences_are_kept_apart(persona):
    questions = [services.question_create(persona=persona, text=f"Question {n}?") for n in range(4)]
    for asked, state in zip(questions, ["skipped", "refused", "later"], strict=False):
        save(persona, asked, "", state=state)
    progress = services.progress_get(persona=persona)
    states = [state for _question, state in progress.topics[0].questions]
    assert states == ["skipped", "refused", "later", "open"]
    assert progress.answered == 0


@pytest.mark.parametrize(("text", "found"), [("ada", True), ("AD", True), ("", False), ("Bob", False)])
def test_a_persona_is_found_by_its_name_or_its_beginning(persona, owner, text, found):
    if found:
        assert services.persona_find(owner=owner, text=text) == persona
    else:
        with pytest.raises(Refused, match="There are: Ada"):
            services.persona_find(owner=owner, text=text)


def test_a_strangers_persona_is_not_found(persona, stranger):
    with pytest.raises(Refused, match="none yet"):
        services.persona_find(owner=stranger, text=str(persona.pk))
