"""Versions of a persona: how a run's result becomes one, which one is in use, and how one goes."""

import json
import os
import shutil
import time
from pathlib import Path
from typing import Any
from uuid import UUID

from django.conf import settings
from django.db import transaction
from django.db.models import Max
from django.utils import timezone
from django.utils.text import slugify
from django.utils.translation import gettext as _

from questionnaires.models import Persona
from questionnaires.services import Refused
from training.leases import Claim
from training.models import PersonaModel, TrainingRun
from training.storage import StoreAway
from training.version_files import cache_thin, version_share

MAX_NOTES = 4000
MAX_DEPLOYMENT = 200
PATIENCE_SECONDS, STORE_LOOK_SECONDS = 120.0, 2.0  # with a store that is away


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
    files = _share_patiently(claim)
    with transaction.atomic():
        claim.write(
            state=TrainingRun.State.READY, lease_until=None, finished_at=timezone.now(), seconds_left=None, error=""
        )
        version = _version_create(run, figures, files=files)
    shutil.rmtree(run.folder / "checkpoints", ignore_errors=True)
    cache_thin(keep=str(run.pk))
    return version


def _share_patiently(claim: Claim) -> dict[str, dict[str, Any]]:
    """The version's manifest, when its files are in the store: a store that is away must not cost a training."""
    give_up = time.monotonic() + PATIENCE_SECONDS
    while True:
        try:
            return version_share(published_folder(claim.run), claim.renew)
        except StoreAway:
            if time.monotonic() > give_up:
                raise
        claim.renew()
        time.sleep(STORE_LOOK_SECONDS)


def version_publish_remote(*, claim: Claim, model: str, figures: dict[str, Any]) -> PersonaModel:
    """Ends a run that a provider finished; its version is the model of that name there and has no files here."""
    with transaction.atomic():
        claim.write(
            state=TrainingRun.State.READY, lease_until=None, finished_at=timezone.now(), seconds_left=None, error=""
        )
        return _version_create(claim.run, figures, connection_id=claim.run.connection_id, remote_model=model[:200])


def version_publish_imported(*, persona: Persona, key: UUID, base_model: str, format: str) -> PersonaModel:
    """The row of an adapter whose files the engine put in place under `key`. It becomes the current version."""
    folder = Path(settings.MODELS_DIR) / str(key)
    figures = json.loads((folder / "result.json").read_text(encoding="utf-8"))
    try:
        files = version_share(folder)
    except StoreAway as error:
        raise Refused(str(error), 503) from error
    with transaction.atomic():
        return PersonaModel.objects.create(
            pk=key,
            owner_id=persona.owner_id,
            persona=persona,
            number=_next_number(persona),
            name=_name(persona.name, "imported"),
            base_model=base_model,
            format=format,
            spoken_name=persona.name,
            figures=figures,
            files=files,
            is_current=True,
        )


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
    return PersonaModel.objects.create(
        pk=run.pk,
        owner_id=run.owner_id,
        persona=run.persona,
        run=run,
        number=_next_number(run.persona),
        name=version_name(run),
        base_model=run.base_model,
        format=run.format,
        spoken_name=run.spoken_name,
        data_hash=run.data_hash,
        figures=figures,
        is_current=True,
        **where,
    )


def _next_number(persona: Persona) -> int:
    """Of a version that takes the place of the current one."""
    siblings = PersonaModel.objects.filter(persona=persona)
    siblings.filter(is_current=True).update(is_current=False)
    return int(siblings.aggregate(Max("number"))["number__max"] or 0) + 1


def is_remote(version: PersonaModel) -> bool:
    """Whether a provider serves it. A deleted connection leaves the model's name."""
    return bool(version.connection_id or version.remote_model)


def version_name(run: TrainingRun) -> str:
    """As in "nora-quick-2026-11-23-0142", in local time."""
    return _name(run.spoken_name, run.recipe)


def _name(spoken_name: str, suffix: str) -> str:
    person = slugify(spoken_name, allow_unicode=True) or "persona"
    return f"{person}-{suffix}-{timezone.localtime():%Y-%m-%d-%H%M}"


def version_named(*, persona: Persona, name: str) -> PersonaModel:
    """By number, "v" and number, or id. Refused, 404, with the numbers that there are."""
    rows = PersonaModel.objects.filter(persona=persona)
    number = name.removeprefix("v")
    found: PersonaModel | None = None
    if number.isdecimal():
        found = rows.filter(number=int(number)).first()
    elif _is_id(name):
        found = rows.filter(pk=name).first()
    if found is None:
        known = ", ".join(str(row.number) for row in rows) or _("none yet")
        told = {"persona": persona.name, "name": name[:40], "known": known}
        raise Refused(_("%(persona)s has no version “%(name)s”. There are: %(known)s.") % told, 404)
    return found


def _is_id(text: str) -> bool:
    try:
        UUID(text)
    except ValueError:
        return False
    return True


def version_make_current(*, version: PersonaModel) -> None:
    """Chat uses this version from now on; an archived one comes back."""
    with transaction.atomic():
        PersonaModel.objects.filter(persona=version.persona, is_current=True).update(is_current=False)
        PersonaModel.objects.filter(pk=version.pk).update(is_current=True, archived_at=None)


def version_archive(*, version: PersonaModel) -> None:
    """Puts it out of the chat's sight; nothing is lost. If it was the current one, the newest of the others is now."""
    with transaction.atomic():
        PersonaModel.objects.filter(pk=version.pk).update(is_current=False, archived_at=timezone.now())
        _hand_over(version)


def version_unarchive(*, version: PersonaModel) -> None:
    """The chat offers it again; the only one is also the current one."""
    with transaction.atomic():
        PersonaModel.objects.filter(pk=version.pk).update(archived_at=None)
        _hand_over(version)


def version_note(*, version: PersonaModel, notes: str) -> None:
    """Keeps what the person wrote about it. Refused if it is too long."""
    text = notes.replace("\r\n", "\n").replace("\0", "").strip()
    if len(text) > MAX_NOTES:
        raise Refused(_("The notes are longer than %(n)d characters. Please shorten them.") % {"n": MAX_NOTES})
    PersonaModel.objects.filter(pk=version.pk).update(notes=text)


def version_deploy(*, version: PersonaModel, deployment: str) -> None:
    """The name under which a provider serves it; empty: the model's own name. Refused if it is no name."""
    name = deployment.strip()
    if len(name) > MAX_DEPLOYMENT or any(character.isspace() or not character.isprintable() for character in name):
        sentence = _(
            "A deployment's name has at most %(n)d characters and no spaces. Copy it from the provider's page."
        )
        raise Refused(sentence % {"n": MAX_DEPLOYMENT})
    PersonaModel.objects.filter(pk=version.pk).update(deployment=name)


def version_delete(*, version: PersonaModel) -> None:
    """Deletes a version with its files. If it was the current one, the newest of the others becomes that."""
    with transaction.atomic():
        version.delete()
        _hand_over(version)


def _hand_over(version: PersonaModel) -> None:
    """Where no version is in use, the newest that is not archived is."""
    rows = PersonaModel.objects.filter(persona=version.persona_id)
    newest = rows.filter(archived_at=None).order_by("-number").first()
    if newest and not rows.filter(is_current=True).exists():
        PersonaModel.objects.filter(pk=newest.pk).update(is_current=True)
