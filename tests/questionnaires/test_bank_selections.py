"""The questionnaires: ordered selections from the bank's one pool of questions."""

import hashlib
from itertools import pairwise

import pytest

from questionnaires import bank

LANGUAGES = ("en", "ru")
SIZES = {"friends-50": 50, "know-a-person-100": 100, "know-me-200": 200, "life-story-40": 40, "values-60": 60}
# SHA-256 of slugs, one a line: of know-me-200, and of the first ten of each topic
KNOW_ME_ORDER = "56fc48a3d862f3c3210c4685b87119df2d53cefa995c1b4b969aeeee3ccd5f82"
FIRST_TEN = "402778285e8d039b1923777061d9dfc0e291d60acfc657f649e7b139aa3c4441"
HARD = {
    "beliefs-and-society-after-death",
    "body-and-health-prolonging-life",
    "decisions-and-character-failure",
    "feelings-and-fears-hardest-time",
    "feelings-and-fears-loss",
    "friends-lost",
    "love-breakup",
    "past-and-future-regret",
    "right-and-wrong-ashamed",
    "right-and-wrong-forgiveness",
}
TOPICS = bank.topics_read()
TOPIC_OF = {entry["slug"]: topic["slug"] for topic in TOPICS for entry in topic["questions"]}
QUESTIONNAIRES = {entry["slug"]: entry for entry in bank.questionnaires_read()}
KNOW_ME = QUESTIONNAIRES["know-me-200"]["questions"]


def digest(slugs: list[str]) -> str:
    return hashlib.sha256("\n".join(slugs).encode()).hexdigest()


def test_there_are_five_questionnaires():
    assert {slug: len(entry["questions"]) for slug, entry in QUESTIONNAIRES.items()} == SIZES


@pytest.mark.parametrize("slug", SIZES)
def test_a_questionnaire_asks_questions_of_the_pool_once_each(slug):
    order = QUESTIONNAIRES[slug]["questions"]
    assert len(set(order)) == len(order)
    assert set(order) <= set(TOPIC_OF)


@pytest.mark.parametrize("slug", SIZES)
@pytest.mark.parametrize("language", LANGUAGES)
def test_a_questionnaire_has_a_title_and_says_what_it_is_for(slug, language):
    entry = QUESTIONNAIRES[slug]
    assert str(SIZES[slug]) in entry["title"][language]
    assert entry["purpose"][language].endswith(".") and len(entry["purpose"][language]) < 120


def test_each_question_of_the_pool_is_in_a_questionnaire():
    asked = {slug for entry in QUESTIONNAIRES.values() for slug in entry["questions"]}
    assert set(TOPIC_OF) - asked == set()


@pytest.mark.parametrize("slug", SIZES)
def test_painful_questions_stand_apart_and_never_first(slug):
    order = QUESTIONNAIRES[slug]["questions"]
    assert not [pair for pair in pairwise(order) if set(pair) <= HARD]
    assert not HARD & set(order[: len(order) // 3])


def test_know_me_200_is_asked_in_the_order_in_which_people_began_it():
    assert digest(KNOW_ME) == KNOW_ME_ORDER


def test_questions_of_know_me_200_keep_their_places_within_their_topics():
    """A question's place among the topic's is shown while one writes, so new ones come after."""
    first_ten = [entry["slug"] for topic in TOPICS for entry in topic["questions"][:10]]
    assert set(first_ten) == set(KNOW_ME)
    assert digest(first_ten) == FIRST_TEN


def test_the_first_70_questions_touch_every_topic():
    assert {TOPIC_OF[slug] for slug in KNOW_ME[:70]} == {topic["slug"] for topic in TOPICS}


def test_no_painful_question_is_among_the_first_70():
    assert not HARD & set(KNOW_ME[:70])


def test_know_a_person_100_touches_every_topic():
    order = QUESTIONNAIRES["know-a-person-100"]["questions"]
    assert {TOPIC_OF[slug] for slug in order} == {topic["slug"] for topic in TOPICS}


def test_a_life_story_follows_the_life():
    order = QUESTIONNAIRES["life-story-40"]["questions"]
    stations = [
        "childhood-birth",
        "learning-school",
        "childhood-end",
        "home-and-place-first-own",
        "past-and-future-twenties",
        "family-children",
        "past-and-future-ten-years",
    ]
    assert sorted(stations, key=order.index) == stations


@pytest.mark.parametrize("slug", sorted(set(SIZES) - {"life-story-40"}))
def test_never_more_than_three_of_one_topic_in_a_row(slug):
    order = [TOPIC_OF[question] for question in QUESTIONNAIRES[slug]["questions"]]
    assert all(len(set(order[start : start + 4])) > 1 for start in range(len(order) - 3))
