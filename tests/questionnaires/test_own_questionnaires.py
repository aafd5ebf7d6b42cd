"""Own questions and own questionnaires: made, ordered, deleted, and nobody else's."""

import uuid

import pytest
from django.urls import reverse

from questionnaires import own_questionnaires, services
from questionnaires.models import Answer, Question, Questionnaire, QuestionnaireItem, Topic


@pytest.fixture
def pool(db):
    topic = Topic.objects.create(slug="tea", title={"en": "Tea"})
    return [
        Question.objects.create(slug=f"tea-{n}", topic=topic, position=n, texts={"en": {"text": f"Which tea {n}?"}})
        for n in range(4)
    ]


@pytest.fixture
def made(persona, pool):
    questionnaire = own_questionnaires.questionnaire_create(persona=persona, title="Evening")
    own_questionnaires.items_add(questionnaire=questionnaire, slugs=["tea-0", "tea-1", "tea-2"])
    return questionnaire


def order(questionnaire):
    return [item.question.slug for item in questionnaire.items.select_related("question")]


def ask(persona, text="What do you count?"):
    return services.question_create(persona=persona, text=text)


def at(name, persona, *more):
    return reverse(name, args=[persona.pk, *more])


def test_a_questionnaire_is_made_named_filled_and_asked(visitor, persona, pool):
    made = visitor.post(at("questionnaire_new", persona), {"title": " Evening  tea ", "purpose": "For two."})
    questionnaire = Questionnaire.objects.get(persona=persona)
    assert made.url == at("questionnaire", persona, questionnaire.pk)
    assert (str(questionnaire), questionnaire.line) == ("Evening tea", "For two.")
    visitor.post(at("questionnaire_add", persona, questionnaire.pk), {"question": ["tea-2", "tea-1"], "text": "And?"})
    assert order(questionnaire)[:2] == ["tea-1", "tea-2"]
    visitor.post(at("questionnaires", persona), {"questionnaire": questionnaire.pk})
    persona.refresh_from_db()
    asked = services.progress_get(persona=persona).order
    assert [question.text for question in asked] == ["Which tea 1?", "Which tea 2?", "And?"]


def test_a_copy_has_the_same_questions_and_leaves_the_first_alone(persona, made):
    copy = own_questionnaires.questionnaire_create(persona=persona, title="Again", copy_of=made.pk)
    own_questionnaires.item_remove(questionnaire=copy, slug="tea-1")
    assert order(copy) == ["tea-0", "tea-2"]
    assert order(made) == ["tea-0", "tea-1", "tea-2"]


@pytest.mark.parametrize(
    ("move", "expected"),
    [
        ("up tea-2", ["tea-0", "tea-2", "tea-1"]),
        ("down tea-0", ["tea-1", "tea-0", "tea-2"]),
        ("up tea-0", ["tea-0", "tea-1", "tea-2"]),
        ("down tea-2", ["tea-0", "tea-1", "tea-2"]),
        ("out tea-1", ["tea-0", "tea-2"]),
        ("sideways tea-1", ["tea-0", "tea-1", "tea-2"]),
    ],
)
def test_buttons_change_the_order(visitor, persona, made, move, expected):
    version = made.version
    page = visitor.post(at("questionnaire_order", persona, made.pk), {"move": move}, follow=True)
    assert page.status_code == 200
    assert order(made) == expected
    made.refresh_from_db()
    assert (made.version > version) == (expected != ["tea-0", "tea-1", "tea-2"])


def test_the_moved_row_keeps_the_focus_on_its_button(visitor, persona, made):
    page = visitor.post(at("questionnaire_order", persona, made.pk), {"move": "down tea-0"}, follow=True)
    button = next(line for line in page.content.decode().splitlines() if 'value="down tea-0"' in line)
    assert "autofocus" in button
    assert page.content.decode().count("autofocus") == 1


