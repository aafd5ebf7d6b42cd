"""Which of two versions is more like the person, told by the person, who does not know which one speaks.

Pairs of replies to their own questions stand in random order; picks are counted with an exact interval. Picks of
"neither" tell nothing about which is better and are left out of it.
"""

import secrets
from collections.abc import Callable, Sequence
from contextlib import aclosing
from dataclasses import dataclass
from math import comb

from asgiref.sync import sync_to_async
from django.utils.translation import gettext as _

from chat.answering import Asked, Reply, answer
from chat.grounding import Told, told_get
from chat.models import BlindPair, Correction
from chat.speakers import Speaker, speaker_get
from questionnaires.models import Persona
from questionnaires.services import Refused
from training.models import PersonaModel

TRIES = 6  # questions, after which two versions that always say the same are said so
LEAST = 6  # picks, before which an interval says nothing: of five all could be chance (p = 0.06)
CONFIDENCE = 0.95
LONGEST = 1000  # characters of a question that was a message

_lot = secrets.SystemRandom()


@dataclass(frozen=True)
class Score:
    """Of all picks: how often each was chosen. `low` and `high` bound the new one's share with 95 % confidence."""

    old: int
    new: int
    neither: int
    low: float
    high: float

    @property
    def decided(self) -> int:
        return self.old + self.new

    @property
    def verdict(self) -> str:
        """ "better", "worse" (of the new version), or "open" while chance may have done it."""
        if self.decided < LEAST or self.low <= 0.5 <= self.high:
            return "open"
        return "better" if self.low > 0.5 else "worse"


def versions_compared(*, persona: Persona) -> tuple[PersonaModel, PersonaModel] | None:
    """The newest version and the one before it, archived ones left out; None while there are not two."""
    rows = PersonaModel.objects.filter(persona=persona, archived_at=None).select_related("connection")
    newest = list(rows.order_by("-number")[:2])
    return (newest[1], newest[0]) if len(newest) == 2 else None


def score_get(*, old: PersonaModel, new: PersonaModel) -> Score:
    picks = list(BlindPair.objects.filter(old=old, new=new).exclude(pick="").values_list("pick", flat=True))
    for_old, for_new = picks.count(BlindPair.Pick.OLD), picks.count(BlindPair.Pick.NEW)
    low, high = interval(for_new, for_old + for_new)
    return Score(for_old, for_new, picks.count(BlindPair.Pick.NEITHER), low, high)


def interval(successes: int, trials: int, confidence: float = CONFIDENCE) -> tuple[float, float]:
    """Bounds of a share, exact for the binomial distribution (Clopper and Pearson, 1934); (0, 1) without a trial."""
    tail = (1 - confidence) / 2
    low = _solve(lambda p: _at_least(successes, trials, p) < tail) if successes else 0.0
    high = _solve(lambda p: 1 - _at_least(successes + 1, trials, p) > tail) if successes < trials else 1.0
    return low, high


def _at_least(successes: int, trials: int, p: float) -> float:
    return sum(comb(trials, k) * p**k * (1 - p) ** (trials - k) for k in range(successes, trials + 1))


def _solve(is_below: Callable[[float], bool]) -> float:
    """Where a predicate that holds from 0 upwards ceases to, by bisection."""
    low, high = 0.0, 1.0
    for _step in range(50):
        middle = (low + high) / 2
        low, high = (middle, high) if is_below(middle) else (low, middle)
    return low


def pair_open(*, old: PersonaModel, new: PersonaModel) -> BlindPair | None:
    """The pair that waits for its pick."""
    return BlindPair.objects.filter(old=old, new=new, pick="").first()


async def pair_make(*, persona: Persona, old: PersonaModel, new: PersonaModel) -> BlindPair:
    """Asks both versions questions until they say different things. Refused when they do not; raises EngineError."""
    questions, told = await sync_to_async(_questions_and_told)(persona, old, new)
    speakers = [await sync_to_async(speaker_get)(persona=persona, version=version) for version in (old, new)]
    for question in questions[:TRIES]:
        old_text, new_text = [await _said(speaker, told, question) for speaker in speakers]
        if old_text and new_text and old_text != new_text:
            return await BlindPair.objects.acreate(
                owner_id=persona.owner_id,
                persona=persona,
                old=old,
                new=new,
                question=question,
                old_text=old_text,
                new_text=new_text,
                new_first=_lot.random() < 0.5,
            )
    if not questions:
        raise Refused(_("Both were asked all of your questions already."))
    raise Refused(_("To %(n)d questions both said the same, word for word. Try again with others.") % {"n": TRIES})


async def _said(speaker: Speaker, told: Sequence[Told], question: str) -> str:
    """The reply's text; "" where there is none."""
    async with aclosing(answer(speaker=speaker, told=told, asked=Asked(question))) as events:
        async for event in events:
            if isinstance(event, Reply):
                return event.text
    return ""


def _questions_and_told(persona: Persona, old: PersonaModel, new: PersonaModel) -> tuple[list[str], list[Told]]:
    """Corrected messages first, since the new version was trained for them, then the person's own questions."""
    told = told_get(persona=persona)
    asked = set(BlindPair.objects.filter(old=old, new=new).values_list("question", flat=True))
    corrected = Correction.objects.filter(persona=persona).values_list("asked", flat=True)
    own = [_lot.choice(each.ways_to_ask) for each in told]
    _lot.shuffle(own)
    every = dict.fromkeys(text[:LONGEST] for text in [*corrected, *own])
    return [text for text in every if text.strip() and text not in asked], told


def pair_pick(*, pair: BlindPair, side: str) -> None:
    """Stores the pick, once: "first", "second" or "neither". Refused for another word."""
    picks = {"neither": BlindPair.Pick.NEITHER, "first": BlindPair.Pick.OLD, "second": BlindPair.Pick.NEW}
    if side not in picks:
        raise Refused(_("Choose the first reply, the second one, or neither."))
    if pair.new_first and side != "neither":
        side = "second" if side == "first" else "first"
    BlindPair.objects.filter(pk=pair.pk, pick="").update(pick=picks[side])
