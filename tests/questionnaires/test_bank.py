"""The question bank's texts: complete, open and distinct in both languages."""

import re
from collections import Counter, defaultdict
from functools import cache

import pytest

from questionnaires import bank

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
TOPICS = bank.topics_read()
ENTRIES = [(topic["slug"], entry) for topic in TOPICS for entry in topic["questions"]]


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


def test_there_are_at_least_300_questions_in_at_least_16_topics():
    assert len(ENTRIES) >= 300
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


@pytest.mark.parametrize("language", LANGUAGES)
def test_a_question_is_short_and_its_hint_shorter(language):
    asked = [*askings(language), *(entry[language]["follow_up"] for _, entry in ENTRIES)]
    assert [text for text in asked if len(text) >= 140] == []
    assert [entry["slug"] for _, entry in ENTRIES if len(entry[language]["hint"]) >= 120] == []


def test_each_language_is_written_in_its_script():
    for _, entry in ENTRIES:
        assert not re.search("[а-яё]", str(entry["en"]), re.I), entry["slug"]
        for text in (entry["ru"]["text"], *entry["ru"]["wordings"], entry["ru"]["hint"], entry["ru"]["follow_up"]):
            assert re.search("[а-яё]", text, re.I) and not re.search("[a-z]", text, re.I), entry["slug"]


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
