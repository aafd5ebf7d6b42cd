"""From a message to the persona's words: retrieval, prompt, decoding, and a look at what came out.

The chat room and the command `ask` both answer here, so that a figure measured with one holds for the other.
"""

from __future__ import annotations

import logging
from collections.abc import AsyncGenerator, Iterator, Sequence
from contextlib import aclosing
from dataclasses import dataclass, field
from time import perf_counter
from typing import Any

from asgiref.sync import sync_to_async
from django.utils.translation import gettext as _

from chat import client
from chat.correctness import Fault, fault_of
from chat.grounding import Grounding, Kind, Told, ground
from chat.models import Conversation
from chat.speakers import Speaker, bare_speaker
from chat.window import REPLY_TOKENS, note_fitting
from questionnaires.dataset import Messages, Renderer, Turn

logger = logging.getLogger(__name__)

MAX_TOKENS = REPLY_TOKENS
TEMPERATURES = (0.0, 0.7)  # greedy; once more, less strictly, if the first try was unfit to show
OTHERWISE = (0.7, 0.9)  # of a reply that was asked for again: greedy would say the same

Manner = Conversation.Manner


@dataclass(frozen=True)
class Asked:
    """A message, what the person said before it (for retrieval), and earlier turns (for the prompt).

    `attempt` counts the replies that it got already; `begun` is the beginning of the reply where that is there;
    `may_quote`: whether the answer itself may be shown where the model has no words for it.
    """

    text: str
    context: str | None = None
    turns: tuple[Turn, ...] = ()
    manner: str = Manner.NATURAL
    attempt: int = 0
    begun: str = ""
    may_quote: bool = True

    @property
    def temperatures(self) -> tuple[float, ...]:
        """Of the tries. The rest of a reply has one: what is there already was found fit."""
        usual = OTHERWISE if self.attempt else TEMPERATURES
        return usual[:1] if self.begun else usual


@dataclass(frozen=True)
class Again:
    """What came so far is unfit; another try begins from nothing."""


@dataclass(frozen=True)
class Reply:
    """The end. `figures`: finish, tokens, seconds, first_ms (milliseconds to the first token), probability, tries."""

    text: str
    grounding: Grounding
    figures: dict[str, Any] = field(default_factory=dict)
    error: str = ""


Event = str | Again | Reply


async def answer(*, speaker: Speaker, told: Sequence[Told], asked: Asked) -> AsyncGenerator[Event, None]:
    """The reply in pieces of shown text, then a `Reply`. Raises EngineError."""
    clock = _Clock()
    is_free = asked.manner == Manner.FREE
    grounding = Grounding(Kind.FREE)
    if not speaker.is_raw:
        grounding = await ground(text=asked.text, context=asked.context, told=told, is_free=is_free)
    if grounding.kind is Kind.UNKNOWN:
        yield Reply("", grounding, clock.figures(grounding))
    elif grounding.kind is Kind.NOTE and asked.manner == Manner.STRICT:
        for event in _quoted(grounding, clock):
            yield event
    else:
        if grounding.kind is Kind.SMALL_TALK and speaker.elsewhere is None:
            speaker = bare_speaker(
                speaker.name
            )  # tuned on answers about oneself, a small model has no word for "thank you"
        async with aclosing(_spoken(speaker, asked, grounding, clock)) as events:
            async for event in events:
                yield event


def _quoted(grounding: Grounding, clock: _Clock) -> Iterator[Event]:
    """The answer itself, and marked as such."""
    text = grounding.notes[0].answer
    yield text
    yield Reply(text, grounding, clock.figures(grounding) | {"quoted": True})


