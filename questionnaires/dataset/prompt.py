"""The owner of the prompt format. Export, training and chat all render here, so they cannot drift apart.

Two formats of the same examples:

* "marker", of the article of January 2023, for /v1/completions:
  `{"prompt": "Q: Tell me about yourself. ->", "completion": " My name is ... .###"}`; a dialogue, and a note, is those
  lines glued together: `Q: first -> answer###Q: second ->`.
* "chat", for /v1/chat/completions: `{"messages": [{"role": "system", ...}, {"role": "user", ...}, ...]}`.

A person's text cannot forge a marker: every text is escaped on the way in, and `parse` and `clean` undo it. Nothing
else is changed here; `parse(row(x)) == x` holds for every text.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import lru_cache
from typing import Protocol

from questionnaires.dataset.items import Answered, Note, Row, Turn
from questionnaires.dataset.text import LINE_BREAKS, Escaping

Messages = list[dict[str, str]]

QUESTION_MARK = "Q: "
ANSWER_MARK = " ->"
STOP = "###"

# A run is trained with these words and chat must use the very same ones: a new wording needs a new renderer name.
SYSTEM_PROMPT = "You are {name}."
SYSTEM_PROMPT_WITH_NOTES = "You are {name}. These are your own words:\n{notes}"
NAMELESS = "this person"

# <|im_end|> and its like, </s>, <file_sep>: a tokenizer turns them into control tokens wherever they stand.
_CONTROL_WORD = r"<(?=\||/?[a-z_]+>)"
_CHAT_ESCAPING = Escaping(_CONTROL_WORD, ("<",))
_MARKER_ESCAPING = Escaping(
    "|".join(
        (
            _CONTROL_WORD,
            r"#(?=##|\Z)",  # also a last "#": glued to the stop it would move the stop forward ("C####")
            r"(?: |\A)-(?=>)",  # also a first "->": the space before an answer would complete it
            rf"(?:\A|[{LINE_BREAKS}])Q(?=:)",
        )
    ),
    ("<", "#", "->", "Q:"),
)
_MARKER_END = re.compile(rf"{STOP}|{ANSWER_MARK}|[{LINE_BREAKS}]Q:|<\|")
_CHAT_END = re.compile(r"<\|")


class Renderer(Protocol):
    """One prompt format. `stop` are the sequences at which generation has to end."""

    name: str
    stop: tuple[str, ...]

    def row(self, qa: Answered, question: str = "", notes: Sequence[Note] = (), name: str = "") -> Row:
        """A training row: `question` (or the question of `qa`) answered by the answer of `qa`."""

    def prompt(
        self, question: str, *, name: str, notes: Sequence[Note] = (), turns: Sequence[Turn] = ()
    ) -> str | Messages:
        """What chat sends: a string for /v1/completions, messages for /v1/chat/completions."""

    def prompt_row(self, question: str, *, name: str, notes: Sequence[Note] = (), turns: Sequence[Turn] = ()) -> Row:
        """The prompt as a row without an answer, for the samples of a training job."""

    def begun(self, prompt: str | Messages, reply: str) -> str | Messages:
        """`prompt` with the beginning of its reply, for a model that goes on from there."""

    def parse(self, row: Row) -> tuple[str, str]:
        """The question and the answer of a row; the answer is empty for a `prompt_row`."""

    def clean(self, reply: str) -> str:
        """The words of a raw reply: cut where the model ran on into a marker, unescaped, trimmed."""


class MarkerRenderer:
    """The article's format. The persona's name is not part of it."""

    name: str = "marker"
    stop: tuple[str, ...] = (STOP,)

    def row(self, qa: Answered, question: str = "", notes: Sequence[Note] = (), name: str = "") -> Row:
        prompt = self.prompt(question or qa.question, name=name, notes=notes)
        return {"prompt": prompt, "completion": self._completion(qa.answer)}

    def prompt(self, question: str, *, name: str, notes: Sequence[Note] = (), turns: Sequence[Turn] = ()) -> str:
        if not notes and not turns:
            return self._question(question)
        exchanges: list[Answered] = [*notes, *turns]
        earlier = "".join(self._question(qa.question) + self._completion(qa.answer) for qa in exchanges)
        return earlier + self._question(question)

    def prompt_row(self, question: str, *, name: str, notes: Sequence[Note] = (), turns: Sequence[Turn] = ()) -> Row:
        return {"prompt": self.prompt(question, name=name, notes=notes, turns=turns)}

    def begun(self, prompt: str | Messages, reply: str) -> str | Messages:
        return f"{prompt} {_MARKER_ESCAPING.apply(reply)}"

    def parse(self, row: Row) -> tuple[str, str]:
        question = row["prompt"].rpartition(STOP + QUESTION_MARK)[2].removeprefix(QUESTION_MARK)
        answer = row.get("completion", "").removeprefix(" ")
        return (
            _MARKER_ESCAPING.undo(question.removesuffix(ANSWER_MARK)),
            _MARKER_ESCAPING.undo(answer.removesuffix(STOP)),
        )

    def clean(self, reply: str) -> str:
        return _cut(reply, _MARKER_END, _MARKER_ESCAPING)

    def _question(self, text: str) -> str:
        return QUESTION_MARK + _MARKER_ESCAPING.apply(text) + ANSWER_MARK

    def _completion(self, text: str) -> str:
        return " " + _MARKER_ESCAPING.apply(text) + STOP


class ChatRenderer:
    """Messages. The system message says who speaks and, when there are notes, gives their own words."""

    name: str = "chat"
    stop: tuple[str, ...] = ("<|im_end|>",)

    def row(self, qa: Answered, question: str = "", notes: Sequence[Note] = (), name: str = "") -> Row:
        messages = self.prompt(question or qa.question, name=name, notes=notes)
        return {"messages": [*messages, _message("assistant", qa.answer)]}

    def prompt(self, question: str, *, name: str, notes: Sequence[Note] = (), turns: Sequence[Turn] = ()) -> Messages:
        messages = [{"role": "system", "content": _system_prompt(name, notes)}]
        for turn in turns:
            messages += [_message("user", turn.question), _message("assistant", turn.answer)]
        return [*messages, _message("user", question)]

    def prompt_row(self, question: str, *, name: str, notes: Sequence[Note] = (), turns: Sequence[Turn] = ()) -> Row:
        return {"messages": self.prompt(question, name=name, notes=notes, turns=turns)}

    def begun(self, prompt: str | Messages, reply: str) -> str | Messages:
        return [*(message for message in prompt if isinstance(message, dict)), _message("assistant", reply)]

    def parse(self, row: Row) -> tuple[str, str]:
        *earlier, last = row["messages"]
        answer = last["content"] if last["role"] == "assistant" else ""
        asked = earlier if last["role"] == "assistant" else row["messages"]
        question = next((message["content"] for message in reversed(asked) if message["role"] == "user"), "")
        return _CHAT_ESCAPING.undo(question), _CHAT_ESCAPING.undo(answer)

    def clean(self, reply: str) -> str:
        return _cut(reply, _CHAT_END, _CHAT_ESCAPING)


def _message(role: str, text: str) -> dict[str, str]:
    return {"role": role, "content": _CHAT_ESCAPING.apply(text)}


def _system_prompt(name: str, notes: Sequence[Note]) -> str:
    who = _spoken(name)
    if not notes:
        return SYSTEM_PROMPT.format(name=who)
    words = "\n".join("- " + _CHAT_ESCAPING.apply(note.answer) for note in notes)
    return SYSTEM_PROMPT_WITH_NOTES.format(name=who, notes=words)


@lru_cache(maxsize=8)  # one name a data set
def _spoken(name: str) -> str:
    return _CHAT_ESCAPING.apply(" ".join(name.split()) or NAMELESS)


def _cut(reply: str, end: re.Pattern[str], escaping: Escaping) -> str:
    return escaping.undo(end.split(reply, maxsplit=1)[0]).strip()


RENDERERS: dict[str, Renderer] = {each.name: each for each in (MarkerRenderer(), ChatRenderer())}


def renderer(name: str) -> Renderer:
    """The renderer of that name; a run stores the name that it was trained with. ValueError for an unknown one."""
    try:
        return RENDERERS[name]
    except KeyError:
        known = ", ".join(sorted(RENDERERS))
        raise ValueError(f"There is no prompt format {name!r}; choose one of: {known}.") from None
