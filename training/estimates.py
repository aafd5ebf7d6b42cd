"""How large a training is, how long it takes and what it costs: told before it begins, and while it runs."""

import math
from dataclasses import dataclass
from datetime import date
from statistics import median
from typing import Any

from django.utils.formats import number_format
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from engine.base_models import DEFAULT_MODEL
from training.choices import Choice
from training.local_models import gigabytes, last_trial, local_model
from training.models import PersonaModel
from training.providers.presets import Preset
from training.row_files import RowFiles
from training.token_counts import count_tokens

TOKENS_PER_SECOND = 450.0  # SmolLM2-135M with LoRA on two cores with AMX
MEASURED_PARAMETERS = 135e6
OVERHEAD_SECONDS = 15.0  # loading, checking and publishing
EARLIER_RUNS = 3
EARLY_END = 0.5  # of several passes: a training here stops when another one no longer helps
UNMEASURED = (0.85, 2.0)  # times what is reckoned from another computer's speed
ANOTHER_SIZE = (0.5, 3.0)  # and from another model's
MEASURED = (0.85, 1.3)
TRIED = (0.6, 1.5)  # two steps are a small sample, and the computer may have been busy
# Money: an exact count still lacks what the provider adds to each example; an estimate is good to a fifth.
EXACT_COUNT, ESTIMATED_COUNT = (1.0, 1.05), (0.8, 1.25)
CENT = 0.01


@dataclass(frozen=True)
class Plan:
    """What a choice would do with the answers of now. `tokens` are those of all passes, at most.

    `seconds` and `money` (US dollars) are ranges, None where nobody knows.
    """

    recipe: str
    rows: int
    kept_aside: int  # rows of answers that are never learned, to measure it by
    tokens: int
    exact: bool
    epochs: int
    longest: int = 0  # tokens of the longest row
    seconds: tuple[float, float] | None = None
    measured: bool = False  # the seconds rest on this computer
    memory_bytes: int | None = None  # of this computer's, at most
    money: tuple[float, float] | None = None
    prices_of: date | None = None

    @property
    def sent(self) -> int:
        """Rows of both files: so many a provider gets."""
        return self.rows + self.kept_aside

    @property
    def tokens_in_words(self) -> str:
        """Exact, or with two figures: as many as an estimate is good for."""
        digits = 0 if self.exact else min(0, 2 - len(str(self.tokens)))
        return number_format(round(self.tokens, digits), force_grouping=True)

    @property
    def duration(self) -> str:
        return range_in_words(*self.seconds) if self.seconds else ""

    @property
    def money_in_words(self) -> str:
        return money_range(*self.money) if self.money else ""

    @property
    def memory_in_words(self) -> str:
        return gigabytes(self.memory_bytes) if self.memory_bytes else ""

    def as_json(self) -> dict[str, Any]:
        """What a run keeps of it: what was foretold and agreed to."""
        kept: dict[str, Any] = {"tokens": self.tokens, "exact": self.exact, "epochs": self.epochs, "rows": self.rows}
        if self.money:
            kept |= {"money": [round(amount, 6) for amount in self.money], "currency": "USD"}
            kept |= {"prices_of": self.prices_of.isoformat()} if self.prices_of else {}
        if self.seconds:
            kept["seconds"] = [round(value, 1) for value in self.seconds]
        return kept


def plan_of_files(files: RowFiles, choice: Choice) -> Plan:
    """What the choice comes to with these files."""
    counted = count_tokens(files, choice)
    tokens = counted.tokens * choice.epochs
    common: dict[str, Any] = {
        "recipe": choice.recipe,
        "rows": len(files.training_rows),
        "kept_aside": len(files.validation_rows),
        "tokens": tokens,
        "longest": counted.longest,
        "exact": counted.exact,
        "epochs": choice.epochs,
    }
    if choice.preset:
        return Plan(**common, **_priced(tokens, counted.exact, choice, choice.preset))
    seconds, measured = _seconds(tokens, choice)
    return Plan(
        **common,
        seconds=seconds,
        measured=measured,
        memory_bytes=local_model(choice.base_model).memory_bytes,
    )


