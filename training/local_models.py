"""Base models that can be trained on this computer: the engine's catalogue in words, and what stands against one."""

import os
from dataclasses import dataclass
from pathlib import Path

from django.conf import settings
from django.utils.formats import number_format
from django.utils.translation import gettext as _

from engine.base_models import locate
from engine.catalogue import Entry, Offer, entries, offer_of
from engine.memory import machine_memory
from training.hosts import another_can
from training.models import SpeedTrial


@dataclass(frozen=True)
class LocalModel:
    """A base model as a line of the page. Sizes are in bytes; `against` says why it cannot be trained here."""

    name: str
    entry: Entry
    present: bool
    memory_bytes: int | None
    against: str = ""

    @property
    def title(self) -> str:
        return self.entry.title

    @property
    def size_in_words(self) -> str:
        """As in "135 million parameters"; empty where that is not known."""
        count = self.entry.parameters
        if not count:
            return ""
        if round(count / 1e6) < 1000:
            return _("%(n)s million weights (parameters)") % {"n": number_format(round(count / 1e6))}
        return _("%(n)s billion weights (parameters)") % {"n": number_format(round(count / 1e9, 1), 1)}

    @property
    def memory_in_words(self) -> str:
        return gigabytes(self.memory_bytes) if self.memory_bytes else ""

    @property
    def download_in_words(self) -> str:
        """What has to be fetched first; empty where it is here."""
        return "" if self.present or not self.entry.download_bytes else gigabytes(self.entry.download_bytes)

    @property
    def languages_in_words(self) -> str:
        """As in "English" or "119 languages"; empty where that is not known."""
        if self.entry.language_count > 1:
            return _("%(n)d languages") % {"n": self.entry.language_count}
        return _("English") if self.entry.languages == ("en",) else ""

    @property
    def speaks_russian(self) -> bool:
        return self.entry.speaks("ru")

    @property
    def knows_no_russian(self) -> bool:
        """As far as its maker tells; a folder of unknown languages may know it."""
        return bool(self.entry.languages) and not self.speaks_russian


def local_models(chosen: str) -> list[LocalModel]:
    """The catalogue, with the chosen model at its head where it is none of it (a folder, or another name)."""
    names = [entry.name for entry in entries()]
    return [local_model(name) for name in (names if chosen in names else [chosen, *names])]


def local_model(name: str) -> LocalModel:
    """The model of that name; its memory as the last trial here measured it, else as the engine reckons it."""
    offer = offer_of(name, Path(settings.BASE_DIR_CACHE), _limit())
    trial = last_trial(name)
    memory = trial.peak_memory_bytes if trial else offer.memory_bytes
    return LocalModel(name, offer.entry, offer.present, memory, _against(offer))


def last_trial(base_model: str) -> SpeedTrial | None:
    """The newest try of a base model on this computer."""
    return SpeedTrial.objects.filter(base_model=base_model).first()


def why_not(base_model: str) -> str:
    """Why a base model cannot be trained here, as a sentence; empty if it can be tried."""
    if os.sep in base_model and base_model.count("/") != 1 and not Path(base_model).expanduser().is_dir():
        return _("There is no folder %(name)s with a model. Check the path.") % {"name": base_model}
    return local_model(base_model).against


def folder_of(base_model: str) -> Path | None:
    """Where the model lies on this computer; None if it has to be made ready or fetched first."""
    found = locate(base_model, Path(settings.BASE_DIR_CACHE))
    return found.folder if found else None


def limit_in_words() -> str:
    """What a training may use here at most."""
    return gigabytes(min(_limit(), machine_memory().limit))


def _limit() -> int:
    return int(settings.TRAINING_MEMORY_GB * 1e9)


def _against(offer: Offer) -> str:
    """The engine's reason in the reader's language: more than a training may use, or than is free now.

    None where another machine of the site can carry it.
    """
    needed = offer.memory_bytes
    if not offer.impossible or needed is None or another_can(needed):
        return ""
    sizes = {"needed": gigabytes(needed)}
    machine = machine_memory()
    limit = min(_limit(), machine.limit)
    if needed > limit:
        return _(
            "Training this model takes about %(needed)s of memory, and a training may use %(limit)s here. Choose a "
            "smaller one, or train it at a provider."
        ) % (sizes | {"limit": gigabytes(limit)})
    return _(
        "Training this model takes about %(needed)s of memory, and %(free)s are free. Close other programs, or choose "
        "a smaller one."
    ) % (sizes | {"free": gigabytes(machine.available)})


def gigabytes(size: int) -> str:
    """As in "1.3 GB"; small ones in MB."""
    if size < 1e9:
        return _("%(n)s MB") % {"n": number_format(round(size / 1e6))}
    return _("%(n)s GB") % {"n": number_format(round(size / 1e9, 1), 1)}
