"""How llama.cpp is asked how probable a text is: it has no word for that, so each token is made to come.

A grammar of token ids forces a whole text in one request. Its parser fails at a token that holds a part of a character
(an emoji, a rare script), so such a text is asked for token by token, each looked up among all that could come next.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from engine.serving.backend import Logprob
from engine.serving.errors import ApiError

MOST_LISTED = (1000, 10**6)
"""Likely tokens that are listed: first the most likely ones, then all, which takes seconds."""
_CERTAIN = 1000
"""A logit added to a token that has to come. Log-probabilities are taken before."""


def grammar_fields(forced: Sequence[int]) -> dict[str, Any]:
    """The request in which these tokens come one after another, each with its log-probability."""
    grammar = "root ::= " + " ".join(f"<[{one}]>" for one in forced)
    return {"grammar": grammar, "temperature": 0, "n_probs": 1, "n_predict": len(forced)}


def next_token_fields(whole: int, most: int) -> dict[str, Any]:
    """The request whose one token `whole`, a whole character, carries the log-probabilities of the `most` likely."""
    bias = [[whole, _CERTAIN]]
    return {"logit_bias": bias, "temperature": 0, "n_probs": most, "n_predict": 1, "stream": False}


class NextToken:
    """Receives the answer to `next_token_fields` and keeps the entry of one token."""

    def __init__(self, wanted: int) -> None:
        self._wanted = wanted
        self.found: Logprob | None = None
        self.error: ApiError | None = None

    def __call__(self, chunk: dict[str, Any]) -> bool:
        if "choices" not in chunk:
            message = chunk.get("error", chunk).get("message", "no reason given")
            self.error = ApiError(int(chunk.get("code", 500)), f"llama.cpp: {message}.")
            return True
        content = (chunk["choices"][0].get("logprobs") or {}).get("content") or [{}]
        for entry in content[0].get("top_logprobs", ()):
            if entry["id"] == self._wanted:
                self.found = Logprob(entry["token"], bytes(entry["bytes"]), entry["logprob"])
        return False
