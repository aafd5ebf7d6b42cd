"""Versions of a persona: how a run's result becomes one, which one is in use, and how one goes."""

import json
import os
import shutil
from pathlib import Path
from typing import Any

from django.conf import settings
from django.db import transaction
from django.db.models import Max
from django.utils import timezone
from django.utils.text import slugify

from training.leases import Claim
from training.models import PersonaModel, TrainingRun


def published_folder(run: TrainingRun) -> Path:
    """Where the run's version is, or will be."""
    return Path(settings.MODELS_DIR) / str(run.pk)


def is_published(run: TrainingRun) -> bool:
    """Whether the files are in place; after a crash the row can still be missing."""
    return (published_folder(run) / "result.json").is_file()


def version_publish(*, claim: Claim) -> PersonaModel:
    """Moves the result in place by one rename, then makes the row and ends the run in one fenced transaction.

    Both steps find out what is done already, so after a crash between them a second call completes the first.
    """
    run = claim.run
    if not is_published(run):
        _move(run.folder / "output", published_folder(run))
    figures = json.loads((published_folder(run) / "result.json").read_text(encoding="utf-8"))
    with transaction.atomic():
        claim.write(
            state=TrainingRun.State.READY, lease_until=None, finished_at=timezone.now(), seconds_left=None, error=""
        )
        version = _version_create(run, figures)
    shutil.rmtree(run.folder / "checkpoints", ignore_errors=True)
    return version


def version_publish_remote(*, claim: Claim, model: str, figures: dict[str, Any]) -> PersonaModel:
    """Ends a run that a provider finished; its version is the model of that name there and has no files here."""
    with transaction.atomic():
        claim.write(
            state=TrainingRun.State.READY, lease_until=None, finished_at=timezone.now(), seconds_left=None, error=""
        )
        return _version_create(claim.run, figures, connection_id=claim.run.connection_id, remote_model=model[:200])


def _move(source: Path, target: Path) -> None:
    target.parent.mkdir(parents=True, exist_ok=True)
    source.rename(target)
    for folder in (source.parent, target.parent):
        descriptor = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)


def _version_create(run: TrainingRun, figures: dict[str, Any], **where: Any) -> PersonaModel:
    siblings = PersonaModel.objects.filter(persona=run.persona)
    number = (siblings.aggregate(Max("number"))["number__max"] or 0) + 1
    siblings.filter(is_current=True).update(is_current=False)
    return PersonaModel.objects.create(
        pk=run.pk,
        owner_id=run.owner_id,
        persona=run.persona,
        run=run,
        number=number,
        name=version_name(run),
        base_model=run.base_model,
        format=run.format,
        spoken_name=run.spoken_name,
        data_hash=run.data_hash,
        figures=figures,
        is_current=True,
        **where,
    )


def is_remote(version: PersonaModel) -> bool:
    """Whether a provider serves it. A deleted connection leaves the model's name."""
    return bool(version.connection_id or version.remote_model)


def version_name(run: TrainingRun) -> str:
    """As in "nora-quick-2026-11-23-0142", in local time."""
    person = slugify(run.spoken_name, allow_unicode=True) or "persona"
    return f"{person}-{run.recipe}-{timezone.localtime():%Y-%m-%d-%H%M}"


def version_make_current(*, version: PersonaModel) -> None:
    """Chat uses this version from now on."""
    with transaction.atomic():
        PersonaModel.objects.filter(persona=version.persona, is_current=True).update(is_current=False)
        PersonaModel.objects.filter(pk=version.pk).update(is_current=True)


def version_delete(*, version: PersonaModel) -> None:
    """Deletes a version with its files. If it was the current one, the newest of the others becomes that."""
    with transaction.atomic():
        version.delete()
        rest = PersonaModel.objects.filter(persona=version.persona_id)
        if not rest.filter(is_current=True).exists() and (newest := rest.order_by("-number").first()):
            PersonaModel.objects.filter(pk=newest.pk).update(is_current=True)
