"""What can be done with trainings. A view or a command calls these and then, after the commit, rings the worker."""

from datetime import datetime, timedelta
from uuid import UUID

from django.conf import settings
from django.db import IntegrityError, transaction
from django.db.models import F, Q, QuerySet
from django.utils import timezone
from django.utils.translation import gettext as _

from questionnaires.dataset import RENDERERS, Item
from questionnaires.models import Persona
from questionnaires.services import Refused, dataset_build, findings_get
from training.execution import MAX_FAILURES
from training.models import TrainingRun

State = TrainingRun.State
RECIPES = ("quick", "thorough")
DEFAULT_FORMAT = "chat"
SENTENCES_SHOWN = 3
RING_AGAIN = timedelta(seconds=20)  # a queued run whose message is older may have been lost by the broker


def obstacles(items: list[Item]) -> list[str]:
    """Sentences about what has to be mended before a training; empty if it can begin."""
    found = findings_get(items=items, slugs={})
    return list(dict.fromkeys(finding.message for finding in found if finding.severity == "error"))


def run_create(*, persona: Persona, recipe: str, format: str | None = None, seed: int = 0) -> tuple[TrainingRun, bool]:
    """A queued run, or the one that is active already; whether it was made now. Refused with a sentence."""
    if recipe not in RECIPES:
        raise Refused(_("There is no recipe “%(name)s”. Choose quick or thorough.") % {"name": recipe[:20]})
    if format and format not in RENDERERS:
        raise Refused(_("There is no format “%(name)s”. Choose marker or chat.") % {"name": format[:20]})
    if active := run_active(persona=persona):
        return active, False
    if sentences := obstacles(dataset_build(persona=persona)):
        raise Refused(" ".join(sentences[:SENTENCES_SHOWN]))
    try:
        with transaction.atomic():
            run = TrainingRun.objects.create(
                owner_id=persona.owner_id,
                persona=persona,
                recipe=recipe,
                format=format or DEFAULT_FORMAT,
                base_model=settings.BASE_MODEL,
                spoken_name=persona.name,
                seed=seed,
            )
    except IntegrityError:  # the other half of a double click was faster
        if active := run_active(persona=persona):
            return active, False
        raise
    return run, True


def run_active(*, persona: Persona) -> TrainingRun | None:
    return TrainingRun.objects.filter(persona=persona, state__in=TrainingRun.ACTIVE).first()


def run_cancel(*, run: TrainingRun) -> None:
    """Cancels at once what nobody works on; otherwise asks the worker, which keeps the last checkpoint."""
    rows = TrainingRun.objects.filter(pk=run.pk, state__in=TrainingRun.ACTIVE)
    with transaction.atomic():
        if not rows.filter(lease_until=None, remote_id="").update(
            state=State.CANCELLED, cancel_requested=True, fence=F("fence") + 1, finished_at=timezone.now()
        ):
            rows.update(cancel_requested=True, not_before=None)
    run.refresh_from_db()


def run_retry(*, run: TrainingRun) -> TrainingRun:
    """Goes on from the last checkpoint; where that would only fail again, a new run with another seed."""
    if run.state not in {State.FAILED, State.CANCELLED}:
        raise Refused(_("This training has not failed: there is nothing to try again."), status=409)
    if not run.resumable:
        return run_create(persona=run.persona, recipe=run.recipe, format=run.format, seed=run.seed + 1)[0]
    try:
        with transaction.atomic():
            TrainingRun.objects.filter(pk=run.pk, state=run.state).update(
                state=State.QUEUED,
                cancel_requested=False,
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


def runs_ahead(*, run: TrainingRun) -> int:
    """How many trainings come before a queued one."""
    return TrainingRun.objects.filter(state__in=TrainingRun.ACTIVE, created_at__lt=run.created_at).count()


def run_sweep() -> list[UUID]:
    """Frees what lost workers held, ends what is cancelled or failed too often, and says which runs to ring for."""
    now = timezone.now()
    active = TrainingRun.objects.filter(state__in=TrainingRun.ACTIVE)
    _end_cancelled(active.filter(cancel_requested=True, lease_until__lt=now))
    _end_cancelled(active.filter(cancel_requested=True, lease_until=None, remote_id=""))
    lost = active.filter(lease_until__lt=now)
    lost.filter(failures__gte=MAX_FAILURES - 1).update(
        state=State.FAILED,
        error=_("The training broke off %(times)d times without a word. The log may say why.")
        % {"times": MAX_FAILURES},
        failures=F("failures") + 1,
        fence=F("fence") + 1,
        lease_until=None,
        finished_at=now,
    )
    lost.update(
        state=State.QUEUED, failures=F("failures") + 1, fence=F("fence") + 1, lease_until=None, last_enqueued_at=None
    )
    return _due(now)


def _end_cancelled(runs: QuerySet[TrainingRun]) -> None:
    runs.update(state=State.CANCELLED, lease_until=None, fence=F("fence") + 1, finished_at=timezone.now())


def _due(now: datetime) -> list[UUID]:
    due = TrainingRun.objects.filter(
        Q(not_before=None) | Q(not_before__lte=now),
        Q(last_enqueued_at=None) | Q(last_enqueued_at__lt=now - RING_AGAIN),
        state__in=TrainingRun.ACTIVE,
        lease_until=None,
    )
    return list(due.order_by("created_at").values_list("pk", flat=True))
