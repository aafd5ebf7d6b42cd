"""The question bank's texts, and what loading it does to questions and answers."""

import re
import shutil
from collections import Counter, defaultdict
from functools import cache
from itertools import pairwise
from pathlib import Path

import pytest

from questionnaires import bank
from questionnaires.models import Answer, Persona, Question, QuestionnaireItem

LANGUAGES = ("en", "ru")
NEAR_DUPLICATE = 0.6  # Jaccard index of the stems of the words that carry meaning
EMPTY = """
a about an and are as at be by did do does for from has have how i in into is it me of on or s so tell that the
them there this to up was were what when where which who whom why with would you your
а бы были в вам вас ваш ваша ваше ваши вашей вашем ваших вы где для до если за и из или к как какая какие каким
какими какое какой каков каково когда которая которые который кто на не о об от по почему расскажите с со так у чего
чем что это"""
EMPTY_WORDS = frozenset(EMPTY.split())
YES_NO = re.compile(
    r"^(do|does|did|is|are|was|were|am|have|has|had|can|could|would|will|shall|should|may|might|must)\b", re.I
)
HARD = {
    "beliefs-and-society-after-death",
    "decisions-and-character-failure",
    "feelings-and-fears-loss",
    "friends-lost",
    "love-breakup",
    "past-and-future-regret",
    "right-and-wrong-ashamed",
    "right-and-wrong-forgiveness",
}
TOPICS = bank.topics_read()
ENTRIES = [(topic["slug"], entry) for topic in TOPICS for entry in topic["questions"]]
(KNOW_ME,) = (entry for entry in bank.questionnaires_read() if entry["slug"] == "know-me-200")


@cache
def stems(text: str) -> frozenset[str]:
    """The words that carry meaning, without endings, roughly: so that "friend" equals "friends" and "друг" "друга"."""
    words = re.findall(r"\w+", text.lower().replace("ё", "е"))
    words = [word for word in words if word not in EMPTY_WORDS] or words
    return frozenset(re.sub(r"(ing|ed|es|s)$", "", word)[:6] if word.isascii() else word[:4] for word in words)


def near_duplicates(texts: list[str]) -> list[tuple[str, str]]:
    """The pairs of texts that are nearly the same. Only texts with a stem in common are compared."""
    with_stem: dict[str, list[int]] = defaultdict(list)
    pairs = []
    for place, text in enumerate(texts):
        shared = Counter(other for stem in stems(text) for other in with_stem[stem])
        for other, common in shared.items():
            if common / (len(stems(text)) + len(stems(texts[other])) - common) >= NEAR_DUPLICATE:
                pairs.append((texts[other], text))
        for stem in stems(text):
            with_stem[stem].append(place)
    return pairs


def askings(language: str) -> list[str]:
    return [text for _, entry in ENTRIES for text in (entry[language]["text"], *entry[language]["wordings"])]


def yes_no_sentences(text: str) -> list[str]:
    sentences = re.split(r"(?<=[.?!:])\s+", text)
    return [sentence for sentence in sentences if sentence.endswith("?") and YES_NO.match(sentence)]


def test_there_are_at_least_200_questions_in_at_least_16_topics():
    assert len(ENTRIES) >= 200
    assert len(TOPICS) >= 16
    assert len({topic["slug"] for topic in TOPICS}) == len(TOPICS)


def test_slugs_are_unique_and_begin_with_their_topic():
    slugs = [entry["slug"] for _, entry in ENTRIES]
    assert len(set(slugs)) == len(slugs)
    for topic, entry in ENTRIES:
        assert re.fullmatch(rf"{topic}(-[a-z]+)+", entry["slug"]), entry["slug"]


@pytest.mark.parametrize("language", LANGUAGES)
def test_each_question_is_complete_in_both_languages(language):
    for topic in TOPICS:
        assert topic["title"][language].strip()
    for _, entry in ENTRIES:
        texts = entry[language]
        assert set(texts) == {"text", "wordings", "hint", "follow_up"}, entry["slug"]
        assert len(texts["wordings"]) == 2, entry["slug"]
        for text in (texts["text"], *texts["wordings"], texts["hint"], texts["follow_up"]):
            assert text.strip() == text and text, entry["slug"]


def test_each_language_is_written_in_its_script():
    for _, entry in ENTRIES:
        assert not re.search("[а-яё]", str(entry["en"]), re.I), entry["slug"]
        assert re.search("[а-яё]", entry["ru"]["text"], re.I), entry["slug"]


@pytest.mark.parametrize("text", ["Do you work?", "Tell me. Are you married?"])
def test_the_yes_no_check_sees_such_questions(text):
    assert yes_no_sentences(text)


def test_no_english_question_can_be_answered_with_yes_or_no():
    follow_ups = [entry["en"]["follow_up"] for _, entry in ENTRIES]
    assert [text for text in askings("en") + follow_ups if yes_no_sentences(text)] == []


def test_no_russian_question_can_be_answered_with_yes_or_no():
    follow_ups = [entry["ru"]["follow_up"] for _, entry in ENTRIES]
    assert [text for text in askings("ru") + follow_ups if re.search(r"\bли\b", text, re.I)] == []


@pytest.mark.parametrize(
    ("first", "second", "alike"),
    [
        ("Who is your best friend?", "Tell me about your best friends.", True),
        ("Какие книги вы любите?", "Какую книгу вы любили?", True),
        ("What's your favourite food?", "What's your favourite film?", False),
        ("Какое у вас утро?", "Какое у вас хобби?", False),
    ],
)
def test_the_near_duplicate_check_looks_at_meaningful_words(first, second, alike):
    assert bool(near_duplicates([first, "Nothing in common.", second])) is alike


@pytest.mark.parametrize("language", LANGUAGES)
def test_no_two_askings_are_nearly_the_same(language):
    assert near_duplicates(askings(language)) == []


def test_know_me_200_asks_each_question_once():
    assert len(KNOW_ME["questions"]) == 200
    assert set(KNOW_ME["questions"]) <= {entry["slug"] for _, entry in ENTRIES}
    assert all(KNOW_ME["title"][language] for language in LANGUAGES)


def test_the_first_70_questions_touch_every_topic():
    topic_of = {entry["slug"]: topic for topic, entry in ENTRIES}
    assert {topic_of[slug] for slug in KNOW_ME["questions"][:70]} == {topic["slug"] for topic in TOPICS}


def test_never_more_than_three_of_one_topic_in_a_row():
    topic_of = {entry["slug"]: topic for topic, entry in ENTRIES}
    order = [topic_of[slug] for slug in KNOW_ME["questions"]]
    assert all(len(set(order[start : start + 4])) > 1 for start in range(len(order) - 3))


def test_painful_questions_come_late_and_apart():
    order = KNOW_ME["questions"]
    assert set(order) >= HARD
    assert not HARD & set(order[:70])
    assert not [pair for pair in pairwise(order) if set(pair) <= HARD]


# Loading


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
    """Takes a question out of 01-who-i-am and of the questionnaire."""
    path = data / "topics" / "01-who-i-am.yaml"
    text, removed = re.subn(rf"  - slug: {slug}\n(?:    .*\n)+", "", path.read_text("utf-8"))
    assert removed == 1
    path.write_text(text, "utf-8")
    replace(data, "know-me-200.yaml", f"  - {slug}\n", "")


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


def test_the_first_load_brings_all_questions_in_order(data):
    order = QuestionnaireItem.objects.filter(questionnaire="know-me-200").values_list("question__slug", flat=True)
    assert list(order) == KNOW_ME["questions"]


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
