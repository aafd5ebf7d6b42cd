"""Which one is me: what friends see, what they must not see, and what their guesses come to."""

import json
import re
import uuid
from datetime import timedelta

import pytest
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from fidelity import friend_guesses, friend_speaking, friend_tasks, friends
from fidelity.engine_client import Completion, EngineAway, Ranking
from fidelity.models import FriendGuess, FriendLink, FriendQuestion
from questionnaires.models import Answer, Persona, Question
from questionnaires.services import Refused
from tests.fidelity.report_fixture import make_version
from training.models import TrainingRun
from training.row_files import TRAIN, VALIDATION

pytestmark = pytest.mark.django_db

HELD_OUT = {"Where did you grow up?": "By the sea, in Nida.", "What do you cook?": "Soup, mostly.",
            "Whom do you call first?": "My sister Rūta.", "What can you not throw away?": "A bent spoon."}  # fmt: skip
LEARNED = {"What do you do?": "I mend uprights."}


@pytest.fixture(autouse=True)
def rung(monkeypatch):
    """Rings are collected instead of published."""
    found = []
    monkeypatch.setattr(friend_tasks, "publish", lambda _task, key: found.append(key) or True)
    return found


@pytest.fixture
def version(persona, settings, tmp_path):
    """A version with a frozen data set: one answer learned, four held out."""
    settings.RUNS_DIR = tmp_path
    run = TrainingRun.objects.create(owner=persona.owner, persona=persona, state="ready", base_model="base")
    run.folder.mkdir()
    for name, told in ((TRAIN, LEARNED), (VALIDATION, HELD_OUT)):
        lines = [messages(question, text) for question, text in told.items()]
        (run.folder / name).write_text("\n".join(lines), "utf-8")
    for question, text in (HELD_OUT | LEARNED).items():
        asked = Question.objects.create(
            slug=f"own-{uuid.uuid4().hex}", persona=persona, texts={"en": {"text": question}}
        )
        Answer.objects.create(owner=persona.owner, persona=persona, question=asked, text=text, state="answered")
    made = make_version(persona)
    made.run = run
    made.save()
    return made


def messages(question, answer):
    roles = [("system", "You are Ada."), ("user", question), ("assistant", answer)]
    return json.dumps({"messages": [{"role": role, "content": text} for role, text in roles]})


def ids(*texts):
    return [str(row.pk) for row in Answer.objects.filter(text__in=texts)]


SPEAKERS = {
    "persona": lambda question: f"Persona on: {question}",
    "base": lambda question: f"As a language model: {question}",
    "other": lambda question: f"Somebody else on: {question}",
}


@pytest.fixture
def link(version):
    made = friends.link_create(version=version, answers=ids(*HELD_OUT.values()))
    friends.link_prepare(link=made, speakers=SPEAKERS)
    made.refresh_from_db()
    return made


@pytest.fixture
def open_link(link):
    """Open, with two of the four questions approved."""
    approved = link.questions.filter(number__lte=2).values_list("pk", flat=True)
    friends.link_open(link=link, approved=[str(key) for key in approved], days=14)
    link.refresh_from_db()
    return link


def visit(browser, link, **more):
    return browser.get(reverse("friend", args=(link.token,)), **more)


def begin(link):
    """A friend's browser, after the beginning."""
    browser = Client()
    browser.post(reverse("friend_begin", args=(link.token,)))
    return browser


def guess(browser, link, pick=0):
    html = visit(browser, link).content.decode()
    question = re.search(r'name="question" value="([^"]+)"', html)[1]
    return browser.post(reverse("friend_guess", args=(link.token,)), {"question": question, "place": pick})


# What is asked


def test_only_answers_that_the_version_did_not_learn_from_can_be_chosen(version):
    assert {each.text for each in friends.candidates_get(version=version)} == set(HELD_OUT.values())
    Answer.objects.filter(text="Soup, mostly.").update(text="Bread, mostly.")  # nobody held this one out
    assert "Bread, mostly." not in {each.text for each in friends.candidates_get(version=version)}


