"""Response bodies in OpenAI's shapes."""

from __future__ import annotations

import time
import uuid
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

from engine.serving.backend import FinishReason, Logprob
from engine.serving.tasks import Finished

Fields = dict[str, Any]


@dataclass
class Choice:
    """One finished answer."""

    text: str = ""
    logprobs: list[Logprob] = field(default_factory=list)
    end: Finished = field(default_factory=lambda: Finished("stop", 0, 0))


def usage(ends: Iterable[Finished], choices_per_prompt: int) -> Fields:
    """Token counts; a prompt answered several times counts once."""
    ends = list(ends)
    prompt = sum(one.prompt_tokens for one in ends[::choices_per_prompt])
    completion = sum(one.completion_tokens for one in ends)
    return {"prompt_tokens": prompt, "completion_tokens": completion, "total_tokens": prompt + completion}


class ChatShape:
    """Bodies of /v1/chat/completions."""

    def __init__(self, model: str, with_logprobs: bool) -> None:
        self._with_logprobs = with_logprobs
        self._common = {"id": f"chatcmpl-{uuid.uuid4().hex}", "created": int(time.time()), "model": model}

    def whole(self, choices: Sequence[Choice], counts: Fields) -> Fields:
        """`CreateChatCompletionResponse`."""
        found = [
            {
                "index": index,
                "message": {"role": "assistant", "content": one.text, "refusal": None},
                "logprobs": self._logprobs(one.logprobs),
                "finish_reason": one.end.reason,
            }
            for index, one in enumerate(choices)
        ]
        return {**self._common, "object": "chat.completion", "choices": found, "usage": counts}

    def opening(self, index: int) -> Fields:
        return self._chunk(index, {"role": "assistant", "content": "", "refusal": None}, None, None)

    def piece(self, index: int, text: str, logprobs: Sequence[Logprob]) -> Fields:
        return self._chunk(index, {"content": text}, self._logprobs(logprobs), None)

    def closing(self, index: int, reason: FinishReason) -> Fields:
        return self._chunk(index, {}, None, reason)

    def counts(self, counts: Fields) -> Fields:
        return {**self._common, "object": "chat.completion.chunk", "choices": [], "usage": counts}

    def _chunk(self, index: int, delta: Fields, logprobs: Fields | None, reason: FinishReason | None) -> Fields:
        choice = {"index": index, "delta": delta, "logprobs": logprobs, "finish_reason": reason}
        return {**self._common, "object": "chat.completion.chunk", "choices": [choice]}

    def _logprobs(self, tokens: Sequence[Logprob]) -> Fields | None:
        if not self._with_logprobs:
            return None
        found = [{**_token(one), "top_logprobs": [_token(other) for other in one.top]} for one in tokens]
        return {"content": found, "refusal": None}


class TextShape:
    """Bodies of /v1/completions. `text_offset` counts from the beginning of each choice's text."""

    def __init__(self, model: str, with_logprobs: bool) -> None:
        self._with_logprobs = with_logprobs
        self._offsets: dict[int, int] = {}
        self._common = {
            "id": f"cmpl-{uuid.uuid4().hex}",
            "object": "text_completion",
            "created": int(time.time()),
            "model": model,
        }

    def whole(self, choices: Sequence[Choice], counts: Fields) -> Fields:
        """`CreateCompletionResponse`."""
        found = [self._choice(index, one.text, one.logprobs, one.end.reason) for index, one in enumerate(choices)]
        return {**self._common, "choices": found, "usage": counts}

    def opening(self, index: int) -> Fields | None:
        return None

    def piece(self, index: int, text: str, logprobs: Sequence[Logprob]) -> Fields:
        return {**self._common, "choices": [self._choice(index, text, logprobs, None)]}

    def closing(self, index: int, reason: FinishReason) -> Fields:
        return {**self._common, "choices": [self._choice(index, "", [], reason)]}

    def counts(self, counts: Fields) -> Fields:
        return {**self._common, "choices": [], "usage": counts}

    def _choice(self, index: int, text: str, tokens: Sequence[Logprob], reason: FinishReason | None) -> Fields:
        return {"index": index, "text": text, "logprobs": self._logprobs(index, tokens), "finish_reason": reason}

    def _logprobs(self, index: int, tokens: Sequence[Logprob]) -> Fields | None:
        if not self._with_logprobs:
            return None
        offsets = []
        for one in tokens:
            offsets.append(self._offsets.get(index, 0))
            self._offsets[index] = offsets[-1] + len(one.token)
        return {
            "tokens": [one.token for one in tokens],
            "token_logprobs": [one.logprob for one in tokens],
            "top_logprobs": [{other.token: other.logprob for other in one.top} for one in tokens],
            "text_offset": offsets,
        }


Shape = ChatShape | TextShape


def _token(one: Logprob) -> Fields:
    return {"token": one.token, "logprob": one.logprob, "bytes": list(one.data)}
