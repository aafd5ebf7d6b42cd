"""Films and questions that a training answer gives away, and the everyday words that do not."""

import pytest

from fidelity.measures.items import Film, choices_read, films_read
from fidelity.measures.overlap import choices_left_out, film_mention, films_left_out, question_mention

FILMS = {film.id: film for film in films_read()}

NAMED = [
    ("up-2009", "We cried over Up, all of us."),
    ("up-2009", 'My daughter loves "Up".'),
    ("up-2009", "Favourites:\nUp\nDune"),
    ("up-2009", "Я люблю мультфильм «Вверх»."),
    ("it-2017", "I have seen It twice and slept badly."),
    ("it-2017", "The book “It” scared me."),
    ("it-2017", "Боюсь фильма «Оно»."),
    ("her-2013", "The film Her says it all."),
    ("her-2013", "Смотрели «Она» Джонзи."),
    ("alien-1979", "Alien is the film that I know by heart."),
    ("alien-1979", "we watched alien again last night"),
    ("the-kid-1921", "we watched the kid again"),
    ("alien-1979", "мой любимый фильм чужой"),
    ("brother-1997", "Знаю Брата наизусть."),
    ("home-alone-1990", "Home Alone is on every Christmas."),
    ("home-alone-1990", "На Новый год мы включаем «Один дома»."),
    ("the-godfather-1972", "Пересматриваю «Крёстного отца» каждый год."),
    ("the-lion-king-1994", "я плакала на короле льве"),
    ("the-irony-of-fate-1976", "Без Иронии судьбы нет праздника."),
    ("star-wars-1977", "Я вырос на звёздных войнах и звездных войн мне хватит."),
    ("titanic-1997", "i loved titanic as a girl"),
    ("titanic-1997", "Titanic's ending is silly."),
    ("amelie-2001", "I adore Amelie."),
    ("kill-bill-2003", "Kill Bill made me laugh."),
    ("twelve-angry-men-1957", "Twelve angry men, one room, a masterpiece."),
    ("the-shawshank-redemption-1994", "«Побег из Шоушенка» — лучшее."),
    ("rear-window-1954", "I love Hitchcock's Rear Window."),
    ("its-a-wonderful-life-1946", "We watch It’s a Wonderful Life in December."),
    ("groundhog-day-1993", "После «Дня сурка» мне стало легче."),
]
NOT_NAMED = [
    ("up-2009", "I get up at six. Up the hill I run. Never give up!"),
    ("up-2009", "ПОДНИМАЮСЬ ВВЕРХ. I NEVER GIVE UP ON A FILM."),
    ("it-2017", "It is my favourite film. I watched it twice, and it's long. One thing: It rained."),
    ("it-2017", 'I said, "It was me, you knew it was me."'),
    ("it-2017", "Оно того стоит. Фильм хорош, оно и видно."),
    ("her-2013", "I saw her at the cinema. Her film was boring."),
    ("her-2013", "Она любит кино. Мы смотрели фильм, она плакала."),
    ("alien-1979", "In my own town I feel like an alien. Alien thoughts come at night."),
    ("alien-1979", "Чужой человек мне помог. Чужих мы не звали."),
    ("brother-1997", "Мой брат старше меня. Брата зовут Иван. My brother is tall. Brother and I fish."),
    ("home-alone-1990", "I like to be home alone. Home alone again. Сижу один дома."),
    ("heat-1995", "I bear heat badly. Heat kills me."),
    ("jaws-1975", "The dentist looked at my jaws."),
    ("the-kid-1921", "As a kid I ran. The kid next door is loud."),
    ("seven-1995", "I rise at seven. Seven of us lived there. Нас семь человек."),
    ("mirror-1975", "Смотрю в зеркало и не узнаю себя."),
    ("modern-times-1936", "In modern times nobody writes letters."),
    ("inception-2010", "В начало очереди я не лезу."),
    ("titanic-1997", "A titan of a man."),
    ("coco-2017", "I drink cocoa."),
    ("mary-poppins-1964", "Mary makes poppins."),
]


@pytest.mark.parametrize(("film", "text"), NAMED)
def test_a_film_that_an_answer_names_is_found(film, text):
    assert film_mention(FILMS[film], ["Nothing here.", text])


@pytest.mark.parametrize(("film", "text"), NOT_NAMED)
def test_everyday_words_are_no_titles(film, text):
    assert film_mention(FILMS[film], [text]) is None


def test_the_mention_shows_the_phrase_and_its_sentence():
    mention = film_mention(FILMS["casablanca-1942"], ["I was ill. We saw Casablanca twice! It rained."])
    assert (mention.phrase, mention.sentence) == ("Casablanca", "We saw Casablanca twice")


def test_a_short_title_from_a_foreign_file_is_taken_for_an_everyday_word():
    film = Film("x", "Big", "", 1988)
    assert film_mention(film, ["I live in a big house."]) is None
    assert film_mention(film, ["We laughed at Big with Tom Hanks."])


def test_only_named_films_are_left_out():
    left_out = films_left_out(FILMS.values(), ["I love Casablanca and «Бойцовский клуб».", "Чай пью без сахара."])
    assert set(left_out) == {"casablanca-1942", "fight-club-1999"}


def test_each_film_is_found_by_each_title_in_quotes():
    for film in FILMS.values():
        for title in (film.en, film.ru):
            assert film_mention(film, [f"Yesterday we saw «{title}» together."]), title


QUESTION = "A free afternoon at ten years old meant what to you?"


@pytest.mark.parametrize(
    ("text", "is_found"),
    [
        (QUESTION, True),
        (f"You ask me: {QUESTION.lower()} Running about.", True),
        ("At ten I ran about on every free afternoon, whatever it meant.", False),
        ("A free afternoon at ten is rare.", False),
        ("", False),
    ],
)
def test_a_question_is_found_where_it_stands_nearly_word_for_word(text, is_found):
    assert bool(question_mention([QUESTION], [text])) == is_found


def test_a_russian_question_is_found_in_another_inflection():
    asked = "Сломался старый чайник на кухне, что вы сделаете?"
    assert question_mention([asked], ["Сломались старые чайники на кухне, что вы сделаете?"])
    assert question_mention([asked], ["На кухне у меня старый чайник."]) is None


def test_a_choice_that_an_answer_quotes_is_left_out():
    choices = choices_read()
    quoted = choices[3].ru.text
    assert set(choices_left_out(choices, [f"Меня спрашивали: {quoted}"])) == {choices[3].slug}
    assert choices_left_out(choices, ["Я инженер и люблю лес."]) == {}


def test_a_pronoun_is_no_other_pronoun_and_no_name():
    assert film_mention(FILMS["it-2017"], ["Так сказал Он. Спроси Она сама."]) is None
    assert film_mention(FILMS["finding-nemo-2003"], ["В нём есть смысл."]) is None
