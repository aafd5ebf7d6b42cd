"""How large a training is and how long it takes: told before it begins, and while it runs."""

import math
from dataclasses import dataclass
from statistics import median
from typing import cast

from django.utils.formats import number_format
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from questionnaires.dataset import Item, Recipe, Row, build, renderer
from training.models import PersonaModel

TOKENS_PER_SECOND = 450.0  # SmolLM2-135M with LoRA on two cores with AMX
PASSES = {"quick": 1, "thorough": 3}  # epochs at most; the engine stops early when it no longer helps
OVERHEAD_SECONDS = 15.0  # loading, checking and publishing
CHARACTERS_PER_TOKEN, CHARACTERS_PER_TOKEN_OTHERWISE = 4.0, 1.6  # SmolLM2's tokenizer: ASCII; other alphabets
EARLIER_RUNS = 3


@dataclass(frozen=True)
class Plan:
    """What a recipe would do with the answers of now."""

    recipe: str
    rows: int
    tokens: int  # of all passes, give or take a fifth
    duration: str  # in words, as a range

    @property
    def tokens_in_words(self) -> str:
        """Two figures are as many as the estimate is good for."""
        digits = 2 - len(str(self.tokens))
        return number_format(round(self.tokens, min(0, digits)), force_grouping=True)


def plan(*, items: list[Item], recipe: str, persona_name: str, base_model: str, format: str) -> Plan:
    rows = build(items, renderer=renderer(format), name=persona_name, recipe=cast(Recipe, recipe), seed=0).training
    tokens = PASSES[recipe] * sum(map(token_estimate, rows))
    measured = measured_speed(base_model)
    seconds = OVERHEAD_SECONDS + tokens / (measured or TOKENS_PER_SECOND)
    low = 0.85 if PASSES[recipe] == 1 else 0.5  # several passes may end early
    return Plan(recipe, len(rows), tokens, duration_range(seconds, low, 1.3 if measured else 2.0))


def token_estimate(row: Row) -> int:
    """Tokens of a row, give or take a fifth; the exact count needs the base model's tokenizer."""
    texts = [message["content"] for message in row["messages"]] if "messages" in row else list(row.values())
    characters = sum(map(len, texts))
    plain = sum((text.isascii() and len(text)) or sum(c.isascii() for c in text) for text in texts)
    return round(plain / CHARACTERS_PER_TOKEN + (characters - plain) / CHARACTERS_PER_TOKEN_OTHERWISE)


def measured_speed(base_model: str) -> float | None:
    """Tokens a second of the last trainings of this base model on this computer; None before the first."""
    versions = PersonaModel.objects.filter(base_model=base_model).order_by("-created_at")[:EARLIER_RUNS]
    speeds = [version.figures.get("tokens_per_second") for version in versions]
    known = [speed for speed in speeds if isinstance(speed, int | float) and speed > 0]
    return median(known) if known else None


def duration_range(seconds: float, low: float = 0.9, high: float = 1.15) -> str:
    """As in "18 to 22 s" or "2 to 3 min": from `low` to `high` times the seconds."""
    if seconds * high < 100:
        first, last = max(1, math.floor(seconds * low)), max(2, math.ceil(seconds * high))
        return _("%(first)d to %(last)d s") % {"first": first, "last": last}
    first, last = max(1, math.floor(seconds * low / 60)), math.ceil(seconds * high / 60)
    if first == last:
        return ngettext("about %(n)d min", "about %(n)d min", last) % {"n": last}
    return _("%(first)d to %(last)d min") % {"first": first, "last": last}
