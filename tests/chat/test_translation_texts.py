"""Pieces, names and languages: what is done to a text before and after a translator."""

import asyncio

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chat.translation.errors import TranslationFailed
from chat.translation.languages import LANGUAGES, detect, language_name
from chat.translation.names import Name, protect
from chat.translation.pieces import pieces_of
from chat.translation.translating import text_translate
from chat.translation.translators import TRANSLATORS
from chat.translation.translators.chat_model import ENGLISH

INSIDE_OUT = (Name("Inside Out", "Головоломка"), Name("Inside"), Name("Vera Lind"))


def size(text):
    return len(text.encode())


@given(st.text(alphabet="аб .!?\n«»ab7⟦", max_size=300), st.integers(4, 40))
def test_pieces_are_the_text_and_none_is_too_long(text, longest):
    pieces = pieces_of(text, longest, size)
    assert "".join(pieces) == text
    assert all(size(piece) <= longest for piece in pieces)


def test_a_text_is_parted_at_sentences_and_no_more_often_than_it_must():
    assert pieces_of("One two. Three four! Five", 21, len) == ["One two. Three four! ", "Five"]
    assert pieces_of("One two three", 8, len) == ["One two ", "three"]


class Scripted:
    """Answers what a test says; the default turns a text round."""

    key = title = "Scripted"
    longest = 1000

    def __init__(self, answer=lambda text: text[::-1]):
        self.answer, self.asked = answer, []

    def measure(self, text):
        return len(text)

    async def translate(self, text, source, target):
        self.asked.append(text)
        return self.answer(text)


def translate(translator, text, *, outward=True, names=INSIDE_OUT):
    return asyncio.run(text_translate(translator, text, source="en", target="ru", names=names, outward=outward))


def literal(text):
    """What machines make of the title."""
    return text.replace("I love", "Я люблю").replace("Inside Out", "Наизнанку").replace("most", "больше всего")


def test_a_title_is_not_translated_word_by_word():
    translator = Scripted(literal)
    assert translate(translator, "I love Inside Out most") == "Я люблю Головоломка больше всего"
    assert "Inside" not in translator.asked[0]
    assert translate(Scripted(literal), "I love Inside Out most", names=()) == "Я люблю Наизнанку больше всего"


def test_on_the_way_back_it_is_the_persona_s_own_title():
    translator = Scripted(lambda text: text.replace("Ты видел", "Did you see"))
    assert translate(translator, "Ты видел Головоломка?", outward=False) == "Did you see Inside Out?"


def test_a_name_within_a_word_is_no_name():
    assert protect("Insider Vera Linder", INSIDE_OUT, outward=True).names == ()


@pytest.mark.parametrize(
    "spoilt",
    [lambda t: t.replace("⟦", "[").replace("⟧", "]"), lambda t: t.replace("⟦", "⟦ ").replace("⟧", " ⟧")],
)
def test_a_sign_in_other_brackets_or_with_spaces_is_known_again(spoilt):
    assert "Vera Lind" in translate(Scripted(lambda text: spoilt(text) + " да"), "I met Vera Lind there")


@pytest.mark.parametrize("lost", ["", "⟦0⟧ ⟦0⟧", "⟦5⟧"])
def test_a_translator_that_loses_a_sign_gets_the_text_between_the_names(lost):
    translator = Scripted(lambda text: lost.join(text.upper().split("⟦0⟧")) if "⟦" in text else text.upper())
    assert translate(translator, "we met Vera Lind at noon") == "WE MET Vera Lind AT NOON"
    assert translator.asked == ["we met ⟦0⟧ at noon", "we met", "at noon"]


def test_the_person_s_own_brackets_stay():
    assert translate(Scripted(str.upper), "a ⟦0⟧ by Vera Lind") == "A ⟦0⟧ BY VERA LIND"


@pytest.mark.parametrize("answer", [None, "", "  \n"])
def test_no_answer_is_a_failure(answer):
    with pytest.raises(TranslationFailed, match="no translation"):
        translate(Scripted(lambda _text: answer), "good morning")


def test_the_same_text_back_is_a_failure_but_for_a_single_word():
    with pytest.raises(TranslationFailed, match="untranslated"):
        translate(Scripted(lambda text: text), "good morning")
    assert translate(Scripted(lambda text: text), "Taxi!") == "Taxi!"
    assert translate(Scripted(lambda text: text), "Vera Lind!") == "Vera Lind!"


def test_what_holds_no_word_is_not_sent():
    translator = Scripted()
    assert translate(translator, "12 : 30 …") == "12 : 30 …"
    assert translator.asked == []


def test_an_endless_text_is_refused_before_it_is_sent():
    translator = Scripted()
    with pytest.raises(TranslationFailed, match="too long"):
        translate(translator, "word " * 10_000)
    assert translator.asked == []


@pytest.mark.parametrize(
    ("text", "language"),
    [
        ("Where did you grow up?", "en"), ("hi", "en"), ("And why?", "en"), ("Где ты вырос?", "ru"), ("привет", "ru"),
        ("Как тебя зовут", "ru"), ("Де ти виріс?", "uk"), ("Wo bist du aufgewachsen?", "de"),
        ("¿Dónde creciste?", "es"),
        ("Où habites-tu ?", "fr"), ("Gdzie mieszkasz?", "pl"), ("Ti piace il vino?", "it"), ("何が好きですか", "ja"),
        ("你好吗", "zh"), ("어디서 자랐어요?", "ko"), ("Πού μεγάλωσες;", "el"), ("Какво обичаш?", "bg"),
        ("Што ти волиш?", "sr"), ("Inside Out", "en"), ("1987?", ""), ("", ""),
    ],
)  # fmt: skip
def test_a_language_is_known_by_a_line_of_a_dialogue(text, language):
    assert detect(text, likely=("en", "ru")) == language


def test_a_short_text_is_in_a_likely_language():
    assert detect("Nida", likely=("de",)) == "de"
    assert detect("да", likely=("bg",)) == "bg"


def test_each_language_has_a_name_and_a_word_for_the_model():
    assert all(language_name(code) != code for code in LANGUAGES)
    assert set(ENGLISH) == set(LANGUAGES)


def test_each_translator_is_registered_under_its_key():
    assert all(TRANSLATORS[key].key == key and kind.longest > 100 for key, kind in TRANSLATORS.items())
