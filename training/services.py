"""What can be done with trainings. A view or a command calls these and then, after the commit, rings the worker."""

from typing import Any

from django.conf import settings
from django.db import IntegrityError, transaction
from django.db.models import F
from django.utils.translation import gettext as _

from questionnaires.dataset import RENDERERS, Item
from questionnaires.findings import findings_get
from questionnaires.models import Persona
from questionnaires.save_result import within_limits
from questionnaires.services import Refused, dataset_build
from training.charges import run_charge
from training.connections import host_of, preset_of
from training.jobs import may_have_remote_job
from training.models import LOCAL, Connection, TrainingRun
from training.row_files import row_files
from training.sweeping import end_cancelled

State = TrainingRun.State
RECIPES = ("quick", "thorough")
DEFAULT_FORMAT = "chat"
REMOTE = "openai_compatible"
SENTENCES_SHOWN = 3


def obstacles(items: list[Item]) -> list[str]:
    """Sentences about what has to be mended before a training; empty if it can begin."""
    found = findings_get(items=items, slugs={})
    return list(dict.fromkeys(finding.message for finding in found if finding.severity == "error"))


def run_create(
    *,
    persona: Persona,
    recipe: str,
    format: str | None = None,
    seed: int = 0,
    connection: Connection | None = None,
    base_model: str = "",
    overrides: dict[str, Any] | None = None,
    estimate: dict[str, Any] | None = None,
    consent: dict[str, Any] | None = None,
    source: dict[str, Any] | None = None,
    client_key: str = "",
) -> tuple[TrainingRun, bool]:
    """A queued run, or the one that is active already; whether it was made now. Refused with a sentence.

    With a connection the rows leave this computer, which needs a `consent` that names its host. With a `source` the
    rows are a program's file (training.file_runs), and the persona's answers are not looked at.
    """
    if recipe not in RECIPES:
        raise Refused(_("There is no recipe “%(name)s”. Choose quick or thorough.") % {"name": recipe[:20]})
    if format and format not in RENDERERS:
        raise Refused(_("There is no format “%(name)s”. Choose marker or chat.") % {"name": format[:20]})
    if active := run_active(persona=persona):
        return active, False
    items = [] if source else dataset_build(persona=persona)
    if sentences := [] if source else obstacles(items):
        raise Refused(" ".join(sentences[:SENTENCES_SHOWN]))
    run = TrainingRun(
        owner_id=persona.owner_id,
        persona=persona,
        recipe=recipe,
        format=format or (preset_of(connection).formats[0] if connection else DEFAULT_FORMAT),
        base_model=base_model or ("" if connection else settings.BASE_MODEL),
        provider=REMOTE if connection else LOCAL,
        connection=connection,
        overrides=overrides or {},
        estimate=estimate or {},
        consent=consent or {},
        source=source or {},
        client_key=client_key,
        spoken_name=persona.name,
        seed=seed,
    )
    if connection:
        _check_remote(run, connection, items)
    return _saved(run)


def _check_remote(run: TrainingRun, connection: Connection, items: list[Item]) -> None:
    """Refused where the provider would refuse it too, or where the person has not said yes to this very thing."""
    preset, host = preset_of(connection), host_of(connection)
    if connection.owner_id != run.owner_id:
        raise Refused(_("There is no such connection."), 404)
    if run.consent.get("to") != host:
        raise Refused(
            _("Your answers leave this computer only after you agreed that %(host)s gets them.") % {"host": host}
        )
    if not run.base_model:
        raise Refused(_("Choose a base model of the provider."))
    if run.format not in preset.formats:
        wrong = {"provider": preset.title, "format": run.format, "known": ", ".join(preset.formats)}
        raise Refused(_("%(provider)s does not take the format “%(format)s”. Choose: %(known)s.") % wrong)
    files = row_files(items, name=run.spoken_name, format=run.format, recipe=run.recipe, seed=run.seed, is_local=False)
    if len(files.training_rows) < preset.least_examples:
        needed = {"least": preset.least_examples, "count": len(files.training_rows)}
        raise Refused(_("The provider wants at least %(least)d examples; there are %(count)d.") % needed)
    if run.consent.get("sha256") != files.sha256:
        sentence = _("Your answers changed after you looked at what leaves this computer. Look again, then start.")
        raise Refused(sentence, 409)


def _saved(run: TrainingRun) -> tuple[TrainingRun, bool]:
    try:
        with transaction.atomic():
            run.save(force_insert=True)
            with within_limits():
                run_charge(run=run)
    except IntegrityError:  # the other half of a double click was faster
        if active := run_active(persona=run.persona):
            return active, False
        raise
    return run, True


def run_active(*, persona: Persona) -> TrainingRun | None:
    return TrainingRun.objects.filter(persona=persona, state__in=TrainingRun.ACTIVE).first()