async def _spoken(speaker: Speaker, asked: Asked, grounding: Grounding, clock: _Clock) -> AsyncGenerator[Event, None]:
    """What the model says, tried again where that is unfit to show."""
    notes = grounding.notes
    if speaker.elsewhere is None:
        notes = tuple([await sync_to_async(note_fitting)(note, asked.text, speaker.version) for note in notes])
    prompt = speaker.prompt(asked.text, notes, asked.turns)
    if asked.begun:
        prompt = speaker.renderer.begun(prompt, asked.begun)
    for temperature in asked.temperatures:
        clock.tries += 1
        draft = _Draft(speaker.renderer, asked.begun)
        async with aclosing(_decode(speaker, prompt, temperature, clock, bool(asked.begun))) as pieces:
            async for piece in pieces:
                if grown := draft.grow(piece):
                    yield grown
        fault = None if speaker.is_raw else _fault(draft.text, asked, grounding, clock.finish)
        if fault is None:
            yield Reply(draft.text, grounding, clock.figures(grounding))
            return
        logger.info("a reply of model %s was unfit: %s, try %d", speaker.model, fault, clock.tries)
        if asked.begun:  # what was there before stays
            yield Reply(asked.begun, grounding, clock.figures(grounding) | {"finish": "stop"})
            return
        yield Again()
    if grounding.kind is Kind.NOTE and asked.may_quote:  # the model has no words for it, the person had
        for event in _quoted(grounding, clock):
            yield event
        return
    sentence = _("The model found no words of its own for this. Ask in other words, or train on more answers.")
    yield Reply("", grounding, clock.figures(grounding), error=sentence)


def _fault(text: str, asked: Asked, grounding: Grounding, finish: str) -> Fault | None:
    return fault_of(text, question=asked.text, said=[note.answer for note in grounding.notes], finish=finish)


async def _decode(
    speaker: Speaker, prompt: str | Messages, temperature: float, clock: _Clock, is_begun: bool
) -> AsyncGenerator[str, None]:
    stream = client.stream_reply(
        model=speaker.model,
        prompt=prompt,
        stop=speaker.renderer.stop,
        temperature=temperature,
        max_tokens=MAX_TOKENS,
        elsewhere=speaker.elsewhere,
        is_begun=is_begun,
    )
    async with aclosing(stream) as pieces:
        async for piece in pieces:
            if isinstance(piece, client.Finish):
                clock.finished(piece)
            else:
                clock.token()
                yield piece


class _Draft:
    """A raw reply as it grows, and its words: cleaned, so that no marker is shown."""

    def __init__(self, renderer: Renderer, begun: str = "") -> None:
        self.text = self._begun = begun
        self._raw = ""
        self._shown = begun
        self._renderer = renderer

    def grow(self, piece: str) -> str:
        """What can be shown after the words before."""
        self._raw += piece
        self.text = self._begun + self._gap() + self._renderer.clean(self._raw)
        if not self.text.startswith(self._shown):
            return ""
        grown = self.text[len(self._shown) :]
        self._shown = self.text
        return grown

    def _gap(self) -> str:
        """Cleaning takes the white space away with which the rest of a reply begins."""
        space = self._raw[: len(self._raw) - len(self._raw.lstrip())]
        return space if self._begun and self._raw.strip() else ""


class _Clock:
    """Measures one reply from the moment it was begun, retrieval included."""

    def __init__(self) -> None:
        self.tries = 0
        self._begun = perf_counter()
        self._first: float | None = None
        self._finish: client.Finish | None = None

    def token(self) -> None:
        self._first = self._first or perf_counter()

    def finished(self, finish: client.Finish) -> None:
        self._finish = finish

    @property
    def finish(self) -> str:
        return self._finish.reason if self._finish else ""

    def figures(self, grounding: Grounding) -> dict[str, Any]:
        now = perf_counter()
        figures: dict[str, Any] = {"seconds": round(now - self._begun, 3), "tries": self.tries, "kind": grounding.kind}
        if grounding.probability is not None:
            figures["probability"] = round(grounding.probability, 4)
        if self._first and self._finish:
            decoding = max(now - self._first, 1e-3)
            figures["finish"], figures["tokens"] = self._finish.reason, self._finish.tokens
            figures["prompt_tokens"] = self._finish.prompt_tokens
            figures["first_ms"] = round(1000 * (self._first - self._begun))
            figures["tokens_per_second"] = round(self._finish.tokens / decoding, 1)
        return figures
