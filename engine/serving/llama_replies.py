"""What llama.cpp is sent for a generation, and how its chunks become tokens."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from engine.serving.backend import FinishReason, Generation, Logprob, OnToken, Token
from engine.serving.errors import ApiError, context_exceeded

Fields = dict[str, Any]


class Reply:
    """Receives llama.cpp's chunks and hands their tokens on."""

    def __init__(self, on_token: OnToken, top_logprobs: int | None) -> None:
        self._on_token = on_token
        self._top = top_logprobs
        self.finish: FinishReason | None = None
        self.prompt_tokens = 0
        self.error: ApiError | None = None

    def __call__(self, chunk: Fields) -> bool:
        """Called for each chunk; True stops the generation."""
        if "choices" not in chunk:
            self.error = api_error(chunk.get("error", chunk))
            return True
        timings = chunk.get("timings", {})
        self.prompt_tokens = timings.get("cache_n", 0) + timings.get("prompt_n", 0)
        choice = chunk["choices"][0]
        if choice["finish_reason"] is not None:
            self.finish = choice["finish_reason"]
            return False
        return self._on_token(Token(choice["text"], self._logprob(choice)))

    def _logprob(self, choice: Fields) -> Logprob | None:
        found = (choice.get("logprobs") or {}).get("content")
        if self._top is None or not found:
            return None
        top = tuple(_logprob(one) for one in found[0]["top_logprobs"][: self._top])
        return replace(_logprob(found[0]), top=top)


def _logprob(entry: Fields) -> Logprob:
    return Logprob(entry["token"], bytes(entry["bytes"]), entry["logprob"])


def request_fields(request: Generation) -> Fields:
    """llama.cpp's names for what was asked. Temperature comes before the cuts, as in OpenAI's API."""
    sampling = request.sampling
    fields: Fields = {
        "n_predict": -1 if request.max_tokens is None else request.max_tokens,
        "temperature": sampling.temperature,
        "top_p": sampling.top_p,
        "top_k": sampling.top_k,
        "min_p": sampling.min_p,
        "frequency_penalty": sampling.frequency_penalty,
        "presence_penalty": sampling.presence_penalty,
        "repeat_penalty": sampling.repetition_penalty,
        "ignore_eos": sampling.ignore_eos,
        "samplers": ["penalties", "temperature", "top_k", "top_p", "min_p"],
    }
    if sampling.seed is not None:
        fields["seed"] = sampling.seed % 2**32
    if request.top_logprobs is not None:
        fields["n_probs"] = max(request.top_logprobs, 1)
    return fields


def api_error(error: Fields) -> ApiError:
    """What llama.cpp complains of, as a sentence for the client."""
    if error.get("type") == "exceed_context_size_error":
        return context_exceeded(error["n_prompt_tokens"], error["n_ctx"])
    status = int(error.get("code", 500))
    return ApiError(status, f"llama.cpp: {error.get('message', 'no reason given')}.")
