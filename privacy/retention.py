"""How long things are kept. Nothing goes by itself unless the person says so."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta

from django.contrib.auth.models import User
from django.db import transaction
from django.db.models import F, OuterRef, Subquery
from django.utils import timezone
from django.utils.translation import gettext as _

from accounts.audit import audit_record
from chat.models import Conversation
from privacy.models import Retention
from questionnaires.models import AnswerRevision
from questionnaires.saving import text_digest
from questionnaires.services import Refused
from training.frozen import rows_forget
from training.models import TrainingRun

CHOICES = (30, 90, 365, 730)  # days
CHUNK = 200  # rows a transaction: a save waits for no more than this


def retention_get(*, owner: User) -> Retention:
    """The person's settings; an unsaved row that keeps everything where there are none."""
    found: Retention | None = Retention.objects.filter(owner=owner).first()
    return found or Retention(owner=owner)


def retention_set(*, owner: User, days: Mapping[str, str]) -> None:
    """Days by column; empty: as long as the person wants. Refused for what is no number of the list."""
    values = {name: _days(text) for name, text in days.items()}
    with transaction.atomic():
        Retention.objects.update_or_create(owner=owner, defaults=values)
        audit_record(action="retention-changed", actor=owner)


def _days(text: str) -> int | None:
    if not text:
        return None
    if not text.isdecimal() or int(text[:9]) not in CHOICES:
        raise Refused(_("Choose one of the lengths of the list."))
    return int(text)


def retention_apply(*, now: datetime | None = None) -> dict[str, int]:
    """What is over goes, of everybody who said so. How many conversations, texts and data sets went."""
    now, gone = now or timezone.now(), {"conversations": 0, "revisions": 0, "frozen_rows": 0}
    for kept in Retention.objects.iterator():
        if kept.conversations:
            gone["conversations"] += _conversations(kept.owner_id, now - timedelta(days=kept.conversations))
        if kept.revisions:
            gone["revisions"] += _revisions(kept.owner_id, now - timedelta(days=kept.revisions))
        if kept.frozen_rows:
            gone["frozen_rows"] += _frozen_rows(kept.owner_id, now - timedelta(days=kept.frozen_rows))
    return gone


def _conversations(owner: int, before: datetime) -> int:
    keys = list(Conversation.objects.filter(owner=owner, active_at__lt=before).values_list("pk", flat=True))
    for start in range(0, len(keys), CHUNK):
        Conversation.objects.filter(pk__in=keys[start : start + CHUNK]).delete()
    return len(keys)


def _revisions(owner: int, before: datetime) -> int:
    """Texts of earlier revisions; the rows go later, as those of thinned ones (questionnaires.thinning)."""
    last = AnswerRevision.objects.filter(answer=OuterRef("answer")).order_by("-created_at", "-revision")
    old = AnswerRevision.objects.filter(owner=owner, created_at__lt=before, thinned=False)
    keys = list(old.exclude(pk=Subquery(last.values("pk")[:1])).values_list("pk", flat=True))
    for start in range(0, len(keys), CHUNK):
        with transaction.atomic():
            rows = list(AnswerRevision.objects.filter(pk__in=keys[start : start + CHUNK]))
            for row in rows:
                row.digest, row.text, row.thinned = text_digest(row.text), "", True
            AnswerRevision.objects.bulk_update(rows, ["digest", "text", "thinned"])
    return len(keys)


def _frozen_rows(owner: int, before: datetime) -> int:
    runs = TrainingRun.objects.filter(owner=owner, finished_at__lt=before).exclude(state__in=TrainingRun.ACTIVE)
    return sum(rows_forget(run) for run in runs.order_by(F("finished_at")).iterator())
