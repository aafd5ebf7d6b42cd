"""How a model that learned a program's file is asked: with the bare message, as the program would ask it."""

from collections.abc import Sequence

from questionnaires.dataset import Messages, Note, Row, Turn, renderer
from questionnaires.dataset.items import Answered


class RawRenderer:
    """A Renderer without a person: no name, no notes, no marks. Its rows are the file's own and not made here."""

    stop: tuple[str, ...] = ()

    def __init__(self, format: str) -> None:
        self.name = format
        self._usual = renderer(format)

    def row(self, qa: Answered, question: str = "", notes: Sequence[Note] = (), name: str = "") -> Row:
        return self._usual.row(qa, question, notes, name)

    def prompt(
        self, question: str, *, name: str, notes: Sequence[Note] = (), turns: Sequence[Turn] = ()
    ) -> str | Messages:
        if self.name != "chat":
            return question
        earlier = [message for turn in turns for message in _exchange(turn)]
        return [*earlier, {"role": "user", "content": question}]

    def prompt_row(self, question: str, *, name: str, notes: Sequence[Note] = (), turns: Sequence[Turn] = ()) -> Row:
        prompt = self.prompt(question, name=name, turns=turns)
        return {"prompt": prompt} if isinstance(prompt, str) else {"messages": prompt}

    def begun(self, prompt: str | Messages, reply: str) -> str | Messages:
        if isinstance(prompt, str):
            return prompt + reply
        return [*prompt, {"role": "assistant", "content": reply}]

    def parse(self, row: Row) -> tuple[str, str]:
        return self._usual.parse(row)

    def clean(self, reply: str) -> str:
        return reply.strip()


def _exchange(turn: Turn) -> Messages:
    return [{"role": "user", "content": turn.question}, {"role": "assistant", "content": turn.answer}]
