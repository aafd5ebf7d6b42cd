"""Exports of chats, WhatsApp's text and Telegram's JSON, to what somebody was asked and what they answered."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import groupby, pairwise
from typing import Any

from questionnaires.dataset.records import ImportFailure

MAX_QUESTION_CHARACTERS = 500
LEAST_WORDS = 3  # of an answer: "yes" and "ok" say nothing about a person
_LOOK_AT_LINES = 30
# "[12/03/2024, 10:15:22] Ann: text" on iOS, "12/03/2024, 10:15 - Ann: text" on Android, in any order of the date.
_WHATSAPP = re.compile(
    r"\u200e?\[?(?P<day>\d{1,4}[./-]\d{1,2}[./-]\d{1,4}),?\s+\d{1,2}[:.]\d{2}(?:[:.]\d{2})?"
    r"(?:[\s\u202f]?[ap]\.?\s?m\.?)?\]?(?:\s-)?\s(?P<who>[^:]{1,80}):\s(?P<text>.*)",
    re.I,
)
_NOBODY = "\u200e"
_NOT_TEXT = re.compile(r"\u200e|<[^<>]{1,40}>|\(file attached\)|\b(?:image|video|audio|sticker|GIF) omitted", re.I)


class PersonNeeded(ImportFailure):
    """A chat has several people; `people` are their names, the one with most messages first."""

    def __init__(self, people: list[str]) -> None:
        names = ", ".join(people[:10])
        super().__init__("this is a chat of several people: {people}. Say which of them is you.", people=names)
        self.people = people


@dataclass(frozen=True)
class Said:
    """A message: where it is in the file (line, or number in the list), on which day, by whom."""

    place: int
    day: str
    who: str
    text: str


def is_whatsapp(text: str) -> bool:
    """Whether two of the first lines look like WhatsApp's."""
    return sum(bool(_WHATSAPP.fullmatch(line.strip())) for line in text.split("\n", _LOOK_AT_LINES)[:-1]) >= 2


def is_telegram(whole: Any) -> bool:
    """Whether a parsed JSON is the export of one chat or of all."""
    return bool(isinstance(whole, Mapping) and _chats(whole))


def whatsapp(text: str) -> list[Said]:
    """The messages of WhatsApp's text. A line without a date goes on with the message before it."""
    found: list[Said] = []
    for number, line in enumerate(text.split("\n"), 1):
        if match := _WHATSAPP.fullmatch(line.strip()):
            found.append(Said(number, match["day"], match["who"].strip(), match["text"]))
        elif found:
            last = found.pop()
            found.append(Said(last.place, last.day, last.who, f"{last.text}\n{line.rstrip()}"))
    return found


def telegram(whole: Mapping[str, Any]) -> list[Said]:
    """The messages of all chats in a Telegram export, chat by chat."""
    found = []
    for chat in _chats(whole):
        for number, message in enumerate(chat["messages"], 1):
            if isinstance(message, dict) and message.get("type") == "message" and isinstance(message.get("from"), str):
                day = str(message.get("date", ""))[:10]
                found.append(Said(number, day, message["from"], _plain(message.get("text"))))
    return found


def _chats(whole: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    several = whole.get("chats")
    candidates = several.get("list", []) if isinstance(several, Mapping) else [whole]
    return [chat for chat in candidates if isinstance(chat, Mapping) and _is_chat(chat)]


def _is_chat(chat: Mapping[str, Any]) -> bool:
    messages = chat.get("messages")
    return isinstance(messages, list) and any(isinstance(each, dict) and "date" in each for each in messages[:5])


def _plain(text: Any) -> str:
    """Telegram writes a formatted text as a list of texts and of objects with a text."""
    parts = text if isinstance(text, list) else [text]
    return "".join(part if isinstance(part, str) else str(part.get("text", "")) for part in parts if part)


def people(messages: list[Said]) -> list[str]:
    """Who wrote, most messages first."""
    return [who for who, _count in Counter(message.who for message in messages).most_common()]


def pairs(messages: list[Said], person: str) -> Iterator[tuple[int, str, str]]:
    """Yield (place, question, answer): what others asked with a question mark, and what `person` said to it next,
    the same day, in three words or more. PersonNeeded if nobody of that name wrote.
    """
    known = people(messages)
    name = next((each for each in known if each.casefold() == person.strip().casefold()), None)
    if name is None:
        raise PersonNeeded(known)
    for asked, answered in pairwise(_turns(messages)):
        if asked.who == name or answered.who != name or asked.day != answered.day:
            continue
        question = _question(asked.text)
        if question and len(answered.text.split()) >= LEAST_WORDS:
            yield answered.place, question, answered.text


def _turns(messages: list[Said]) -> Iterator[Said]:
    """What one wrote in a row on one day, as one text; pictures and the like are left out.

    WhatsApp on iOS begins what nobody wrote with a mark for the direction of writing.
    """
    written = (message for message in messages if not message.text.startswith(_NOBODY))
    texts = (Said(m.place, m.day, m.who, _NOT_TEXT.sub("", m.text).strip()) for m in written)
    spoken = (message for message in texts if message.text)
    for (who, day), row in groupby(spoken, key=lambda message: (message.who, message.day)):
        several = list(row)
        yield Said(several[0].place, day, who, "\n".join(message.text for message in several))


def _question(text: str) -> str:
    """The text if it asks; of a long one the last line that does."""
    if "?" not in text:
        return ""
    if len(text) <= MAX_QUESTION_CHARACTERS:
        return " ".join(text.split())
    line = next(line for line in reversed(text.split("\n")) if "?" in line)
    return " ".join(line.split())[-MAX_QUESTION_CHARACTERS:]