def _seconds(tokens: int, choice: Choice) -> tuple[tuple[float, float] | None, bool]:
    """From the shortest to the longest, and whether that rests on this computer; None where nobody knows."""
    here = speed_here(choice.base_model)
    known = here or _speed_elsewhere(choice.base_model)
    if known is None:
        return None, False
    speed, (low, high) = known
    seconds = OVERHEAD_SECONDS + tokens / speed
    least = seconds * (min(low, EARLY_END) if choice.epochs > 1 else low)
    return (least, seconds * high), here is not None


def _speed_elsewhere(base_model: str) -> tuple[float, tuple[float, float]] | None:
    """Reckoned from another computer's speed with the bundled model, by the number of weights."""
    parameters = local_model(base_model).entry.parameters
    if not parameters:
        return None
    spread = UNMEASURED if base_model == DEFAULT_MODEL else ANOTHER_SIZE
    return TOKENS_PER_SECOND * MEASURED_PARAMETERS / parameters, spread


def _priced(tokens: int, exact: bool, choice: Choice, preset: Preset) -> dict[str, Any]:
    """The price as a range, with its date where it is the preset's; nothing where nobody knows it."""
    offer = preset.offer(choice.base_model)
    listed = offer.train if offer else None
    price = listed if choice.price is None else choice.price
    if price is None:
        return {}
    low, high = EXACT_COUNT if exact else ESTIMATED_COUNT
    cost = tokens * price / 1e6
    return {"money": (cost * low, cost * high), "prices_of": preset.prices_of if choice.price is None else None}


def speed_here(base_model: str) -> tuple[float, tuple[float, float]] | None:
    """Tokens a second on this computer, of the last trainings of this base model or else of its trial, and how far a
    training may be from that, as a range of factors."""
    versions = PersonaModel.objects.filter(base_model=base_model, connection=None).order_by("-created_at")
    speeds = [version.figures.get("tokens_per_second") for version in versions[:EARLIER_RUNS]]
    known = [speed for speed in speeds if isinstance(speed, int | float) and speed > 0]
    if known:
        return median(known), MEASURED
    trial = last_trial(base_model)
    return (trial.tokens_per_second, TRIED) if trial and trial.tokens_per_second > 0 else None


def duration_range(seconds: float, low: float = 0.9, high: float = 1.15) -> str:
    """As in "18 to 22 s" or "2 to 3 min": from `low` to `high` times the seconds."""
    return range_in_words(seconds * low, seconds * high)


def range_in_words(least: float, most: float) -> str:
    """Seconds as in "18 to 22 s", "2 to 3 min" or "3 to 5 h"."""
    if most < 100:
        first, last = max(1, math.floor(least)), max(2, math.ceil(most))
        return _("%(first)d to %(last)d s") % {"first": first, "last": last}
    if most >= 7200:
        first, last = max(1, math.floor(least / 3600)), math.ceil(most / 3600)
        return _("%(first)d to %(last)d h") % {"first": first, "last": last}
    first, last = max(1, math.floor(least / 60)), math.ceil(most / 60)
    if first == last:
        return ngettext("about %(n)d min", "about %(n)d min", last) % {"n": last}
    return _("%(first)d to %(last)d min") % {"first": first, "last": last}


def money_range(least: float, most: float) -> str:
    """US dollars, as in "0.12 to 0.16 USD"; both ends rounded away from each other, so that the price lies between."""
    if most < CENT:
        return _("less than %(cent)s USD") % {"cent": number_format(CENT, 2)}
    low, high = math.floor(round(least / CENT, 6)), math.ceil(round(most / CENT, 6))
    return _("%(first)s to %(last)s USD") % {"first": _cents(low), "last": _cents(high)}


def _cents(count: int) -> str:
    """Cents as dollars. number_format cuts digits off and does not round, so it gets no more than it shows."""
    return number_format(round(count * CENT, 2), 2)
