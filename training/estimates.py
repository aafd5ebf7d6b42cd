"""How large a training is and how long it takes: told before it begins, and while it runs."""

import math
from dataclasses import dataclass
from statistics import median
from typing import cast

from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from questionnaires.dataset import Item, Recipe, Row, build, renderer
from training.models import TrainingRun

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
    tokens: int  # of all passes
    duration: str  # in words, as a range


def plan(*, items: list[Item], recipe: str, persona_name: str, base_model: str, format: str) -> Plan:
    rows = build(items, renderer=renderer(format), name=persona_name, recipe=cast(Recipe, recipe), seed=0).training
    tokens = PASSES[recipe] * sum(map(token_estimate, rows))
    seconds = seconds_from_earlier(recipe, base_model, len(items))
    if seconds is not None:
        return Plan(recipe, len(rows), tokens, duration_range(seconds, 0.85, 1.3))
    return Plan(recipe, len(rows), tokens, duration_range(OVERHEAD_SECONDS + tokens / TOKENS_PER_SECOND, 0.8, 2.0))


def token_estimate(row: Row) -> int:
    """Tokens of a row, give or take a fifth; the exact count needs the base model's tokenizer."""
    texts = [message["content"] for message in row["messages"]] if "messages" in row else list(row.values())
    characters = sum(map(len, texts))
    plain = sum((text.isascii() and len(text)) or sum(c.isascii() for c in text) for text in texts)
    return round(plain / CHARACTERS_PER_TOKEN + (characters - plain) / CHARACTERS_PER_TOKEN_OTHERWISE)


def seconds_from_earlier(recipe: str, base_model: str, items: int) -> float | None:
    """By the last runs on this computer with the same recipe and base model, scaled by the number of answers."""
    earlier = TrainingRun.objects.filter(
        recipe=recipe, base_model=base_model, state=TrainingRun.State.READY, failures=0, items__gt=0
    ).exclude(started_at=None)
    rates = [run.seconds / run.items for run in earlier.order_by("-finished_at")[:EARLIER_RUNS] if run.seconds]
    return median(rates) * items if rates else None


def duration_range(seconds: float, low: float = 0.9, high: float = 1.15) -> str:
    """As in "18 to 22 s" or "2 to 3 min": from `low` to `high` times the seconds."""
    if seconds * high < 100:
        first, last = max(1, math.floor(seconds * low)), max(2, math.ceil(seconds * high))
        return _("%(first)d to %(last)d s") % {"first": first, "last": last}
    first, last = max(1, math.floor(seconds * low / 60)), math.ceil(seconds * high / 60)
    if first == last:
        return ngettext("about %(n)d min", "about %(n)d min", last) % {"n": last}
    return _("%(first)d to %(last)d min") % {"first": first, "last": last}
