"""Request bodies, checked by hand: what OpenAI's API accepts, with a sentence for what this server does not."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from engine.serving.backend import Message, Sampling
from engine.serving.errors import ApiError, invalid

Body = Mapping[str, Any]

LEGACY_MAX_TOKENS = 16
"""OpenAI's default for /v1/completions."""
MAX_CHOICES = 8
MAX_STOPS = 16
_ROLES = ("system", "developer", "user", "assistant")
_UNSUPPORTED = ("tools", "functions", "audio", "logit_bias", "suffix", "prediction", "web_search_options")


@dataclass(frozen=True)
class Options:
    """What chat and text completions have in common."""

    model: str
    n: int
    max_tokens: int | None
    sampling: Sampling
    stop: tuple[str, ...]
    stream: bool
    include_usage: bool


def options(body: Body, default_max_tokens: int | None) -> Options:
    """Raises ApiError 400 with a sentence that names the field."""
    _refuse_unsupported(body)
    limit = integer(body, "max_completion_tokens", 1) or integer(body, "max_tokens", 1) or default_max_tokens
    stream = flag(body, "stream")
    wanted = body.get("stream_options")
    if wanted is not None and (not stream or not isinstance(wanted, dict)):
        raise invalid("stream_options", "`stream_options` is an object, and only allowed with `stream: true`.")
    return Options(
        model=text(body, "model"),
        n=integer(body, "n", 1, MAX_CHOICES) or 1,
        max_tokens=limit,
        sampling=sampling(body),
        stop=stops(body),
        stream=stream,
        include_usage=stream and bool((wanted or {}).get("include_usage")),
    )


def sampling(body: Body) -> Sampling:
    """Sampling parameters; `top_k`, `min_p`, `repetition_penalty` and `ignore_eos` are vLLM's additions."""
    usual = Sampling()
    return Sampling(
        temperature=number(body, "temperature", 0, 2, usual.temperature),
        top_p=number(body, "top_p", 0, 1, usual.top_p),
        top_k=integer(body, "top_k", 0) or 0,
        min_p=number(body, "min_p", 0, 1, usual.min_p),
        seed=integer(body, "seed", -(2**63)),
        frequency_penalty=number(body, "frequency_penalty", -2, 2, 0.0),
        presence_penalty=number(body, "presence_penalty", -2, 2, 0.0),
        repetition_penalty=number(body, "repetition_penalty", 0.01, 10, 1.0),
        ignore_eos=flag(body, "ignore_eos"),
    )


def messages(body: Body) -> list[Message]:
    """The dialogue; `developer` counts as `system`, and content parts are joined if all of them are text."""
    given = body.get("messages")
    if not isinstance(given, list) or not given:
        raise invalid("messages", "`messages` must be a list with at least one message.")
    return [_message(one, f"messages[{place}]") for place, one in enumerate(given)]


def begun(body: Body) -> tuple[list[Message], str]:
    """The dialogue, and the beginning of the reply: with vLLM's `continue_final_message` the assistant's last words."""
    dialogue = messages(body)
    if not flag(body, "continue_final_message"):
        return dialogue, ""
    if dialogue[-1]["role"] != "assistant" or len(dialogue) < 2:
        raise invalid("continue_final_message", "With `continue_final_message` the last message is the assistant's.")
    return dialogue[:-1], dialogue[-1]["content"]


def prompts(body: Body) -> list[str]:
    """The prompt of /v1/completions: a text or a list of texts."""
    given = body.get("prompt")
    found = [given] if isinstance(given, str) else given
    if not isinstance(found, list) or not found or not all(isinstance(one, str) and one for one in found):
        raise invalid(
            "prompt", "`prompt` must be a text, or a list of texts, and not empty. Token ids are not supported."
        )
    if len(found) > MAX_CHOICES:
        raise invalid("prompt", f"`prompt` may have at most {MAX_CHOICES} texts.")
    return [encodable(one, "prompt") for one in found]


