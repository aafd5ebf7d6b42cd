"""What a reply is an answer to: the message, what it leans on, and the earlier turns that fit the prompt."""

from dataclasses import dataclass

from chat.branches import ancestors_get
from chat.models import Message
from chat.window import CountTokens, tokens_of
from engine.follow_up import needs_context
from questionnaires.dataset import Turn

TURN_TOKENS = 900  # of a window of 2048: the note, the question and the reply need the rest
TURNS_HERE = 0  # trained on single turns, a small model does worse with earlier ones; docs/chat.md has figures
TURNS_ELSEWHERE = 8  # a provider's models are made for dialogues

State = Message.State


@dataclass(frozen=True)
class Dialogue:
    """The message, the one before it that it leans on (for retrieval), and earlier turns (for the prompt)."""

    text: str
    context: str | None
    turns: tuple[Turn, ...]


def dialogue_get(*, reply: Message) -> Dialogue:
    """The message that `reply` answers, with its context on this branch: nothing from before the last line."""
    if reply.parent is None:
        return Dialogue("", None, ())
    before = _since_line(reply.parent)
    said = [message.in_persona_language for message in before if message.role == Message.Role.PERSON]
    most = TURNS_ELSEWHERE if reply.version and reply.version.connection_id else TURNS_HERE
    turns = turns_fitting(before, tokens_of(reply.version)) if most else ()
    return Dialogue(reply.parent.in_persona_language, _context(said), turns[-most:] if most else ())


def _since_line(asked: Message) -> list[Message]:
    """What was said before `asked`, newest first, up to the last line."""
    if asked.starts_afresh:
        return []
    before = ancestors_get(message=asked)
    line = next((place for place, message in enumerate(before) if message.starts_afresh), len(before))
    return before[: line + 1]


def _context(said: list[str]) -> str | None:
    """What a follow-up leans on: the last message, newest first, that stands alone, as "and why?" does not."""
    return next((text for text in said if not needs_context(text)), said[-1] if said else None)


def turns_fitting(before: list[Message], count: CountTokens, tokens: int = TURN_TOKENS) -> tuple[Turn, ...]:
    """Whole turns, oldest first, of messages given newest first: as many of the newest as fit into `tokens`."""
    turns: list[Turn] = []
    for reply, asked in zip(before[::2], before[1::2], strict=False):
        if reply.state not in {State.DONE, State.STOPPED} or not reply.text:
            continue
        tokens -= count(asked.in_persona_language) + count(reply.text)
        if tokens < 0:
            break
        turns.insert(0, Turn(asked.in_persona_language, reply.text))
    return tuple(turns)
