"""What stands beside the question: follow-ups, pace, milestones, kinds of silence, the question of the week."""

from datetime import UTC, date, datetime, timedelta
from types import SimpleNamespace

import pytest
from django.urls import reverse

from questionnaires import pace, services, weekly, writing
from questionnaires.models import (
    Answer,
    AnswerRevision,
    Question,
    Questionnaire,
    QuestionnaireItem,
    Topic,
    WeeklyQuestion,
)
from questionnaires.pace import duration, seconds_an_answer

MONDAY = date(2026, 11, 23)
BEGIN = datetime(2026, 11, 23, 20, 0, tzinfo=UTC)


@pytest.fixture
def questions(db):
    """Twelve questions of two topics, asked by default."""
    topics = [Topic.objects.create(slug=slug, title={"en": slug.title()}, position=n) for n, slug in enumerate("ab")]
    texts = {"text": "What?", "follow_up": "And who was there?"}
    made = [
        Question.objects.create(slug=f"q-{n}", topic=topics[n // 11], position=n, texts={"en": texts})
        for n in range(13)
    ]
    usual = Questionnaire.objects.create(slug=services.DEFAULT_QUESTIONNAIRE, title={"en": "Usual"})
    for n, question in enumerate(made):
        QuestionnaireItem.objects.create(questionnaire=usual, question=question, position=n)
    return made


@pytest.fixture
def asked(questions):
    return questions[0]


def save(persona, question, text="Soup.", at=None, **more):
    services.answer_save(
        persona=persona, question=question, text=text, base_revision=0, operation_id=f"op-{question.pk}", **more
    )
    if at is not None:
        AnswerRevision.objects.filter(answer__question=question).update(created_at=at)


def page_of(visitor, persona, question):
    return reverse("question", args=[persona.pk, question.slug])


def post(visitor, persona, question, **fields):
    fields = {"text": "Soup.", "revision": 0, "operation": "a", "action": "follow", "follow_text": ""} | fields
    return visitor.post(page_of(visitor, persona, question), fields)


def test_an_answer_to_the_follow_up_question_joins_the_text_with_its_source(visitor, persona, asked):
    reply = post(visitor, persona, asked, follow_text="My aunt.\r\nAnd a goat. ")
    assert reply.url == page_of(visitor, persona, asked)
    answer = Answer.objects.get()
    assert (answer.text, answer.source) == ("Soup.\n\nMy aunt.\nAnd a goat.", "follow-up")
    assert list(answer.revisions.values_list("text", "source")) == [
        ("Soup.", "typed"),
        ("Soup.\n\nMy aunt.\nAnd a goat.", "follow-up"),
    ]


def test_a_form_sent_twice_adds_the_follow_up_once(visitor, persona, asked):
    for _time in range(2):
        post(visitor, persona, asked, follow_text="My aunt.")
    assert Answer.objects.get().text == "Soup.\n\nMy aunt."


def test_whichever_button_is_pressed_the_follow_up_is_kept(visitor, persona, asked, questions):
    reply = post(visitor, persona, asked, follow_text="My aunt.", action="next")
    assert reply.url == page_of(visitor, persona, questions[1])
    assert Answer.objects.get().text == "Soup.\n\nMy aunt."


def test_a_follow_up_to_an_answer_changed_elsewhere_stays_on_the_page(visitor, persona, asked):
    save(persona, asked, "Stew.")
    page = post(visitor, persona, asked, follow_text="My aunt.")
    assert page.status_code == 409
    assert ">My aunt.</textarea>" in page.content.decode()
    assert Answer.objects.get().text == "Stew."


def test_a_follow_up_that_makes_the_answer_too_long_is_refused_and_stays_on_the_page(visitor, persona, asked):
    page = post(visitor, persona, asked, text="x" * 99_990, follow_text="y" * 20)
    assert page.status_code == 413
    assert "y" * 20 in page.content.decode()
    assert Answer.objects.get().text == "x" * 99_990


@pytest.mark.parametrize(("words", "is_shown"), [(0, False), (1, True), (24, True), (25, False)])
def test_the_follow_up_question_is_asked_below_a_short_answer(visitor, persona, asked, words, is_shown):
    save(persona, asked, "soup " * words)
    context = visitor.get(page_of(visitor, persona, asked)).context
    assert (context["short"], context["followed"]) == (is_shown, False)


def test_a_follow_up_question_that_was_answered_is_not_asked_again(visitor, persona, asked):
    post(visitor, persona, asked, follow_text="My aunt.")
    page = visitor.get(page_of(visitor, persona, asked))
    assert page.context["short"]
    section = page.content.decode().split('data-part="follow"')[1].split(">")[0]
    assert "hidden" in section


def test_focus_comes_with_the_page(visitor, persona, asked):
    def body():
        return visitor.get(page_of(visitor, persona, asked)).content.decode().split("<body")[1].split(">")[0]

    assert "focus" not in body()
    visitor.cookies["focus"] = "1"
    assert "focus" in body()


def test_the_pace_is_the_median_without_breaks():
    minutes = [0, 2, 4, 6, 8, 10, 12, 14, 40, 41, 200, 202]
    assert seconds_an_answer([BEGIN + timedelta(minutes=m) for m in minutes]) == 120


def test_too_few_answers_have_no_pace():
    assert seconds_an_answer([BEGIN + timedelta(minutes=m) for m in range(8)]) is None
    assert seconds_an_answer([BEGIN + timedelta(minutes=m) for m in range(9)]) == 60
    assert seconds_an_answer([]) is None


def test_the_newest_answers_set_the_pace():
    slow = [BEGIN + timedelta(minutes=10 * n) for n in range(100)]
    quick = [slow[-1] + timedelta(minutes=n) for n in range(1, 61)]
    assert seconds_an_answer([*slow, *quick]) == 60


def test_only_what_was_typed_here_counts_for_the_pace(persona, questions):
    for n, question in enumerate(questions[:10]):
        save(persona, question, at=BEGIN + timedelta(minutes=3 * n))
    save(persona, questions[10], at=BEGIN + timedelta(minutes=28), source="imported")
    save(persona, questions[11], text="", at=BEGIN + timedelta(minutes=29), state="skipped")
    assert pace.pace_get(persona=persona) == 180


def left(answered, open_ones):
    return SimpleNamespace(
        order=[SimpleNamespace(pk=n) for n in range(answered + open_ones)],
        states=dict.fromkeys(range(answered), "answered"),
        answered=answered,
        next_milestone=next((goal for goal in services.MILESTONES if goal > answered), None),
    )


@pytest.mark.parametrize(
    ("answered", "open_ones", "sentence"),
    [
        (60, 140, "At your pace: 20 min to 70 answers, 4 h 30 min to the last question."),
        (160, 40, "At your pace: 1 h 20 min to the last question."),
        (60, 5, "At your pace: 10 min to the last question."),
        (60, 0, ""),
    ],
)
def test_minutes_left_are_told_to_the_next_mark_and_to_the_end(persona, monkeypatch, answered, open_ones, sentence):
    monkeypatch.setattr(pace, "pace_get", lambda persona: 120.0)
    assert pace.time_left(persona=persona, progress=left(answered, open_ones)) == sentence


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (5, "1 min"),
        (250, "4 min"),
        (1300, "20 min"),
        (3590, "1 h"),
        (4000, "1 h 5 min"),
        (7900, "2 h"),
        (8200, "2 h 30 min"),
    ],
)
def test_durations_read_as_people_say_them(seconds, text):
    assert duration(seconds) == text