def test_a_question_that_was_taken_out_is_put_back_in_its_place(visitor, persona, made):
    page = visitor.post(at("questionnaire_order", persona, made.pk), {"move": "out tea-1"}, follow=True)
    assert page.context["out"].slug == "tea-1"
    assert page.content.decode().count("autofocus") == 1
    visitor.post(at("questionnaire_add", persona, made.pk), {"question": "tea-1", "place": page.context["place"]})
    assert order(made) == ["tea-0", "tea-1", "tea-2"]


def test_a_portrait_goes_with_the_questionnaire_that_it_is_asked(persona, made):
    services.questionnaire_choose(persona=persona, slug=made.pk)
    services.persona_delete(persona=persona)
    assert not Questionnaire.objects.filter(pk=made.pk).exists()
    assert Question.objects.filter(slug="tea-0").exists()


def test_questions_for_later_come_back_when_none_is_open(persona, made):
    services.questionnaire_choose(persona=persona, slug=made.pk)
    for slug, state in (("tea-0", "skipped"), ("tea-1", "later"), ("tea-2", "refused")):
        question = Question.objects.get(slug=slug)
        assert services.question_next(persona=persona, progress=services.progress_get(persona=persona)) == question
        save = {"text": "", "base_revision": 0, "operation_id": slug, "state": state}
        services.answer_save(persona=persona, question=question, **save)
    progress = services.progress_get(persona=persona)
    assert services.question_next(persona=persona, progress=progress).slug == "tea-1"


def test_a_name_that_is_none_is_a_sentence_and_what_was_typed_stays(visitor, persona, made):
    page = visitor.post(at("questionnaire", persona, made.pk), {"title": " ", "purpose": "For two."})
    assert page.status_code == 400
    assert "needs a name" in page.content.decode()
    assert 'value="For two."' in page.content.decode()
    long = visitor.post(at("questionnaire_new", persona), {"title": "x" * 81})
    assert "longer than 80 characters" in long.content.decode()


def test_deleting_a_questionnaire_leaves_questions_and_answers_and_asks_the_first_one_again(visitor, persona, made):
    question = made.items.first().question
    services.answer_save(persona=persona, question=question, text="Green.", base_revision=0, operation_id="a")
    services.questionnaire_choose(persona=persona, slug=made.pk)
    visitor.post(at("questionnaire_delete", persona, made.pk))
    persona.refresh_from_db()
    assert persona.questionnaire is None
    assert Answer.objects.get(question=question).text == "Green."
    assert not QuestionnaireItem.objects.filter(questionnaire=made.pk).exists()


def test_an_empty_questionnaire_is_not_asked(visitor, persona):
    made = own_questionnaires.questionnaire_create(persona=persona, title="Nothing")
    answer = visitor.post(at("questionnaires", persona), {"questionnaire": made.pk})
    assert answer.status_code == 400
    assert "has no questions yet" in answer.content.decode()


def test_a_questionnaire_that_was_emptied_while_it_was_asked_leads_to_the_list(visitor, persona, made):
    services.questionnaire_choose(persona=persona, slug=made.pk)
    for slug in order(made):
        own_questionnaires.item_remove(questionnaire=made, slug=slug)
    page = visitor.get(at("write", persona), follow=True)
    assert page.redirect_chain[-1][0] == at("questionnaires", persona)
    assert "has no questions any more" in page.content.decode()


def test_an_own_question_of_another_questionnaire_is_not_asked_in_this_one(persona, made):
    other = own_questionnaires.questionnaire_create(persona=persona, title="Other")
    inside, loose = ask(persona, "Inside?"), ask(persona, "Loose?")
    own_questionnaires.items_add(questionnaire=other, slugs=[inside.slug])
    services.questionnaire_choose(persona=persona, slug=made.pk)
    asked = services.progress_get(persona=persona).order
    assert loose in asked
    assert inside not in asked
    services.questionnaire_choose(persona=persona, slug=other.pk)
    asked = [question.text for question in services.progress_get(persona=persona).order]
    assert asked == ["Inside?", "Loose?"]


