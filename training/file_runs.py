"""Trainings on a file that a program brought: the same rows, workers and versions as trainings on answers.

`TrainingRun.source` then holds `training_file` and `validation_file` (ids of UploadedFile, or null), `suffix`,
`metadata` (what the program wrote on its order), `hyperparameters` (as it gave them), and `result_file` once there is
one. Each such run belongs to a persona that is marked as made from a file, so that all pages work for it.
"""

from dataclasses import dataclass, field
from typing import Any

from django.contrib.auth.models import User
from django.db import IntegrityError, transaction
from django.utils.translation import gettext as _

from questionnaires.models import Persona
from questionnaires.services import Refused, persona_create
from training.local_models import why_not
from training.models import TrainingRun, UploadedFile
from training.services import run_active, run_create

FROM_FILE = "file"  # Persona.made_from
NAME = 80
ATTEMPTS = 5


@dataclass(frozen=True)
class FileOrder:
    """What a program wants trained. `overrides` have the engine's names."""

    training: UploadedFile
    base_model: str
    validation: UploadedFile | None = None
    suffix: str = ""
    seed: int = 0
    overrides: dict[str, Any] = field(default_factory=dict)
    hyperparameters: dict[str, Any] = field(default_factory=dict)
    metadata: dict[str, str] | None = None

    def source(self) -> dict[str, Any]:
        return {
            "training_file": str(self.training.pk),
            "validation_file": str(self.validation.pk) if self.validation else None,
            "suffix": self.suffix,
            "metadata": self.metadata,
            "hyperparameters": self.hyperparameters,
        }


def file_run_create(*, owner: User, order: FileOrder, client_key: str = "") -> tuple[TrainingRun, bool]:
    """A queued run, or the one that was made for the same `client_key`; whether it is new. Refused where it could only
    fail.
    """
    if sentence := why_not(order.base_model):
        raise Refused(sentence)
    for _attempt in range(ATTEMPTS):
        if earlier := _earlier(owner, client_key):
            return earlier, False
        try:
            with transaction.atomic():  # a refused training leaves no empty persona
                run, is_new = _run_create(owner, order, client_key)
        except IntegrityError:  # the same order came twice at once
            continue
        if is_new:  # else another order for the same persona was faster; that one is not this one
            return run, True
    raise Refused(_("Too many trainings were started at once. Try again in a moment."), 429)


def _earlier(owner: User, client_key: str) -> TrainingRun | None:
    rows = TrainingRun.objects.for_owner(owner).select_related("persona")
    return rows.filter(client_key=client_key).first() if client_key else None


def _run_create(owner: User, order: FileOrder, client_key: str) -> tuple[TrainingRun, bool]:
    return run_create(
        persona=_persona(owner, order),
        recipe="quick",
        format=order.training.format,
        seed=order.seed,
        base_model=order.base_model,
        overrides=order.overrides,
        source=order.source(),
        client_key=client_key,
    )


def _persona(owner: User, order: FileOrder) -> Persona:
    """The one of that name whose training is over, so that its versions stand together; else a new one."""
    name = (order.suffix or order.training.filename.removesuffix(".jsonl") or FROM_FILE)[:NAME]
    rows = Persona.objects.for_owner(owner).filter(made_from=FROM_FILE, name=name).order_by("created_at")
    free: Persona | None = next((each for each in rows if run_active(persona=each) is None), None)
    if free is None:
        free = persona_create(owner=owner, name=name)
        free.made_from = FROM_FILE
        free.save(update_fields=["made_from"])
    return free
