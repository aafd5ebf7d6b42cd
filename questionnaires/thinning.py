"""Old texts of an answer go, closer ones stay: a day of writing leaves hundreds of revisions that nobody will read.

Kept are the first and the last, every conflict, everything that was not simply typed, all of the last 24 hours, the
last one an hour for a week and the last one a day before that. A thinned row loses its text at once and stays 30 days
with the operation's id and the text's hash, so that a save that is repeated late still gets its first reply.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import groupby
from uuid import UUID

from django.db import transaction
from django.utils import timezone

from questionnaires.models import AnswerRevision
from questionnaires.saving import text_digest

ALL, HOURLY, REPLAYED = timedelta(hours=24), timedelta(days=7), timedelta(days=30)
CHUNK = 200  # rows a transaction: a save waits for no more than this


@dataclass(frozen=True)
class Kept:
    """A revision whose text is still there."""

    id: UUID
    at: datetime
    is_special: bool  # a conflict, or not typed


def revisions_to_thin(rows: Sequence[Kept], now: datetime) -> list[UUID]:
    """Which of one answer's revisions, oldest first, may lose their text. Pure."""
    plain = [row for row in rows if not row.is_special]
    old = [row for row in plain[1:-1] if now - row.at > ALL]
    last_of_its_time = {_span(row, now): row.id for row in old}
    return [row.id for row in old if last_of_its_time[_span(row, now)] != row.id]


def _span(row: Kept, now: datetime) -> str:
    """The day or, within a week, the hour that the revision is of."""
    return f"{row.at:%Y-%m-%d %H}" if now - row.at <= HOURLY else f"{row.at:%Y-%m-%d}"


def histories_thin(*, now: datetime | None = None) -> int:
    """Thins the histories of all answers. Returns how many texts went."""
    now = now or timezone.now()
    ids = list(_all_to_thin(now))
    for start in range(0, len(ids), CHUNK):
        _forget(ids[start : start + CHUNK])
    AnswerRevision.objects.filter(thinned=True, created_at__lt=now - REPLAYED).delete()
    return len(ids)


def _all_to_thin(now: datetime) -> Iterable[UUID]:
    rows = AnswerRevision.objects.filter(thinned=False).order_by("answer_id", "created_at", "revision")
    values = rows.values_list("answer_id", "pk", "created_at", "conflict", "source").iterator()
    for _answer, group in groupby(values, key=lambda value: value[0]):
        kept = [Kept(pk, at, conflict or source != "typed") for _of, pk, at, conflict, source in group]
        yield from revisions_to_thin(kept, now)


def _forget(ids: list[UUID]) -> None:
    with transaction.atomic():
        rows = list(AnswerRevision.objects.filter(pk__in=ids))
        for row in rows:
            row.digest, row.text, row.thinned = text_digest(row.text), "", True
        AnswerRevision.objects.bulk_update(rows, ["digest", "text", "thinned"])
