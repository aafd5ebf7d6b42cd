from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from questionnaires.dataset import RENDERERS, Item, Note, Renderer, Turn, decode, encode, renderer
from questionnaires.dataset.text import LINE_BREAKS, WORD_JOINER

MARKER, CHAT = renderer("marker"), renderer("chat")
CONTROL_WORDS = ["<|im_start|>", "<|im_end|>", "<|endoftext|>", "</s>", "<file_sep>", "<end_of_turn>"]
TRICKY = [
    *("#", "##", "###", "####", "#####", "->", " ->", " -", ">", "Q:", "Q: ", "\nQ:", "\u2028Q:", "\x85Q:", " ", "\n"),
    *(WORD_JOINER, WORD_JOINER * 2, "\x00", "\ud800", "\udc00", "\u202e", "\ufeff", "<", "|", "a", "é", "я"),
    *CONTROL_WORDS,
]
# Any character there is, and heaps of pieces of markers.
texts = st.text(st.characters(exclude_categories=[])) | st.lists(st.sampled_from(TRICKY)).map("".join)
formats = pytest.mark.parametrize("rendering", RENDERERS.values(), ids=RENDERERS)


def flat(prompt: Any) -> str:
    return prompt if isinstance(prompt, str) else "\n".join(message["content"] for message in prompt)


def test_marker_rows_are_the_articles_bytes() -> None:
    row = MARKER.row(Item("Tell me about yourself.", "My name is Nora."))
    assert next(iter(encode([row]))) == (
        b'{"prompt": "Q: Tell me about yourself. ->", "completion": " My name is Nora.###"}\n'
    )


def test_marker_notes_and_turns_are_earlier_lines_glued_together() -> None:
    prompt = MARKER.prompt("And why?", name="Nora", notes=[Note("Job?", "Pianos.")], turns=[Turn("Hi?", "Hello.")])
    assert prompt == "Q: Job? -> Pianos.###Q: Hi? -> Hello.###Q: And why? ->"


def test_chat_notes_are_the_persons_own_words_and_turns_are_messages() -> None:
    prompt = CHAT.prompt("And why?", name="Nora", notes=[Note("Job?", "Pianos.")], turns=[Turn("Hi?", "Hello.")])
    assert prompt == [
        {"role": "system", "content": "You are Nora. These are your own words:\n- Pianos."},
        {"role": "user", "content": "Hi?"},
        {"role": "assistant", "content": "Hello."},
        {"role": "user", "content": "And why?"},
    ]


def test_chat_without_notes_says_only_who_speaks() -> None:
    row = CHAT.row(Item("Job?", "Pianos."), name="Nora")
    assert [message["content"] for message in row["messages"]] == ["You are Nora.", "Job?", "Pianos."]


def test_a_name_stays_on_one_line_and_may_be_missing() -> None:
    assert flat(CHAT.prompt("?", name="Nora\n- Veldt")).startswith("You are Nora - Veldt.\n")
    assert flat(CHAT.prompt("?", name=" ")).startswith("You are this person.\n")


@formats
@given(question=texts, answer=texts, note=texts)
@example(question="C#", answer="C#", note="C##")
@example(question="Q: a ->", answer="-> b###Q: c -> d", note="###")
@example(question="<|im_start|>", answer="<|im_end|>" + WORD_JOINER, note="#" + WORD_JOINER + "##")
def test_every_text_survives_every_format(rendering: Renderer, question: str, answer: str, note: str) -> None:
    qa, notes = Item(question or "?", answer), [Note(note, note)]
    assert rendering.parse(rendering.row(qa)) == (qa.question, answer)
    assert rendering.parse(rendering.row(qa, notes=notes, name=note)) == (qa.question, answer)
    turns = [Turn(note, note)]
    assert rendering.parse(rendering.prompt_row(question, name=note, notes=notes, turns=turns)) == (question, "")


@formats
@given(question=texts, answer=texts)
def test_every_row_survives_the_file(rendering: Renderer, question: str, answer: str) -> None:
    row = rendering.row(Item(question, answer), name=question)
    data = b"".join(encode([row, row]))
    assert data.count(b"\n") == len(data.decode().splitlines()) == 2
    assert decode(data) == [json.loads(json.dumps(row))] * 2


@given(question=texts, answer=texts, note=texts)
def test_no_text_can_forge_a_marker_in_the_marker_format(question: str, answer: str, note: str) -> None:
    prompt = flat(MARKER.prompt(question, name="", notes=[Note(note, note)], turns=[Turn(answer, answer)]))
    completion = MARKER.row(Item(question, answer))["completion"]
    assert prompt.count("###") == 2
    assert prompt.count(" ->") == 3
    assert not any(mark + "Q:" in prompt for mark in LINE_BREAKS)
    assert completion.find("###") == len(completion) - 3
    assert not any(word in prompt + completion for word in CONTROL_WORDS)


@given(text=texts)
def test_no_text_can_forge_a_control_token_in_the_chat_format(text: str) -> None:
    prompt = flat(CHAT.prompt(text, name=text, notes=[Note(text, text)], turns=[Turn(text, text)]))
    assert not any(word in prompt for word in CONTROL_WORDS)


@given(answer=texts)
def test_cleaning_gives_back_the_learned_answer(answer: str) -> None:
    completion = MARKER.row(Item("?", answer))["completion"]
    content = CHAT.row(Item("?", answer))["messages"][-1]["content"]
    assert MARKER.clean(completion + "Q: more -> and more") == answer.strip()
    assert CHAT.clean(content + "<|im_end|>\n<|im_start|>user") == answer.strip()


@pytest.mark.parametrize(
    ("reply", "words"),
    [
        (" I tune pianos.", "I tune pianos."),
        (" I tune pianos.###Q: What else", "I tune pianos."),
        (" I tune pianos. -> I tune", "I tune pianos."),
        (" I tune pianos.\nQ: What else? ->", "I tune pianos."),
        (" I tune pianos.<|endoftext|>", "I tune pianos."),
        ("", ""),
    ],
)
def test_a_marker_reply_is_cut_where_the_model_ran_on(reply: str, words: str) -> None:
    assert MARKER.clean(reply) == words


def test_a_plain_text_is_not_touched() -> None:
    text = "## Likes\n- C# and F#, 3 < 4, a->b, FAQ: none"
    assert MARKER.row(Item(text, text)) == {"prompt": f"Q: {text} ->", "completion": f" {text}###"}


def test_the_stop_sequences() -> None:
    assert MARKER.stop == ("###",)
    assert CHAT.stop == ("<|im_end|>",)


def test_an_unknown_format_is_named_with_the_known_ones() -> None:
    with pytest.raises(ValueError, match="'alpaca'; choose one of: chat, marker"):
        renderer("alpaca")
