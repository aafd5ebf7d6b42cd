"""What a person chose for a training: where, which base model, how. Read from a form, a sentence for each fault."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlencode

from django.conf import settings
from django.utils.translation import gettext as _

from engine.recipes import RECIPES as ENGINE_RECIPES
from training.connections import models_of, preset_of
from training.models import Connection
from training.providers.presets import Preset
from training.services import DEFAULT_FORMAT, RECIPES

FORMATS_HERE = ("chat", "marker")  # the usual one first
MAX_MODEL = 200
MAX_SEED = 2**31 - 1
MAX_PRICE = 10_000  # US dollars a million tokens
# Least and most of each hyperparameter: wider than anybody needs, narrow enough to catch a slip of the finger.
LIMITS: dict[str, tuple[float, float]] = {
    "epochs": (1, 20),
    "learning_rate": (1e-6, 0.1),
    "learning_rate_multiplier": (0.01, 10),
    "rank": (1, 256),
    "batch_rows": (1, 64),
}
FIELDS = ("where", "model", "other_model", "recipe", "format", "seed", "price", *LIMITS)  # of the form
WHOLE = {"epochs", "rank", "batch_rows"}
SETTABLE_HERE = ("epochs", "learning_rate", "rank", "batch_rows")
# Providers charge by the pass. OpenAI aims at three for some hundred examples ("Data preparation and analysis for chat
# model fine-tuning", cookbook.openai.com: TARGET_EPOCHS).
REMOTE_EPOCHS = 3


@dataclass(frozen=True)
class Choice:
    """A training as it would be started. `overrides` holds what the person set, by the engine's names; `price` is the
    one that the person looked up, in US dollars a million training tokens.
    """

    base_model: str
    connection: Connection | None = None
    recipe: str = "quick"
    format: str = DEFAULT_FORMAT
    seed: int = 0
    overrides: dict[str, Any] = field(default_factory=dict)
    price: float | None = None

    @property
    def preset(self) -> Preset | None:
        return preset_of(self.connection) if self.connection else None

    @property
    def remote(self) -> tuple[Connection, Preset] | None:
        """The account and the kind of provider; None for a training on this computer."""
        return (self.connection, preset_of(self.connection)) if self.connection else None

    @property
    def epochs(self) -> int:
        """Passes over the rows; locally at most, because a training stops early when it no longer helps."""
        usual = REMOTE_EPOCHS if self.connection else ENGINE_RECIPES[self.recipe].epochs
        return int(self.overrides.get("epochs", usual))

    @property
    def hyperparameters(self) -> dict[str, Any]:
        """What is handed to the run. A provider is told the passes that the price was reckoned with."""
        return {**self.overrides, "epochs": self.epochs} if self.connection else self.overrides

    @property
    def query(self) -> str:
        """The choice as the query of an address, for the page that asks for consent."""
        fields: dict[str, Any] = {"where": self.connection.pk if self.connection else "", "model": self.base_model}
        fields |= {"recipe": self.recipe, "format": self.format, "seed": self.seed}
        fields |= {"price": self.price} if self.price is not None else {}
        return urlencode(fields | self.overrides)


@dataclass(frozen=True)
class Reading:
    """A choice with what was wrong about it, by field. With faults the choice holds the usual value instead."""

    choice: Choice
    faults: dict[str, str]

    @property
    def sentence(self) -> str:
        return " ".join(self.faults.values())


def choice_read(data: Mapping[str, str], connection: Connection | None) -> Reading:
    """The choice in a form's fields. `connection` is the one that `where` names, looked up by the caller."""
    faults: dict[str, str] = {}
    preset = preset_of(connection) if connection else None
    choice = Choice(
        base_model=_model(data, connection, faults),
        connection=connection,
        recipe=_one_of(data, "recipe", RECIPES, faults),
        format=_one_of(data, "format", preset.formats if preset else FORMATS_HERE, faults),
        seed=int(_number(data, "seed", 0, MAX_SEED, True, faults) or 0),
        overrides=_overrides(data, preset, faults),
        price=_number(data, "price", 0, MAX_PRICE, False, faults) if preset else None,
    )
    return Reading(choice, faults)


def settable(preset: Preset | None) -> tuple[str, ...]:
    """The hyperparameters that can be set there, by the engine's names; `None`: on this computer."""
    return tuple(name for name in LIMITS if preset.takes(name)) if preset else SETTABLE_HERE


def _model(data: Mapping[str, str], connection: Connection | None, faults: dict[str, str]) -> str:
    """The model's name: typed, chosen, or the first that there is."""
    name = (data.get("other_model", "").strip() or data.get("model", "").strip())[: MAX_MODEL + 1]
    if len(name) > MAX_MODEL or not name.isprintable():
        faults["model"] = _("That is no name of a model. Choose one of the list, or copy its name again.")
        name = ""
    if name:
        return name
    if connection is None:
        return str(settings.BASE_MODEL)
    return next(iter(models_of(connection)), "")


def _one_of(data: Mapping[str, str], key: str, allowed: tuple[str, ...], faults: dict[str, str]) -> str:
    value = data.get(key) or allowed[0]
    if value not in allowed:
        faults[key] = _("“%(value)s” is not on offer here. Choose one of: %(names)s.") % {
            "value": value[:20],
            "names": ", ".join(allowed),
        }
        return allowed[0]
    return value


def _overrides(data: Mapping[str, str], preset: Preset | None, faults: dict[str, str]) -> dict[str, Any]:
    found = {}
    for name in settable(preset):
        least, most = LIMITS[name]
        value = _number(data, name, least, most, name in WHOLE, faults)
        if value is not None:
            found[name] = value
    if {"learning_rate", "learning_rate_multiplier"} <= found.keys():
        faults["learning_rate"] = _("Set the learning rate or its multiplier, not both.")
    return found


def _number(
    data: Mapping[str, str], key: str, least: float, most: float, whole: bool, faults: dict[str, str]
) -> int | float | None:
    """The number in a field, None for an empty one or a wrong one, which is noted. A decimal comma is understood."""
    text = data.get(key, "").strip().replace(",", ".")
    if not text:
        return None
    try:
        value = int(text) if whole else float(text)
    except ValueError:
        value = None
    if value is None or not least <= value <= most:
        kind = _("a whole number") if whole else _("a number")
        faults[key] = _("%(field)s must be %(kind)s from %(least)s to %(most)s.") % {
            "field": field_label(key),
            "kind": kind,
            "least": _figure(least),
            "most": _figure(most),
        }
        return None
    return value


def _figure(value: float) -> str:
    """Written out: 0.000001 and not 1e-06."""
    return f"{value:.6f}".rstrip("0").rstrip(".")


def field_label(name: str) -> str:
    """The field's name for a person, with the field's term."""
    return {
        "epochs": _("Passes over the rows (epochs)"),
        "learning_rate": _("Step size (learning rate)"),
        "learning_rate_multiplier": _("Step size (learning rate multiplier)"),
        "rank": _("Size of the adapter (LoRA rank)"),
        "batch_rows": _("Rows a step (batch size)"),
        "seed": _("Order of the rows (seed)"),
        "price": _("Price of a million training tokens, in USD"),
    }.get(name, name)


def needs_model(choice: Choice) -> str:
    """A sentence where no base model is chosen; empty if one is."""
    if choice.base_model:
        return ""
    return _("Name a base model of the provider's. Test the connection to see which there are.")