def run_cancel(*, run: TrainingRun) -> None:
    """Cancels at once what nobody works on and no provider may have; otherwise asks the worker.

    A local training keeps its last checkpoint; a provider is told, and what it says then is the run's state.
    """
    with transaction.atomic():
        run.refresh_from_db()
        rows = TrainingRun.objects.filter(pk=run.pk, fence=run.fence, state__in=TrainingRun.ACTIVE)
        ended = not may_have_remote_job(run) and end_cancelled(rows.filter(lease_until=None))
        if not ended:
            TrainingRun.objects.filter(pk=run.pk, state__in=TrainingRun.ACTIVE).update(
                cancel_requested=True, not_before=None, last_enqueued_at=None
            )
    run.refresh_from_db()


def run_pause(*, run: TrainingRun) -> None:
    """Lets a training rest: here at once with its last checkpoint, at a provider where that can be done.

    Refused where it cannot. A run that rests keeps its place: there is no other one of the persona meanwhile.
    """
    if not run.is_active or run.state == State.PAUSED:
        raise Refused(_("This training is not under way."), 409)
    if run.connection is not None and run.remote_id and not preset_of(run.connection).can_pause:
        raise Refused(_("This provider cannot pause a training. You can cancel it."), 409)
    with transaction.atomic():
        run.refresh_from_db()
        rows = TrainingRun.objects.filter(pk=run.pk, state__in=TrainingRun.ACTIVE)
        rests = not may_have_remote_job(run) and rows.filter(fence=run.fence, lease_until=None).update(
            state=State.PAUSED, pause_requested=True, fence=F("fence") + 1
        )
        if not rests:
            rows.update(pause_requested=True, not_before=None, last_enqueued_at=None)
    run.refresh_from_db()


def run_resume(*, run: TrainingRun) -> None:
    """Goes on with a training that rests, or that was just told to. The caller rings. Refused for any other."""
    with transaction.atomic():
        run.refresh_from_db()
        if not (run.is_active and (run.pause_requested or run.state == State.PAUSED)):
            raise Refused(_("This training is not paused."), 409)
        changes: dict[str, Any] = {"pause_requested": False, "not_before": None, "last_enqueued_at": None}
        if run.state == State.PAUSED and run.lease_until is None:
            changes |= {"state": State.QUEUED, "fence": F("fence") + 1}
            if run.remote_id:
                changes |= {"state": State.TRAINING, "remote": {**run.remote, "stage": "resuming", "pace": None}}
        TrainingRun.objects.filter(pk=run.pk, fence=run.fence, state__in=TrainingRun.ACTIVE).update(**changes)
    run.refresh_from_db()


def run_submit_again(*, run: TrainingRun) -> None:
    """After the looks for a lost answer found nothing: the person, and nobody else, asks the provider once more.

    The caller rings. Refused as long as it is still being looked for.
    """
    with transaction.atomic():
        run.refresh_from_db()
        asked = run.state == State.UNSURE and run.remote.get("stage") == "ask" and not run.cancel_requested
        rows = TrainingRun.objects.filter(pk=run.pk, fence=run.fence, lease_until=None, state=State.UNSURE)
        if not asked or not rows.update(
            state=State.QUEUED,
            remote={**run.remote, "stage": "uploading", "trouble": ""},
            fence=F("fence") + 1,
            not_before=None,
            last_enqueued_at=None,
        ):
            raise Refused(_("The provider is still being asked whether it has this training. Wait a moment."), 409)
    run.refresh_from_db()


def run_retry(*, run: TrainingRun, overrides: dict[str, Any] | None = None) -> TrainingRun:
    """Goes on from the last checkpoint; where that would only fail again, or with other settings, a new run."""
    if run.state not in {State.FAILED, State.CANCELLED}:
        raise Refused(_("This training has not failed: there is nothing to try again."), status=409)
    if overrides is not None or not run.resumable or run.remote_id:
        return _again(run, overrides)
    try:
        with transaction.atomic():
            TrainingRun.objects.filter(pk=run.pk, state=run.state).update(
                state=State.QUEUED,
                cancel_requested=False,
                pause_requested=False,
                failures=0,
                error="",
                finished_at=None,
                not_before=None,
                last_enqueued_at=None,
            )
    except IntegrityError:
        raise Refused(_("Another training of this persona is under way. Wait for it, or cancel it."), 409) from None
    run.refresh_from_db()
    return run


def _again(run: TrainingRun, overrides: dict[str, Any] | None) -> TrainingRun:
    """A new run like that one. Here with another seed; elsewhere with the same, whose rows were consented to."""
    if run.provider != LOCAL and run.connection is None:
        raise Refused(_("The connection of this training was deleted. Start a new one."), 409)
    return run_create(
        persona=run.persona,
        recipe=run.recipe,
        format=run.format,
        seed=run.seed + (run.provider == LOCAL),
        connection=run.connection,
        base_model=run.base_model,
        overrides=run.overrides if overrides is None else overrides,
        estimate=run.estimate,
        consent=run.consent,
        source=run.source,
    )[0]


def runs_ahead(*, run: TrainingRun) -> int:
    """How many trainings come before a queued one on this computer; those elsewhere wait for nobody."""
    if run.provider != LOCAL:
        return 0
    active = TrainingRun.objects.filter(state__in=TrainingRun.ACTIVE, provider=LOCAL, created_at__lt=run.created_at)
    return active.exclude(state=State.PAUSED).count()
