"""The items: complete in both languages, balanced, and apart from what the question bank asks."""

import re
from collections import Counter
from dataclasses import replace

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from fidelity.measures.film_items import film_choices, film_pairs
from fidelity.measures.items import (
    DATA,
    Fact,
    ItemsError,
    choices_read,
    fact_of,
    films_read,
    listed,
)
from fidelity.measures.overlap import question_mention
from questionnaires.dataset import Item

FILMS, CHOICES = films_read(), choices_read()
TOPICS = [
    yaml.safe_load(path.read_text("utf-8"))
    for path in sorted((DATA.parent.parent / "questionnaires/data/topics").glob("*.yaml"))
]
RATINGS = st.dictionaries(st.text("abcdefghij", min_size=1, max_size=3), st.sampled_from([1.0, 2.0, 3.0, 4.0, 5.0]))


def test_there_are_120_films_and_80_choices_at_least():
    assert len(FILMS) >= 120
    assert len(CHOICES) >= 80


def test_films_mix_decades_genres_and_origins():
    decades = Counter(film.year // 10 * 10 for film in FILMS)
    assert len(decades) >= 10
    assert max(decades.values()) <= len(FILMS) / 3
    assert len({genre for film in FILMS for genre in film.genres}) >= 12
    assert all(film.genres and 1900 < film.year < 2026 for film in FILMS)


def test_films_have_a_title_in_each_language_and_their_year_in_the_id():
    for film in FILMS:
        assert re.search("[а-яё]", film.ru, re.I), film.id
        assert not re.search("[а-яё]", film.en, re.I), film.id
        assert film.id.endswith(f"-{film.year}") or film.id == "space-odyssey-1968", film.id
        assert set(film.ordinary) <= {"en", "ru"}, film.id


def test_no_two_films_have_one_title():
    assert max(Counter(film.en for film in FILMS).values()) == 1
    assert max(Counter(film.ru for film in FILMS).values()) == 1


def test_choices_cover_every_topic_of_the_bank_and_begin_with_its_slug():
    topics = {topic["slug"] for topic in TOPICS}
    assert {choice.topic for choice in CHOICES} == topics
    assert min(Counter(choice.topic for choice in CHOICES).values()) >= 3
    for choice in CHOICES:
        assert re.fullmatch(rf"{choice.topic}(-[a-z]+)+", choice.slug), choice.slug


@pytest.mark.parametrize("language", ["en", "ru"])
def test_options_are_of_like_length_and_in_their_script(language):
    for choice in CHOICES:
        asked = choice.asked(language)
        lengths = [len(option) for option in asked.options]
        assert max(lengths) - min(lengths) <= 24, choice.slug
        for text in (asked.text, *asked.options):
            assert bool(re.search("[а-яё]", text, re.I)) == (language == "ru"), text


def test_no_choice_asks_what_the_bank_asks():
    bank = [
        text
        for topic in TOPICS
        for question in topic["questions"]
        for language in ("en", "ru")
        for text in (question[language]["text"], *question[language]["wordings"])
    ]
    slugs = {question["slug"] for topic in TOPICS for question in topic["questions"]}
    for choice in CHOICES:
        assert choice.slug not in slugs
        assert question_mention([choice.en.text, choice.ru.text], bank) is None, choice.slug


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("a: 1", "list"),
        ("- 3", "entry 1"),
        ("- {id: x, en: X}", "year"),
        ("- {id: x, en: X, year: 1999}\n- {id: x, en: Y, year: 1999}", "twice"),
        ("- [", "YAML"),
    ],
)
def test_a_bad_file_of_films_is_refused_with_the_place(tmp_path, text, complaint):
    path = tmp_path / "mine.yaml"
    path.write_text(text)
    with pytest.raises(ItemsError, match=complaint) as refused:
        films_read(path)
    assert "mine.yaml" in str(refused.value)


@pytest.mark.parametrize(
    ("options", "complaint"), [("[a]", "2 to 5"), ("[a, a]", "different"), ("[a, b, c]", "3 options in English and 2")]
)
def test_a_choice_with_wrong_options_is_refused(tmp_path, options, complaint):
    path = tmp_path / "mine.yaml"
    path.write_text(f"- {{slug: s, topic: t, en: {{text: q, options: {options}}}, ru: {{text: q, options: [a, b]}}}}")
    with pytest.raises(ItemsError, match=complaint):
        choices_read(path)


