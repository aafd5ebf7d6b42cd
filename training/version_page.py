"""What the pages of the versions show: each in the list, and one by itself."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date
from typing import Any

from django.utils import timezone
from django.utils.formats import date_format
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from training import run_words
from training.connections import deployment_note_of, host_of, preset_of
from training.differences import Difference, difference
from training.exports import exports_of
from training.models import PersonaModel
from training.versions import is_remote

HASH_SHOWN, LISTED_HASH = 12, 7


@dataclass(frozen=True)
class Card:
    """A version in the list."""

    version: PersonaModel
    changes: str

    @property
    def imported(self) -> bool:
        return is_imported(self.version)

    @property
    def ends(self) -> date | None:
        return shutdown_of(self.version)

    @property
    def details(self) -> list[str]:
        """What it is made of, in a few words each."""
        version = self.version
        answers = ngettext("%(n)d answer", "%(n)d answers", version.run.items) if version.run else ""
        count = answers % {"n": version.run.items} if version.run else ""
        hashed = _("data set %(hash)s") % {"hash": version.data_hash[:LISTED_HASH]} if version.data_hash else ""
        cost = money(version) if version.figures.get("cost") else ""
        found = [version.base_model, format_in_words(version), count, hashed, self.changes, cost]
        return [words for words in found if words]


def is_imported(version: PersonaModel) -> bool:
    return bool(version.figures.get("origin") == "imported")


def cards(versions: Iterable[PersonaModel]) -> list[Card]:
    """Versions of one persona, newest first; each is told apart from the one before it."""
    rows = list(versions)
    return [
        Card(row, changes_in_words(older, row) if older else "")
        for row, older in zip(rows, [*rows[1:], None], strict=False)
    ]


def version_context(version: PersonaModel) -> dict[str, Any]:
    """Everything that templates/training/version.html needs."""
    siblings = list(PersonaModel.objects.filter(persona=version.persona_id).exclude(pk=version.pk))
    previous = next((each for each in siblings if each.number < version.number), None)
    preset = preset_of(version.connection) if version.connection else None
    exports = exports_of(version)
    return {
        "room": "train",
        "persona": version.persona,
        "version": version,
        "others": siblings,
        "previous": previous,
        "difference": difference(previous, version) if previous else None,
        "changes": changes_in_words(previous, version) if previous else "",
        "imported": is_imported(version),
        "remote": is_remote(version),
        "host": host_of(version.connection) if version.connection else "",
        "preset": preset,
        "deployment_note": deployment_note_of(preset) if preset else "",
        "warning": shutdown_warning(version),
        "cost": cost_of(version),
        "recipe": recipe_in_words(version),
        "format": format_in_words(version),
        "short_hash": version.data_hash[:HASH_SHOWN],
        "exports": exports,
        "making": any(export.under_way for export in exports),
    }


def money(version: PersonaModel) -> str:
    """What its provider's price list comes to; a dash where nothing is known."""
    return number_in_words(version.figures.get("cost"), ".2f", _("%(n)s USD"))


def cost_of(version: PersonaModel) -> str:
    return run_words.cost(version.run) if version.run else ""


def changes_in_words(older: PersonaModel, newer: PersonaModel) -> str:
    """As in "3 answers added, 1 changed since version 2"; empty where that is not known."""
    found = difference(older, newer)
    if found is None:
        return ""
    if not found.count:
        return _("the same answers as version %(n)d") % {"n": older.number}
    counts = ", ".join(_counts(found))
    return _("%(counts)s since version %(n)d") % {"counts": counts, "n": older.number}


def _counts(found: Difference) -> list[str]:
    words = []
    if n := len(found.added):
        words.append(ngettext("%(n)d answer added", "%(n)d answers added", n) % {"n": n})
    if n := len(found.changed):
        words.append(ngettext("%(n)d changed", "%(n)d changed", n) % {"n": n})
    if n := len(found.removed):
        words.append(ngettext("%(n)d removed", "%(n)d removed", n) % {"n": n})
    return words


def shutdown_of(version: PersonaModel) -> date | None:
    """From when on its provider answers no more for this base model."""
    if version.connection is None:
        return None
    offer = preset_of(version.connection).offer(version.base_model)
    return offer.shutdown if offer else None


def shutdown_warning(version: PersonaModel) -> str:
    """What the person should know about the end of its base model; empty where none is known."""
    ends = shutdown_of(version)
    if ends is None or version.connection is None:
        return ""
    told = {"name": preset_of(version.connection).title, "date": date_format(ends, "DATE_FORMAT")}
    if ends <= timezone.localdate():
        return _("%(name)s shut its base model down on %(date)s: it answers no more.") % told
    advice = _("%(name)s shuts its base model down on %(date)s; from then on it answers no more.") % told
    return advice + " " + _("Train a version on this computer from the same answers before.")


def recipe_in_words(version: PersonaModel) -> str:
    """Empty where it was not trained here."""
    words = {"quick": _("quick"), "thorough": _("thorough")}
    return words.get(version.run.recipe, version.run.recipe) if version.run else ""


def format_in_words(version: PersonaModel) -> str:
    return {"chat": _("messages (chat)"), "marker": _("markers (prompt and completion)")}[version.format]


def number_in_words(value: Any, form: str, words: str = "%(n)s") -> str:
    known = isinstance(value, int | float) and not isinstance(value, bool)
    return words % {"n": format(value, form)} if known else "—"