def test_learned_answers_cannot_be_smuggled_in(version):
    with pytest.raises(Refused):
        friends.link_create(version=version, answers=ids("I mend uprights.", "Soup, mostly.", "A bent spoon."))
    assert not FriendLink.objects.exists()


def test_of_a_long_answer_friends_see_whole_sentences():
    text = "First I went to the sea. " * 20
    shown = friends.beginning(text)
    assert shown.endswith("sea.")
    assert 250 < len(shown) <= friends.SHOWN_CHARACTERS
    assert friends.beginning("word " * 100).endswith("word…")
    assert friends.beginning("  Short,\n\nbut  true. ") == "Short, but true."


def test_a_second_try_makes_only_what_is_missing(version):
    link = friends.link_create(version=version, answers=ids(*HELD_OUT.values()))
    asked = []

    def fails(question):
        asked.append(question)
        if len(asked) == 3:
            raise EngineAway("gone")
        return "Reply."

    with pytest.raises(EngineAway):
        friends.link_prepare(link=link, speakers={"persona": fails})
    friends.link_prepare(link=link, speakers={"persona": fails})
    link.refresh_from_db()
    assert (link.state, len(asked)) == ("ready", 5)


# What friends see


def test_friends_see_nothing_before_the_link_is_opened(link):
    assert visit(Client(), link).status_code == 404


def test_friends_see_only_what_was_approved(open_link):
    browser = begin(open_link)
    seen = ""
    for _turn in range(2):
        seen += visit(browser, open_link).content.decode()
        guess(browser, open_link)
    end = visit(browser, open_link).content.decode()
    assert "Thank you" in end
    hidden = FriendQuestion.objects.filter(approved=False)
    assert hidden.count() == 2
    for question in hidden:
        assert question.own not in seen + end
        assert question.question not in seen + end
    for question in FriendQuestion.objects.filter(approved=True):
        assert question.own in seen


def test_a_question_that_is_not_approved_takes_no_guess(open_link):
    browser = begin(open_link)
    hidden = FriendQuestion.objects.filter(approved=False).first()
    response = browser.post(reverse("friend_guess", args=(open_link.token,)), {"question": hidden.pk, "place": 0})
    assert response.status_code == 400
    assert hidden.own not in response.content.decode()
    assert not FriendGuess.objects.exists()


def test_the_page_does_not_say_who_said_what(open_link):
    html = visit(begin(open_link), open_link).content.decode()
    assert html.count('name="place"') == 4
    assert [int(place) for place in re.findall(r'name="place" value="(\d)"', html)] == [0, 1, 2, 3]
    for word in ("persona", "base", "other", "own"):
        assert word not in re.sub(r"Persona on|<head.*?</head>|/static/\S+|csrf\S+", "", html, flags=re.S)
    assert "rail" not in html.split("<body")[1]


def test_the_order_differs_between_friends_and_stays_for_one(open_link):
    question = open_link.questions.first()
    orders = {tuple(friend_guesses.order_of(question, uuid.uuid4())) for _friend in range(60)}
    firsts = {order[0] for order in orders}
    assert firsts == {"own", "persona", "base", "other"}
    friend = uuid.uuid4()
    assert friend_guesses.order_of(question, friend) == friend_guesses.order_of(question, friend)


def test_a_friend_reaches_nothing_else(open_link, persona):
    browser = begin(open_link)
    for name in ("likeness", "friends", "write", "chat"):
        assert browser.get(reverse(name, args=(persona.pk,))).status_code == 302
    assert browser.get(reverse("friend_link", args=(persona.pk, open_link.pk))).status_code == 302


def test_a_wrong_token_is_not_found(open_link):
    for token in (open_link.token[:-1], open_link.token.swapcase(), "x"):
        assert Client().get(reverse("friend", args=(token,))).status_code == 404
    assert len(open_link.token) >= 32