def test_an_own_question_is_worded_anew_and_keeps_its_answer(visitor, persona):
    question = ask(persona)
    services.answer_save(persona=persona, question=question, text="Cars.", base_revision=0, operation_id="a")
    visitor.post(at("question_edit", persona, question.slug), {"text": "What do you still count?"})
    question.refresh_from_db()
    assert question.text == "What do you still count?"
    assert [item.question for item in services.dataset_build(persona=persona)] == ["What do you still count?"]
    empty = visitor.post(at("question_edit", persona, question.slug), {"text": " "})
    assert empty.status_code == 400
    question.refresh_from_db()
    assert question.text == "What do you still count?"


def test_deleting_an_own_question_shows_the_answer_that_goes(visitor, persona):
    question = ask(persona)
    services.answer_save(persona=persona, question=question, text="Cars.", base_revision=0, operation_id="a")
    page = visitor.get(at("question_delete", persona, question.slug))
    assert "Cars." in page.content.decode()
    assert Question.objects.filter(pk=question.pk).exists()
    visitor.post(at("question_delete", persona, question.slug))
    assert not Question.objects.filter(pk=question.pk).exists()
    assert not Answer.objects.exists()


def test_a_question_added_after_a_deletion_comes_last(persona):
    first, second = ask(persona, "One?"), ask(persona, "Two?")
    first.delete()
    third = ask(persona, "Three?")
    assert list(persona.own_questions.all()) == [second, third]


def test_questions_of_the_bank_and_bank_questionnaires_are_nobodys_to_change(visitor, persona, pool):
    bank = Questionnaire.objects.create(slug=str(uuid.uuid4()), title={"en": "Bank"})
    assert visitor.post(at("question_edit", persona, "tea-0"), {"text": "x"}).status_code == 404
    assert visitor.post(at("question_delete", persona, "tea-0")).status_code == 404
    assert visitor.post(at("questionnaire_delete", persona, bank.pk)).status_code == 404
    with pytest.raises(services.Refused):
        own_questionnaires.items_add(questionnaire=bank, slugs=["tea-0"])
    assert not bank.items.exists()


def test_a_stranger_finds_none_of_it(stranger, client_of, persona, made):
    other = client_of(stranger)
    question = ask(persona)
    addresses = [
        at("own_questions", persona),
        at("question_edit", persona, question.slug),
        at("question_delete", persona, question.slug),
        at("questionnaire", persona, made.pk),
        at("questionnaire_delete", persona, made.pk),
        at("questionnaire_file", persona, made.pk, "yaml"),
    ]
    assert [other.get(address).status_code for address in addresses] == [404] * len(addresses)
    for name in ("questionnaire_order", "questionnaire_add"):
        assert other.post(at(name, persona, made.pk), {"move": "out tea-0"}).status_code == 404
    assert order(made) == ["tea-0", "tea-1", "tea-2"]


def test_another_portraits_questionnaire_and_questions_are_out_of_reach(visitor, owner, persona, made):
    other = services.persona_create(owner=owner, name="Ben")
    mine = ask(persona)
    assert visitor.get(at("questionnaire", other, made.pk)).status_code == 404
    assert visitor.post(at("questionnaires", other), {"questionnaire": made.pk}).status_code == 404
    theirs = own_questionnaires.questionnaire_create(persona=other, title="Theirs")
    own_questionnaires.items_add(questionnaire=theirs, slugs=[mine.slug])
    assert order(theirs) == []


def test_the_demo_persona_makes_none(visitor, persona):
    persona.is_demo = True
    persona.save()
    page = visitor.post(at("questionnaire_new", persona), {"title": "Mine"})
    assert page.status_code == 403
    assert not Questionnaire.objects.exists()
