"""Questions and answers written down as a text: Markdown headings, bold lines, or "Q:" and "A:"."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

_LABELLED = re.compile(r"(?:\*\*)?(?:Q|Question|В|Вопрос)\s*\d*\s*[:.)](?:\*\*)?\s*(?P<text>\S.*)", re.I)
_HEADING = re.compile(r"(?P<level>#{1,6})\s+(?P<text>.*?)(?:\s+#+)?\s*")
_BOLD = re.compile(r"(?:\d+[.)]\s+)?(?:\*\*|__)(?P<text>\S.*?)(?:\*\*|__):?\s*")
_ANSWER_LABEL = re.compile(r"\A(?:\*\*)?(?:A|Answer|О|Ответ)\s*\d*\s*[:.)](?:\*\*)?\s*", re.I)
_STYLES = (_LABELLED, _HEADING, _BOLD)
_ESCAPE = re.compile(r"\\([!-/:-@\[-`{-~])")  # of Markdown: a backslash before punctuation


@dataclass
class _Entry:
    line: int
    question: str
    level: int
    answer: list[str]

    @property
    def text(self) -> str:
        return _unescaped(_ANSWER_LABEL.sub("", "\n".join(self.answer).strip(), count=1))


def is_written_list(text: str) -> bool:
    """Whether any line is a question in one of the styles."""
    return _style(text) is not None


def pairs(text: str) -> Iterator[tuple[int, str, str]]:
    """Yield (line from 1, question, answer). The first style that the text has is its style.

    A heading over a deeper one, with nothing between, is a chapter's title.
    """
    style = _style(text)
    if style is None:
        return
    entries = list(_entries(text, style))
    for entry, following in zip(entries, [*entries[1:], None], strict=True):
        is_title = not entry.text and following is not None and following.level > entry.level
        if not is_title:
            yield entry.line, entry.question, entry.text


def _style(text: str) -> re.Pattern[str] | None:
    lines = text.split("\n")
    return next((style for style in _STYLES if any(style.fullmatch(line.strip()) for line in lines)), None)


def _entries(text: str, style: re.Pattern[str]) -> Iterator[_Entry]:
    entry: _Entry | None = None
    for number, line in enumerate(text.split("\n"), 1):
        if found := style.fullmatch(line.strip()):
            if entry:
                yield entry
            question = found["text"].strip("" if style is _HEADING else " *_")
            entry = _Entry(number, _unescaped(question), len(found.groupdict().get("level") or ""), [])
        elif entry:
            entry.answer.append(line.rstrip("\r"))
    if entry:
        yield entry


def _unescaped(text: str) -> str:
    return _ESCAPE.sub(r"\1", text)
