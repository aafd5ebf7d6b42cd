"""Chat templates with and without a system role: one rendering for training and serving."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

import pytest
from jinja2 import TemplateError

from engine.dialogue import Message, fold_system, render_dialogue
from engine.serving.chat_template import ChatTemplate
from engine.serving.errors import ApiError

# As Gemma 2 has it, shortened.
REFUSES = (
    "{{ bos_token }}"
    "{% if messages[0]['role'] == 'system' %}{{ raise_exception('System role not supported') }}{% endif %}"
    "{% for message in messages %}{{ '<start_of_turn>' + message['role'] + '\n' + message['content'] | trim"
    " + '<end_of_turn>\n' }}{% endfor %}{% if add_generation_prompt %}{{ '<start_of_turn>model\n' }}{% endif %}"
)
SYSTEM = {"role": "system", "content": "You are Ada."}
USER = {"role": "user", "content": "Who are you?"}
BEFORE = {"role": "assistant", "content": "Ada."}
FOLDED = {"role": "user", "content": "You are Ada.\n\nWho are you?"}


def joined(messages: Sequence[Message]) -> str:
    return "|".join(one["content"] for one in messages)


def test_a_template_that_shows_the_system_text_is_left_alone() -> None:
    assert render_dialogue(joined, [SYSTEM, USER]) == "You are Ada.|Who are you?"


def test_a_template_that_loses_the_system_text_gets_it_in_the_first_question() -> None:
    def loses(messages: Sequence[Message]) -> str:
        return joined([one for one in messages if one["role"] != "system"])

    assert render_dialogue(loses, [SYSTEM, USER, BEFORE, USER]) == "You are Ada.\n\nWho are you?|Ada.|Who are you?"


def test_a_template_that_refuses_even_the_folded_dialogue_says_so() -> None:
    def refuses(messages: Sequence[Message]) -> str:
        raise TemplateError(f"{len(messages)} messages")

    with pytest.raises(TemplateError, match="1 messages"):
        render_dialogue(refuses, [SYSTEM, USER])


@pytest.mark.parametrize("messages", [[], [USER], [SYSTEM], [BEFORE, SYSTEM, USER]])
def test_nothing_is_folded_without_a_leading_system_message_and_a_question(messages: list[Message]) -> None:
    assert fold_system(messages) == messages


def test_folding_keeps_the_order() -> None:
    assert fold_system([SYSTEM, BEFORE, USER, BEFORE]) == [BEFORE, FOLDED, BEFORE]


def with_template(folder: Path, template: str) -> Path:
    (folder / "tokenizer_config.json").write_text(json.dumps({"bos_token": "<bos>", "eos_token": "<eos>"}))
    (folder / "chat_template.jinja").write_text(template)
    return folder


def test_the_server_folds_for_a_template_without_a_system_role(tmp_path: Path) -> None:
    template = ChatTemplate(with_template(tmp_path, REFUSES))
    expected = "<bos><start_of_turn>user\nYou are Ada.\n\nWho are you?<end_of_turn>\n<start_of_turn>model\n"
    assert template.render([SYSTEM, USER]) == expected
    with pytest.raises(ApiError, match="System role not supported"):
        template.render([SYSTEM])


def test_a_thinking_template_is_told_not_to_think(tmp_path: Path) -> None:
    template = "{{ messages[0].content }}{% if enable_thinking is defined and not enable_thinking %}<no>{% endif %}"
    assert ChatTemplate(with_template(tmp_path, template)).render([USER]) == "Who are you?<no>"


@pytest.mark.slow
def test_training_and_serving_render_the_same(tiny_model: Path, tmp_path: Path) -> None:
    from transformers import AutoTokenizer

    from engine.data import encode, prompt_text

    tokenizer = AutoTokenizer.from_pretrained(tiny_model)
    for template in (REFUSES, tokenizer.chat_template):
        tokenizer.chat_template = template
        tokenizer.save_pretrained(tmp_path)
        row = {"messages": [SYSTEM, USER, BEFORE]}
        prompt = prompt_text(tokenizer, row)
        assert prompt == ChatTemplate(tmp_path).render([SYSTEM, USER])
        assert tokenizer.decode(encode(tokenizer, row, 1024).answer).startswith("Ada.<")