@pytest.mark.parametrize("how", ["closed", "expired"])
def test_a_link_that_is_over_shows_and_takes_nothing(open_link, how):
    browser = begin(open_link)
    if how == "closed":
        friends.link_close(link=open_link)
    else:
        FriendLink.objects.update(expires_at=timezone.now() - timedelta(seconds=1))
    question = open_link.questions.filter(approved=True).first()
    response = browser.post(reverse("friend_guess", args=(open_link.token,)), {"question": question.pk, "place": 0})
    assert response.status_code == 410
    html = visit(browser, open_link).content.decode()
    assert "This link is closed" in html
    for text in (question.own, question.question, open_link.persona.name):
        assert text not in html
    assert not FriendGuess.objects.exists()


def test_too_many_posts_in_an_hour_are_refused_and_later_taken_again(open_link, monkeypatch):
    monkeypatch.setattr(friend_guesses, "POSTS_AN_HOUR", 2)
    browser = begin(open_link)
    assert guess(browser, open_link).status_code == 302
    response = guess(browser, open_link)
    assert (response.status_code, response["Retry-After"]) == (429, "3600")
    FriendLink.objects.update(window_began=timezone.now() - timedelta(hours=2))
    assert guess(browser, open_link).status_code == 302
    assert FriendGuess.objects.count() == 2


def test_the_person_cannot_guess_in_their_own_game(open_link, visitor):
    response = visitor.post(reverse("friend_begin", args=(open_link.token,)))
    assert response.status_code == 403
    assert "your own guesses are not counted" in visit(visitor, open_link).content.decode()


def test_the_first_guess_of_a_friend_counts(open_link):
    browser = begin(open_link)
    friend = uuid.UUID(browser.session[f"friend-{open_link.pk}"])
    question = open_link.questions.first()
    order = friend_guesses.order_of(question, friend)
    for source in ("persona", "own"):
        friend_guesses.guess_save(
            link=open_link, friend=friend, question_id=str(question.pk), place=order.index(source)
        )
    assert FriendGuess.objects.get().picked == "persona"


def test_a_place_that_there_is_not_is_refused(open_link):
    browser = begin(open_link)
    for place in ("4", "-1", "", "x", "١"):
        assert guess(browser, open_link, place).status_code == 400
    assert not FriendGuess.objects.exists()


# What comes of it


def pick(link, friend, *picked):
    for question, source in zip(link.questions.all(), picked, strict=False):
        FriendGuess.objects.create(owner=link.owner, question=question, friend=friend, picked=source)


def test_the_score_counts_guesses_and_its_interval_is_over_friends(link, persona):
    for number in range(6):
        pick(link, uuid.uuid4(), *["own", "own", "own", "persona"] if number % 2 else ["persona"] * 3 + ["base"])
    score = friend_guesses.score_get(persona=persona)
    assert (score.friends, score.guesses) == (6, 24)
    assert score.counts == {"own": 9, "persona": 12, "base": 3, "other": 0}
    assert score.figures["persona"].value == 0.5
    assert score.figures["persona"].items == 6
    assert score.figures["persona"].low < 0.5 < score.figures["persona"].high
    assert score.chance == 0.25
    assert friend_guesses.score_sentence(score) == "Of 24 guesses 12 fell on your portrait and 9 on you."


def test_one_friend_alone_says_little(link, persona):
    pick(link, uuid.uuid4(), "own", "own", "own", "own")
    figure = friend_guesses.score_get(persona=persona).figures["own"]
    assert figure.low < 0.1


def test_the_score_stands_on_the_report(link, persona, visitor):
    pick(link, uuid.uuid4(), "own", "persona", "own", "own")
    html = visitor.get(reverse("likeness", args=(persona.pk,))).content.decode()
    assert "Of 4 guesses 1 fell on your portrait and 3 on you." in html


# The person's pages


