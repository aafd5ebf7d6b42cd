"""Trainings that ended since the person last looked at one: a line on every page until their own page was opened."""

from datetime import timedelta

from django.contrib.sessions.backends.base import SessionBase
from django.utils import timezone

from questionnaires.models import Persona
from training.models import TrainingRun

SEEN = "seen_runs"  # in the session: ids of runs whose end was seen
KEPT = 20
RECENT = timedelta(days=3)  # what ended before is no news
TOLD = (TrainingRun.State.READY, TrainingRun.State.FAILED)  # who cancels a training knows it


def mark_seen(session: SessionBase, run: TrainingRun) -> None:
    """Remembers, in the visitor's session, that the end of this run was seen. A run that goes on may end again."""
    seen = list(session.get(SEEN, []))
    if not run.is_active and str(run.pk) not in seen:
        session[SEEN] = [*seen, str(run.pk)][-KEPT:]
    elif run.is_active and str(run.pk) in seen:
        session[SEEN] = [other for other in seen if other != str(run.pk)]


def ended_unseen(session: SessionBase, persona: Persona) -> TrainingRun | None:
    """The newest training of the persona, where it ended lately and its end was not seen yet."""
    run = TrainingRun.objects.filter(persona=persona).select_related("persona").first()
    if run is None or run.state not in TOLD or run.finished_at is None:
        return None
    is_news = run.finished_at > timezone.now() - RECENT and str(run.pk) not in session.get(SEEN, [])
    return run if is_news else None