def test_milestones_lie_on_the_line_in_their_places():
    marks = writing.milestones_get(70, 200)
    assert [mark.reached for mark in marks.marks] == [True, False]
    assert (marks.place, marks.marks[0].place, marks.marks[1].place) == (70, 70, 149)
    assert writing.milestones_get(500, 40).place == writing.milestones_get(150, 40).marks[1].place == 199


def test_the_outline_tells_the_kinds_of_silence_apart(visitor, persona, questions):
    for n, state in enumerate(("skipped", "refused", "later", "")):
        save(persona, questions[n], "Soup." if not state else "", state=state)
    page = visitor.get(page_of(visitor, persona, questions[4]))
    assert page.context["legend"] == ["open", "answered", "skipped", "refused", "later"]
    html = page.content.decode()
    for name in ("open", "answered", "skipped", "refused", "later"):
        assert f'class="{name}"' in html
    assert "What? (rather not say)" in html
    assert page.context["progress"].topics[0].first_open == questions[4]


@pytest.fixture
def writer(persona, questions):
    """A persona with ten answers; three questions are open."""
    for question in questions[:10]:
        save(persona, question)
    return persona


def this_week(persona, day=MONDAY):
    return weekly.weekly_get(persona=persona, today=day)


def test_one_question_a_week_stays_the_same_until_sunday(writer, questions):
    chosen = this_week(writer).question
    assert chosen == questions[11]  # nothing is told on its topic
    save(writer, questions[12], "words " * 40)  # now the other topic is told least
    assert this_week(writer, MONDAY + timedelta(days=6)).question == chosen
    assert this_week(writer, MONDAY + timedelta(days=7)).question == questions[10]
    assert this_week(writer, MONDAY + timedelta(days=7)).week == MONDAY + timedelta(days=7)


def test_an_answered_question_of_the_week_is_followed_by_none_until_monday(writer):
    chosen = this_week(writer).question
    save(writer, chosen)
    assert this_week(writer) is None
    assert this_week(writer, MONDAY + timedelta(days=7)).question != chosen


def test_it_is_put_off_for_three_days_or_switched_off_and_on(writer):
    weekly.weekly_put_off(persona=writer, today=MONDAY)
    assert [bool(this_week(writer, MONDAY + timedelta(days=n))) for n in range(5)] == [False, False, False, True, True]
    weekly.weekly_switch(persona=writer, today=MONDAY, on=False)
    assert this_week(writer, MONDAY + timedelta(days=30)) is None
    weekly.weekly_switch(persona=writer, today=MONDAY, on=True)
    assert this_week(writer)


def test_whoever_has_just_begun_and_the_demo_are_not_reminded(persona, questions, writer):
    Answer.objects.filter(question=questions[0]).update(state="open")
    assert this_week(writer) is None
    writer.is_demo = True
    writer.save()
    Answer.objects.filter(question=questions[0]).update(state="answered")
    assert this_week(writer) is None
    assert not WeeklyQuestion.objects.exists()


def test_where_everything_is_answered_there_is_no_question_of_the_week(writer, questions):
    for question in questions[10:]:
        save(writer, question)
    assert this_week(writer) is None


def test_the_card_is_on_the_first_page_and_leads_back_to_where_it_was_put_off(visitor, stranger, client_of, writer):
    address = reverse("weekly", args=[writer.pk])
    assert "Question of the week" in visitor.get(reverse("personas")).content.decode()
    here = reverse("own_questions", args=[writer.pk])
    assert visitor.post(address, {"action": "later", "next": here}).url == here
    assert visitor.post(address, {"action": "off", "next": "https://example.org/"}).url == reverse("personas")
    shelf = visitor.get(reverse("personas")).content.decode()
    assert "Question of the week" not in shelf
    assert "Remind me of a question a week" in shelf
    visitor.post(address, {"action": "on"})
    assert "Question of the week" in visitor.get(reverse("personas")).content.decode()
    assert client_of(stranger).post(address, {"action": "off"}).status_code == 404
