"""One record of somebody's file, a mapping of names to values, to a question and an answer."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from questionnaires.dataset.prompt import renderer
from questionnaires.dataset.text import normalise

_QUESTION_NAMES = ("question", "q", "instruction", "вопрос")
_ANSWER_NAMES = ("answer", "a", "output", "response", "ответ")
_WORDING_NAMES = ("wordings", "alts")
_MARKER, _CHAT = renderer("marker"), renderer("chat")
# Endings of a prompt in the guides of 2021-2023; the first is OpenAI's own.
_FOREIGN_PROMPT_END = re.compile(r"(\s*###\s*|\s*->\s*)\Z")
_FOREIGN_COMPLETION_END = re.compile(r"(\s*###\s*|\s*\bEND\s*|<\|endoftext\|>)\Z")


class ImportFailure(ValueError):
    """A file that cannot be read: what is wrong and what to do, in `message`; where, in `line` (from 1, or None).

    `template` and `params` are the message before its values were filled in, for translation.
    """

    def __init__(self, template: str, line: int | None = None, **params: object) -> None:
        self.template = template
        self.params = params
        self.message = template.format(**params)
        self.line = line
        super().__init__(self.message if line is None else f"Line {line}: {self.message}")


@dataclass(frozen=True)
class ImportedItem:
    """A question and an answer, normalised; `changes` is what `normalise` did. The answer may be empty.

    `line` is where the record begins in the file, from 1.
    """

    question: str
    answer: str
    wordings: tuple[str, ...]
    line: int
    changes: tuple[str, ...] = ()


def imported_item(record: Mapping[str, Any], line: int) -> ImportedItem:
    """Read a record of any known shape, its names in any case. ImportFailure says which part is missing."""
    named = {str(name).strip().casefold(): value for name, value in record.items()}
    if "conversations" in named:
        named["messages"] = _from_sharegpt(named["conversations"])
    if "messages" in named:
        question, answer = _CHAT.parse({"messages": _messages(named["messages"], line)})
    elif "prompt" in named and "completion" in named:
        question, answer = _pair(_text(named["prompt"], line), _text(named["completion"], line))
    else:
        question, answer = _value(named, _QUESTION_NAMES, line), _value(named, _ANSWER_NAMES, line)
    if not question.strip():
        raise ImportFailure("the question is empty. Write the question, or delete this record.", line)
    return _normalised(question, answer, _wordings(named, line), line)


def _normalised(question: str, answer: str, wordings: tuple[str, ...], line: int) -> ImportedItem:
    (question, *others), changes = zip(*map(normalise, (question, answer, *wordings)), strict=True)
    done = tuple(dict.fromkeys(change for each in changes for change in each))
    return ImportedItem(question.strip(), others[0].strip(), tuple(others[1:]), line, done)


def _value(named: Mapping[str, Any], names: tuple[str, ...], line: int) -> str:
    for name in names:
        if name in named:
            return _text(named[name], line)
    raise ImportFailure(
        'there is no "{wanted}" here, only: {found}. Name the parts "question" and "answer".',
        line,
        wanted=names[0],
        found=", ".join(named) or "—",
    )


def _text(value: Any, line: int) -> str:
    if value is None:
        return ""
    if isinstance(value, str):
        return value
    if isinstance(value, int | float) and not isinstance(value, bool):
        return str(value)
    raise ImportFailure("a text was expected where {found} stands. Put the text in double quotes.", line, found=value)


def _wordings(named: Mapping[str, Any], line: int) -> tuple[str, ...]:
    """A list of texts; in a table, one cell with a wording a line."""
    value = next((named[name] for name in _WORDING_NAMES if named.get(name)), ())
    texts = value.split("\n") if isinstance(value, str) else value
    if not isinstance(texts, list | tuple):
        raise ImportFailure("the wordings have to be a list of texts.", line)
    return tuple(text.strip() for text in (_text(each, line) for each in texts) if text.strip())


def _from_sharegpt(value: Any) -> Any:
    """ShareGPT's conversation as messages; what is none stays as it is, for `_messages` to refuse."""
    if not isinstance(value, list) or not all(isinstance(each, dict) for each in value):
        return value
    roles = {"human": "user", "gpt": "assistant"}
    return [{"role": roles.get(e.get("from"), e.get("from")), "content": e.get("value")} for e in value]


def _messages(value: Any, line: int) -> list[dict[str, str]]:
    """Messages of plain text. The last one has to be the assistant's, after one of the user's."""
    if not isinstance(value, list) or not all(isinstance(each, dict) for each in value):
        raise ImportFailure('"messages" has to be a list of objects with "role" and "content".', line)
    messages = [{"role": str(each.get("role")), "content": _content(each.get("content"), line)} for each in value]
    roles = [message["role"] for message in messages]
    if "user" not in roles or roles[-1] != "assistant":
        raise ImportFailure("a dialogue needs a message of the user and, last, one of the assistant.", line)
    return messages


def _content(value: Any, line: int) -> str:
    """A text, or OpenAI's list of parts of which only those of type "text" can be learned."""
    if not isinstance(value, list):
        return _text(value, line)
    parts = [part.get("text") for part in value if isinstance(part, dict)]
    return "".join(_text(part, line) for part in parts)


def _pair(prompt: str, completion: str) -> tuple[str, str]:
    if prompt.startswith("Q:") and prompt.endswith(" ->"):
        return _MARKER.parse({"prompt": prompt, "completion": completion})
    return _FOREIGN_PROMPT_END.sub("", prompt), _FOREIGN_COMPLETION_END.sub("", completion)