def test_a_film_without_a_russian_title_keeps_its_own(tmp_path):
    path = tmp_path / "mine.yaml"
    path.write_text("- {id: x, en: Heat, year: 1995}")
    (film,) = films_read(path)
    assert film.title("ru") == "Heat"


HELD_OUT = Item("Who are you, Nora?", "Nora.", wordings=("Your name?", "What are you called?"), source="name")


def test_the_second_further_wording_of_a_third_is_held_out_and_training_goes_without_it():
    assert HELD_OUT.ways_to_ask == ("Who are you, Nora?", "Your name?")
    assert fact_of(HELD_OUT) == Fact("name", "What are you called?", "Nora.", "en")
    drawn = [Item(f"Question {n}?", "x", (f"First {n}?", f"Second {n}?")) for n in range(600)]
    assert 160 < sum(fact_of(item) is not None for item in drawn) < 240
    assert all(len(item.ways_to_ask) == (3 if fact_of(item) is None else 2) for item in drawn)


@pytest.mark.parametrize("wordings", [("Your name?",), ("Your name?", "Who are you, Nora?"), ("Your name?", " ")])
def test_a_question_without_a_second_wording_of_its_own_gives_no_fact(wordings):
    assert fact_of(replace(HELD_OUT, wordings=wordings)) is None


@given(st.text(), st.text(), st.lists(st.text(), max_size=4))
def test_no_fact_asks_what_training_asks(question, answer, wordings):
    item = Item(question, answer, wordings=tuple(wordings))
    fact = fact_of(item)
    assert fact is None or fact.question not in item.ways_to_ask


def test_about_a_third_of_the_bank_gives_facts_in_both_languages():
    questions = [question for topic in TOPICS for question in topic["questions"]]
    for language in ("en", "ru"):
        items = [Item(q[language]["text"], "x", tuple(q[language]["wordings"]), language) for q in questions]
        assert 0.25 < sum(fact_of(item) is not None for item in items) / len(items) < 0.42


def test_options_are_listed_in_the_given_order():
    assert listed("Tea or coffee?", ("tea", "coffee"), (1, 0)) == "Tea or coffee? coffee / tea"


@given(RATINGS, st.integers(2, 5), st.integers(0, 3))
def test_a_film_choice_has_one_best_film_and_no_film_is_offered_twice(ratings, size, seed):
    drawn = film_choices(ratings, size, seed)
    offered = [film for choice in drawn for film in choice.films]
    assert len(offered) == len(set(offered)) == size * len(drawn)
    for choice in drawn:
        rated = [ratings[film] for film in choice.films]
        assert rated.count(max(rated)) == 1
        assert rated.index(max(rated)) == choice.best
    assert drawn == film_choices(ratings, size, seed)


def test_a_choice_of_one_film_is_refused():
    with pytest.raises(ValueError, match="at least 2"):
        film_choices({"a": 1.0}, 1)


@given(RATINGS, st.integers(0, 3), st.data())
def test_pairs_are_alike_rated_differently_and_disjoint(ratings, seed, data):
    alike = {film: data.draw(st.floats(0, 5)) for film in ratings}
    pairs = film_pairs(ratings, alike, 0.5, seed)
    offered = [film for pair in pairs for film in pair.films]
    assert len(offered) == len(set(offered))
    for first, second in (pair.films for pair in pairs):
        assert abs(alike[first] - alike[second]) <= 0.5 + 1e-6
        assert ratings[first] != ratings[second]
    assert all(ratings[pair.films[pair.best]] > ratings[pair.films[1 - pair.best]] for pair in pairs)


def test_pairs_of_similarly_liked_films_lie_one_step_apart():
    ratings = {"a": 5.0, "b": 4.0, "c": 1.0}
    (pair,) = film_pairs(ratings, ratings, 1.0)
    assert set(pair.films) == {"a", "b"}
    assert pair.films[pair.best] == "a"
