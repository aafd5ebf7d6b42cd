"""Two versions side by side: how each was made, what came of it, and what each said to the same questions."""

from dataclasses import dataclass
from typing import Any

from django.utils.translation import gettext as _

from training.differences import difference
from training.models import PersonaModel
from training.version_page import (
    changes_in_words,
    format_in_words,
    is_imported,
    money,
    number_in_words,
    recipe_in_words,
)
from training.versions import is_remote
from training.watching import asked

HYPERPARAMETERS = ("epochs", "learning_rate", "learning_rate_multiplier", "rank", "alpha", "batch_rows")


@dataclass(frozen=True)
class Line:
    """A line of a comparison: what it is, and what it is of each of the two."""

    label: str
    left: str
    right: str

    @property
    def differs(self) -> bool:
        return self.left != self.right


@dataclass(frozen=True)
class Question:
    """A question that was kept aside, what the person said, and the last reply of each version ("" if unasked)."""

    question: str
    expected: str
    left: str
    right: str


def comparison_context(left: PersonaModel, right: PersonaModel) -> dict[str, Any]:
    """Everything that templates/training/version_compare.html needs; `left` is the older one."""
    questions = _questions(left, right)
    return {
        "room": "train",
        "persona": left.persona,
        "left": left,
        "right": right,
        "pair": [left, right],
        "lines": [*_lines(left, right), *_figures(left, right)],
        "difference": difference(left, right),
        "changes": changes_in_words(left, right),
        "questions": questions,
        "both_asked": sum(bool(each.left and each.right) for each in questions),
    }


def _lines(left: PersonaModel, right: PersonaModel) -> list[Line]:
    """How each was made; hyperparameters that neither set are left out."""
    both = (left, right)
    lines = [
        (_("Base model"), [each.base_model for each in both]),
        (_("Trained at"), [_place(each) for each in both]),
        (_("Recipe"), [recipe_in_words(each) for each in both]),
        (_("Format"), [format_in_words(each) for each in both]),
        (_("Answers"), [str(each.run.items) if each.run else "" for each in both]),
    ]
    labels = _labels()
    for name in HYPERPARAMETERS:
        values = [each.run.overrides.get(name) if each.run else None for each in both]
        if any(value is not None for value in values):
            lines.append((labels[name], [_("as usual") if value is None else f"{value:g}" for value in values]))
    return [Line(label, *(value or "—" for value in values)) for label, values in lines]


def _labels() -> dict[str, str]:
    return {
        "epochs": _("Passes (epochs)"),
        "learning_rate": _("Learning rate"),
        "learning_rate_multiplier": _("Learning rate, times the usual one"),
        "rank": _("Rank of the adapter"),
        "alpha": _("Weight of the adapter (alpha)"),
        "batch_rows": _("Rows a step (batch)"),
    }


def _figures(left: PersonaModel, right: PersonaModel) -> list[Line]:
    both = (left.figures, right.figures)

    def row(name: str, form: str, words: str = "%(n)s") -> list[str]:
        return [number_in_words(each.get(name), form, words) for each in both]

    lines = [
        (_("Surprise (loss) at answers kept aside"), row("validation_loss", ".3f")),
        (_("Next words foreseen (token accuracy)"), row("token_accuracy", ".0%")),
        (_("Steps"), row("steps", "d")),
        (_("Trained for"), row("seconds", ".0f", _("%(n)s s"))),
        (_("Cost"), [money(left), money(right)]),
    ]
    return [Line(label, *values) for label, values in lines if set(values) != {"—"}]


def _place(version: PersonaModel) -> str:
    if is_imported(version):
        return _("elsewhere (imported)")
    if not is_remote(version):
        return _("this computer")
    return version.connection.name if version.connection else _("a connection that was deleted")


def _questions(left: PersonaModel, right: PersonaModel) -> list[Question]:
    """The questions that both were asked come first."""
    sides = [{each.question: each for each in asked(version.run)} if version.run else {} for version in (left, right)]
    found = []
    for question in dict.fromkeys([*sides[0], *sides[1]]):
        replies = [side[question].replies[-1][-1] if question in side else "" for side in sides]
        expected = next(side[question].expected for side in reversed(sides) if question in side)
        found.append(Question(question, expected, *replies))
    return sorted(found, key=lambda each: not (each.left and each.right))
