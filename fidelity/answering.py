"""Answering the items: which comes next, what is saved, and when the same ones are asked again.

The order is drawn once for each persona and mixes films and choices, so that whoever stops early has some of both.
"""

from __future__ import annotations

import random
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.utils import timezone
from django.utils.translation import gettext as _

from fidelity.measures.items import known_choices, known_films
from fidelity.models import ItemAnswer
from questionnaires.models import Persona
from questionnaires.services import Refused

Key = tuple[str, str]  # kind, item

FILM, CHOICE = ItemAnswer.Kind.FILM.value, ItemAnswer.Kind.CHOICE.value
KINDS = (FILM, CHOICE)
FIRST, RETEST = ItemAnswer.FIRST, ItemAnswer.RETEST
STARS = 5
SECONDS_AN_ITEM = 4
LONGEST_LOOK = 600.0  # seconds: who takes longer was away
RETEST_AFTER = timedelta(days=14)  # as Park et al. (2024) did: memory of the answers has faded, the person has not
RETEST_ITEMS = 36
FEWEST_FOR_RETEST = 12  # fewer say nothing about how often one agrees with oneself


@dataclass(frozen=True)
class Sitting:
    """One round of answering: the items in the order of asking, and the answers that are there."""

    persona: Persona
    round: int
    order: tuple[Key, ...]
    values: Mapping[Key, int]

    @property
    def total(self) -> int:
        return len(self.order)

    @property
    def done(self) -> int:
        return sum(key in self.values for key in self.order)

    @property
    def minutes_left(self) -> int:
        """Rounded up; 0 if all is answered."""
        return -(-(self.total - self.done) * SECONDS_AN_ITEM // 60)

    def next_open(self, after: Key | None = None) -> Key | None:
        """The first item without an answer behind `after`, then from the beginning; None if all have one."""
        start = self.order.index(after) + 1 if after in self.order else 0
        return next((key for key in (*self.order[start:], *self.order[:start]) if key not in self.values), None)

    def before(self, key: Key | None) -> Key | None:
        """The answered item that stands before `key` (None: before the end), for going back to it."""
        place = self.order.index(key) if key in self.order else len(self.order)
        return next((each for each in reversed(self.order[:place]) if each in self.values), None)


@dataclass(frozen=True)
class Retest:
    """The second asking. `sitting` has the items to be asked again; `on` is when it becomes due, None if too few."""

    sitting: Sitting
    on: datetime | None
    is_due: bool

    @property
    def is_done(self) -> bool:
        return bool(self.sitting.total) and self.sitting.done == self.sitting.total


def sitting_get(*, persona: Persona, kinds: Collection[str] = KINDS) -> Sitting:
    """The first round, of the wanted kinds."""
    order = items_order(persona=persona, kinds=kinds)
    return Sitting(persona, FIRST, order, _values(persona, FIRST))


def items_order(*, persona: Persona, kinds: Collection[str] = KINDS) -> tuple[Key, ...]:
    """Each kind in an order of the persona's own, spread evenly among one another; always the same."""
    placed: list[tuple[float, Key]] = []
    for kind, names in ((FILM, known_films()), (CHOICE, known_choices())):
        keys = _drawn(((kind, name) for name in names), str(persona.pk))
        placed += [((place + 0.5) / len(keys), key) for place, key in enumerate(keys) if kind in kinds]
    return tuple(key for _place, key in sorted(placed))


def item_answer_save(
    *, persona: Persona, kind: str, item: str, value: int, round: int = FIRST, seconds: float = 0.0
) -> ItemAnswer:
    """Keeps an answer in place of an earlier one; the same one twice changes nothing.

    `value`: for a film 1 to 5 stars or 0 for "don't know it", for a choice the index of the option. Refused for an
    item or a value that there is not.
    """
    _writable(persona)
    if value not in values_of(kind, item):
        raise Refused(_("This answer does not fit the item. Load the page again and choose one of its buttons."))
    told = {"owner_id": persona.owner_id, "value": value, "seconds": min(max(0.0, seconds), LONGEST_LOOK)}
    answer, made = ItemAnswer.objects.get_or_create(persona=persona, kind=kind, item=item, round=round, defaults=told)
    if not made and answer.value != value:
        answer.value = value
        answer.save(update_fields=["value", "answered_at"])
    return answer


def values_of(kind: str, item: str) -> range:
    """The values that an answer can have; none for an item that there is not."""
    if kind == FILM and item in known_films():
        return range(STARS + 1)
    if kind == CHOICE and item in known_choices():
        return range(len(known_choices()[item].en.options))
    return range(0)


def retest_get(*, persona: Persona, now: datetime | None = None) -> Retest:
    """Up to `RETEST_ITEMS` of the items that were answered two weeks ago or longer, in another order.

    What was answered in the second round stays in it. Films that the person does not know are not asked again.
    """
    now = now or timezone.now()
    again = _values(persona, RETEST)
    known = [answer for answer in _first_answers(persona) if answer.kind == CHOICE or answer.value]
    old = [(a.kind, a.item) for a in known if a.answered_at <= now - RETEST_AFTER]
    sample = _sample(persona, old, again)
    sitting = Sitting(persona, RETEST, tuple(sample), again)
    if len(known) < FEWEST_FOR_RETEST:
        return Retest(sitting, None, False)
    on = known[FEWEST_FOR_RETEST - 1].answered_at + RETEST_AFTER
    return Retest(sitting, on, on <= now and sitting.done < sitting.total)


def _sample(persona: Persona, old: Sequence[Key], again: Iterable[Key]) -> list[Key]:
    """What is asked again: as many choices as films, as far as there are."""
    kept = list(again)
    for kind in KINDS:
        room = RETEST_ITEMS // 2 - sum(key[0] == kind for key in kept)
        kept += _drawn((key for key in old if key[0] == kind and key not in kept), f"{persona.pk} sample", room)
    kept += _drawn((key for key in old if key not in kept), f"{persona.pk} sample", RETEST_ITEMS - len(kept))
    return _drawn(kept, f"{persona.pk} again")


def _drawn(keys: Iterable[Key], seed: str, most: int | None = None) -> list[Key]:
    """The keys in the order of their lots, at most `most`. A key's lot does not depend on the others."""
    lots = sorted(keys, key=lambda key: random.Random(f"{seed} {key}").random())  # noqa: S311
    return lots if most is None else lots[: max(0, most)]


def _first_answers(persona: Persona) -> list[ItemAnswer]:
    """Of the first round, the oldest first."""
    return list(ItemAnswer.objects.filter(persona=persona, round=FIRST).order_by("answered_at", "pk"))


def _values(persona: Persona, round: int) -> dict[Key, int]:
    rows = ItemAnswer.objects.filter(persona=persona, round=round).values_list("kind", "item", "value")
    return {(kind, item): value for kind, item, value in rows if value in values_of(kind, item)}


def _writable(persona: Persona) -> None:
    if persona.is_demo:
        raise Refused(_("The demo persona is read-only. Begin your own portrait to answer."), status=403)
