"""What one version learned from and another did not: by the rows that were frozen for their runs."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

from django.db.models import Q

from questionnaires.dataset import renderer
from questionnaires.models import Question
from training.frozen import rows_bring
from training.models import PersonaModel
from training.row_files import TRAIN, VALIDATION

Said = Mapping[str, str]
"""Question, in its first wording -> answer."""


@dataclass(frozen=True)
class Change:
    """An answer that was said otherwise before."""

    question: str
    before: str
    after: str


@dataclass(frozen=True)
class Difference:
    """From an older data set to a newer one: (question, answer) pairs, and changes."""

    added: tuple[tuple[str, str], ...]
    changed: tuple[Change, ...]
    removed: tuple[tuple[str, str], ...]

    @property
    def count(self) -> int:
        return len(self.added) + len(self.changed) + len(self.removed)


def difference(older: PersonaModel, newer: PersonaModel) -> Difference | None:
    """None where the rows of one are not known, as of an imported adapter."""
    before, after = answers_of(older), answers_of(newer)
    if before is None or after is None:
        return None
    return Difference(
        added=tuple((question, text) for question, text in after.items() if question not in before),
        changed=tuple(
            Change(question, before[question], text)
            for question, text in after.items()
            if question in before and before[question] != text
        ),
        removed=tuple((question, text) for question, text in before.items() if question not in after),
    )


def answers_of(version: PersonaModel) -> Said | None:
    """What the version learned from, held-out answers included. A question may be asked there in any wording."""
    run = version.run
    if run is None or not run.data_hash:
        return None
    rows_bring(run)
    if (asked := _rows(run.folder, run.format, run.data_hash)) is None:
        return None
    first = _first_wordings(str(version.persona_id))
    return {first.get(question, question): answer for question, answer in asked}


@lru_cache(maxsize=32)  # the files of a data hash do not change
def _rows(folder: Path, format: str, data_hash: str) -> tuple[tuple[str, str], ...] | None:
    parse, found = renderer(format).parse, []
    try:
        for name in (TRAIN, VALIDATION):
            with (folder / name).open(encoding="utf-8") as lines:
                found += [parse(json.loads(line)) for line in lines]
    except (OSError, ValueError, KeyError):
        return None
    return tuple(found)


def _first_wordings(persona_id: str) -> dict[str, str]:
    """Each wording of a question in a language -> the first one."""
    found: dict[str, str] = {}
    for texts in Question.objects.filter(Q(persona=None) | Q(persona=persona_id)).values_list("texts", flat=True):
        for each in texts.values():
            for wording in (each["text"], *each.get("wordings", ())):
                found.setdefault(wording, each["text"])
    return found
