"""What a request may say, and the sentence for what it may not."""

from __future__ import annotations

from typing import Any

import pytest

from engine.serving import requests
from engine.serving.errors import ApiError

CHAT: dict[str, Any] = {"model": "m", "messages": [{"role": "user", "content": "Hi"}]}


def test_defaults_are_openais() -> None:
    options = requests.options(CHAT, None)
    assert (options.n, options.max_tokens, options.stop, options.stream) == (1, None, (), False)
    assert (options.sampling.temperature, options.sampling.top_p, options.sampling.seed) == (1.0, 1.0, None)


def test_the_newer_name_of_the_limit_wins() -> None:
    assert requests.options({**CHAT, "max_completion_tokens": 5, "max_tokens": 9}, 16).max_tokens == 5
    assert requests.options({**CHAT, "max_tokens": 9}, 16).max_tokens == 9
    assert requests.options(CHAT, 16).max_tokens == 16


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("temperature", 2.1),
        ("temperature", True),
        ("temperature", float("nan")),
        ("top_p", -0.1),
        ("n", 0),
        ("n", 9),
        ("max_tokens", 0),
        ("max_tokens", 1.5),
        ("seed", "1"),
        ("stop", ""),
        ("stop", [1]),
        ("stop", ["x"] * 17),
        ("stop", "\ud800"),
        ("stream", "yes"),
        ("stream_options", {"include_usage": True}),
        ("frequency_penalty", 3),
        ("model", ""),
        ("model", None),
        ("tools", [{"type": "function"}]),
        ("logit_bias", {"1": 5}),
        ("response_format", {"type": "json_object"}),
    ],
)
def test_a_bad_field_is_named(field: str, value: object) -> None:
    with pytest.raises(ApiError) as caught:
        requests.options({**CHAT, field: value}, None)
    assert caught.value.status == 400
    assert caught.value.param == field
    assert f"`{field}`" in caught.value.message


@pytest.mark.parametrize(
    "messages",
    [
        None,
        [],
        ["hi"],
        [{"role": "robot", "content": "x"}],
        [{"role": "user"}],
        [{"role": "user", "content": [{"type": "image_url"}]}],
        [{"role": "user", "content": "\udfff"}],
    ],
)
def test_bad_messages_are_refused(messages: object) -> None:
    with pytest.raises(ApiError) as caught:
        requests.messages({"messages": messages})
    assert caught.value.status == 400


def test_parts_are_joined_and_developers_are_the_system() -> None:
    given = [{"role": "developer", "content": [{"type": "text", "text": "a"}, {"type": "text", "text": "b"}]}]
    assert requests.messages({"messages": given}) == [{"role": "system", "content": "ab"}]


@pytest.mark.parametrize("prompt", [None, "", [], [""], [1, 2], [[1, 2]], ["x"] * 9, 5])
def test_bad_prompts_are_refused(prompt: object) -> None:
    with pytest.raises(ApiError):
        requests.prompts({"prompt": prompt})


def test_prompts_are_texts() -> None:
    assert requests.prompts({"prompt": "a"}) == ["a"]
    assert requests.prompts({"prompt": ["a", "b"]}) == ["a", "b"]
