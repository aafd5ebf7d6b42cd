"""From a message to the persona's words: retrieval, prompt, decoding, and a look at what came out.

The chat room and the command `ask` both answer here, so that a figure measured with one holds for the other.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import AsyncGenerator, Sequence
from contextlib import aclosing
from dataclasses import dataclass, field
from pathlib import Path
from time import perf_counter
from typing import Any

from django.conf import settings
from django.utils.translation import gettext as _

from chat import client
from chat.errors import ProviderFailed
from chat.grounding import Grounding, Kind, Told, ground
from questionnaires.dataset import Messages, Note, Renderer, Turn, renderer
from questionnaires.models import Persona
from questionnaires.services import Refused
from training.connections import endpoint_of, preset_of
from training.models import PersonaModel
from training.versions import is_remote

MAX_TOKENS = 160
TEMPERATURES = (0.0, 0.7)  # greedy; once more, less strictly, if the first try was unfit to show
BARE_FORMAT = "chat"  # of the base model without a training
LOOP_WORDS, LOOP_TIMES = 8, 3  # so many words the same, so many times: the model is going in circles


@dataclass(frozen=True)
class Speaker:
    """Who answers: the server's name of the model, how it was taught to be asked, and where it is (None: here)."""

    model: str
    renderer: Renderer
    name: str
    elsewhere: client.Elsewhere | None = None

    def prompt(self, text: str, notes: Sequence[Note], turns: Sequence[Turn] = ()) -> str | Messages:
        return self.renderer.prompt(text, name=self.name, notes=notes, turns=turns)


@dataclass(frozen=True)
class Asked:
    """A message, what the person said before it (for retrieval), and earlier turns (for the prompt)."""

    text: str
    context: str | None = None
    turns: tuple[Turn, ...] = ()


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


def speaker_get(*, persona: Persona, version: PersonaModel | None) -> Speaker:
    """The version, or the bare base model with the persona's name. EngineError if its provider cannot be asked."""
    if version is None:
        return _bare(persona.name)
    if is_remote(version):
        return _remote(version)
    return Speaker(str(version.pk), renderer(version.format), version.spoken_name)


def _remote(version: PersonaModel) -> Speaker:
    """The key is unsealed here, for one reply."""
    connection = version.connection
    if connection is None:
        raise ProviderFailed(_("The connection that serves this version was deleted. Choose another version."))
    model = version.deployment or version.remote_model
    if not model or (preset_of(connection).deployment and not version.deployment):
        raise ProviderFailed(
            _("“%(name)s” has to deploy this model first. Then enter the deployment's name on the version's page.")
            % {"name": connection.name}
        )
    try:
        elsewhere = client.Elsewhere(endpoint_of(connection), connection.name)
    except Refused as refused:
        raise ProviderFailed(str(refused)) from refused
    return Speaker(model, renderer(version.format), version.spoken_name, elsewhere)


def _bare(name: str) -> Speaker:
    return Speaker(_bare_name(settings.BASE_MODEL), renderer(BARE_FORMAT), name)


def _bare_name(base_model: str) -> str:
    """As the engine lists it: a folder goes by its last part."""
    folder = Path(base_model).expanduser()
    return folder.resolve().name if folder.is_dir() else base_model


async def answer(*, speaker: Speaker, told: Sequence[Told], asked: Asked) -> AsyncGenerator[Event, None]:
    """The reply in pieces of shown text, then a `Reply`. Raises EngineError."""
    clock = _Clock()
    grounding = await ground(text=asked.text, context=asked.context, told=told)
    if grounding.kind is Kind.UNKNOWN:
        yield Reply("", grounding, clock.figures(grounding))
        return
    if grounding.kind is Kind.SMALL_TALK and speaker.elsewhere is None:
        speaker = _bare(speaker.name)  # tuned on answers about oneself, a small model has no word for "thank you"
    prompt = speaker.prompt(asked.text, grounding.notes, asked.turns)
    for temperature in TEMPERATURES:
        clock.tries += 1
        draft = _Draft(speaker.renderer)
        async with aclosing(_decode(speaker, prompt, temperature, clock)) as pieces:
            async for piece in pieces:
                if grown := draft.grow(piece):
                    yield grown
        if not is_unfit(draft.text):
            yield Reply(draft.text, grounding, clock.figures(grounding))
            return
        yield Again()
    sentence = _("The model found no words of its own for this. Ask in other words, or train on more answers.")
    yield Reply("", grounding, clock.figures(grounding), error=sentence)


async def _decode(
    speaker: Speaker, prompt: str | Messages, temperature: float, clock: _Clock
) -> AsyncGenerator[str, None]:
    stream = client.stream_reply(
        model=speaker.model,
        prompt=prompt,
        stop=speaker.renderer.stop,
        temperature=temperature,
        max_tokens=MAX_TOKENS,
        elsewhere=speaker.elsewhere,
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

    def __init__(self, renderer: Renderer) -> None:
        self.text = ""
        self._raw = self._shown = ""
        self._renderer = renderer

    def grow(self, piece: str) -> str:
        """What can be shown after the words before."""
        self._raw += piece
        self.text = self._renderer.clean(self._raw)
        if not self.text.startswith(self._shown):
            return ""
        grown = self.text[len(self._shown) :]
        self._shown = self.text
        return grown


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

    def figures(self, grounding: Grounding) -> dict[str, Any]:
        now = perf_counter()
        figures: dict[str, Any] = {"seconds": round(now - self._begun, 3), "tries": self.tries}
        if grounding.probability is not None:
            figures["probability"] = round(grounding.probability, 4)
        if self._first and self._finish:
            decoding = max(now - self._first, 1e-3)
            figures["finish"], figures["tokens"] = self._finish.reason, self._finish.tokens
            figures["first_ms"] = round(1000 * (self._first - self._begun))
            figures["tokens_per_second"] = round(self._finish.tokens / decoding, 1)
        return figures


def is_unfit(text: str) -> bool:
    """Empty, or the same eight words three times."""
    words = text.casefold().split()
    runs = Counter(tuple(words[start : start + LOOP_WORDS]) for start in range(len(words) - LOOP_WORDS + 1))
    return not text.strip() or max(runs.values(), default=0) >= LOOP_TIMES