def dialogues(body: Body) -> list[list[Message]]:
    """The dialogue, or each of several."""
    given = body.get("messages")
    several = given if isinstance(given, list) and given and isinstance(given[0], list) else [given]
    if len(several) > MAX_CHOICES:
        raise invalid("messages", f"`messages` may have at most {MAX_CHOICES} dialogues.")
    return [messages({"messages": one}) for one in several]


def continuations(body: Body, most: int) -> list[str]:
    """The texts of /v1/score."""
    found = body.get("continuations")
    if not isinstance(found, list) or not all(isinstance(one, str) and one for one in found):
        raise invalid("continuations", "`continuations` must be a list of texts, none of them empty.")
    if not 1 <= len(found) <= most:
        raise invalid("continuations", f"`continuations` must have from 1 to {most} texts.")
    return [encodable(one, "continuations") for one in found]


def stops(body: Body) -> tuple[str, ...]:
    """Stop sequences: none, a text or a list of texts."""
    given = body.get("stop")
    found = [] if given is None else [given] if isinstance(given, str) else given
    if not isinstance(found, list) or len(found) > MAX_STOPS or not all(isinstance(one, str) and one for one in found):
        raise invalid("stop", f"`stop` must be a text or a list of at most {MAX_STOPS} texts, none of them empty.")
    return tuple(encodable(one, "stop") for one in found)


def text(body: Body, name: str) -> str:
    """A text that is not empty."""
    value = body.get(name)
    if not isinstance(value, str) or not value:
        raise invalid(name, f"`{name}` is missing or not a text.")
    return encodable(value, name)


def encodable(value: str, name: str) -> str:
    """`value`, unless it holds half of a surrogate pair, which no tokenizer can read."""
    try:
        value.encode()
    except UnicodeEncodeError:
        raise invalid(name, f"`{name}` holds half of a surrogate pair, which is not a character.") from None
    return value


def flag(body: Body, name: str) -> bool:
    value = body.get(name)
    if value is not None and not isinstance(value, bool):
        raise invalid(name, f"`{name}` must be true or false.")
    return bool(value)


def integer(body: Body, name: str, low: int, high: int = 2**63) -> int | None:
    """A whole number from `low` to `high`, or None if it is not given."""
    value = body.get(name)
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, int) or not low <= value <= high:
        limits = f"from {low} to {high}" if high < 2**63 else f"of at least {low}"
        raise invalid(name, f"`{name}` must be a whole number {limits}.")
    return value


def number(body: Body, name: str, low: float, high: float, default: float) -> float:
    value = body.get(name)
    if value is None:
        return default
    if isinstance(value, bool) or not isinstance(value, int | float) or not low <= value <= high:
        raise invalid(name, f"`{name}` must be a number from {low} to {high}.")
    return float(value)


def _refuse_unsupported(body: Body) -> None:
    for name in _UNSUPPORTED:
        if body.get(name):
            raise ApiError(400, f"This server does not support `{name}`. Leave it out.", "unsupported_parameter", name)
    form = body.get("response_format")
    if form is not None and form != {"type": "text"}:
        sentence = "This server answers in plain text only. Leave `response_format` out."
        raise ApiError(400, sentence, "unsupported_parameter", "response_format")


def _message(given: object, where: str) -> Message:
    if not isinstance(given, dict) or given.get("role") not in _ROLES:
        raise invalid(where, f"`{where}` must be an object whose `role` is one of {', '.join(_ROLES)}.")
    role = "system" if given["role"] == "developer" else str(given["role"])
    return {"role": role, "content": _content(given.get("content"), f"{where}.content")}


def _content(given: object, where: str) -> str:
    if isinstance(given, str):
        return encodable(given, where)
    parts = given if isinstance(given, list) else [None]
    texts = [one.get("text") if isinstance(one, dict) and one.get("type") == "text" else None for one in parts]
    if not all(isinstance(one, str) for one in texts):
        raise invalid(where, f"`{where}` must be a text or a list of parts of the type `text`.")
    return encodable("".join(str(one) for one in texts), where)