def test_the_person_chooses_looks_and_opens(visitor, version, persona, rung):
    address = reverse("friends", args=(persona.pk,))
    html = visitor.get(address).content.decode()
    assert "Soup, mostly." in html
    assert "I mend uprights." not in html
    assert "checked" not in html
    few = visitor.post(address, {"answer": ids("Soup, mostly.")})
    assert few.status_code == 400
    assert html.count("checked") == 0
    assert few.content.decode().count(" checked") == 1
    response = visitor.post(address, {"answer": ids(*HELD_OUT.values())})
    link = FriendLink.objects.get()
    assert rung == [str(link.pk)]
    friends.link_prepare(link=link, speakers=SPEAKERS)
    page = visitor.get(response.url).content.decode()
    assert page.count("Persona on:") == 4
    assert " checked" not in page
    assert link.token not in page
    opening = reverse("friend_link_open", args=(persona.pk, link.pk))
    assert visitor.post(opening, {"days": "14"}).status_code == 400
    assert visitor.post(opening, {"days": "999", "question": [str(link.questions.first().pk)]}).status_code == 400
    visitor.post(opening, {"days": "7", "question": [str(link.questions.first().pk)]})
    link.refresh_from_db()
    assert friends.is_open(link)
    assert link.expires_at - timezone.now() < timedelta(days=7)
    assert reverse("friend", args=(link.token,)) in visitor.get(response.url).content.decode()
    visitor.post(reverse("friend_link_close", args=(persona.pk, link.pk)))
    assert visit(Client(), link).status_code == 410
    visitor.post(reverse("friend_link_delete", args=(persona.pk, link.pk)))
    assert not FriendLink.objects.exists()


def test_without_held_out_answers_it_says_so(visitor, persona):
    make_version(persona)
    html = visitor.get(reverse("friends", args=(persona.pk,))).content.decode()
    assert "did not learn from" in html
    assert "Go on writing" in html


def test_a_worker_that_is_away_is_said_and_can_be_rung_again(visitor, version, persona, monkeypatch, rung):
    monkeypatch.setattr(friend_tasks, "publish", lambda *_: False)
    response = visitor.post(reverse("friends", args=(persona.pk,)), {"answer": ids(*HELD_OUT.values())})
    assert "The worker cannot be reached" in visitor.get(response.url).content.decode()
    link = FriendLink.objects.get()
    monkeypatch.setattr(friend_tasks, "publish", lambda _task, key: rung.append(key) or True)
    visitor.post(reverse("friend_link_retry", args=(persona.pk, link.pk)))
    link.refresh_from_db()
    assert (link.state, rung) == ("preparing", [str(link.pk)])


# Who speaks


class FakeEngine:
    """Answers with the name of the model and the notes in the prompt; ranks the first document first."""

    def __init__(self, fails=False):
        self.fails, self.documents = fails, []

    def rank(self, *, query, documents, top_n):
        self.documents = [document.answer for document in documents]
        return Ranking(((0, 0.9),), True)

    def complete(self, *, model, prompt, stop, max_tokens):
        if self.fails:
            raise EngineAway("The model server did not answer.")
        return Completion(f"{model}: {prompt[0]['content']}", True, 10)

    def close(self):
        pass


def test_the_persona_speaks_without_the_answer_that_friends_compare(version, owner, settings, monkeypatch):
    settings.BASE_MODEL = "base"
    other = make_version(Persona.objects.create(owner=owner, name="Bo", is_demo=False))
    engine = FakeEngine()
    monkeypatch.setattr(friend_speaking.EngineClient, "local", lambda *_: engine)
    link = friends.link_create(version=version, answers=ids(*HELD_OUT.values()))
    friend_speaking.replies_make(link_id=link.pk)
    link.refresh_from_db()
    replies = link.questions.first().replies
    assert link.state == "ready"
    assert link.other == other
    assert replies.keys() == {"persona", "base", "other"}
    assert replies["persona"].startswith(f"{version.pk}: You are Ada. These are your own words: - I mend uprights.")
    assert replies["base"] == "base: You are Ada."
    assert replies["other"].startswith(f"{other.pk}: You are Bo.")
    assert set(engine.documents).isdisjoint(HELD_OUT.values())


def test_a_server_that_is_away_is_written_to_the_link(version, monkeypatch):
    monkeypatch.setattr(friend_speaking.EngineClient, "local", lambda *_: FakeEngine(fails=True))
    link = friends.link_create(version=version, answers=ids(*HELD_OUT.values()))
    friend_speaking.replies_make(link_id=link.pk)
    link.refresh_from_db()
    assert (link.state, link.error) == ("failed", "The model server did not answer.")
