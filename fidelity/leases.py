"""Who works on a report. A claim has a lease, which is renewed, and a fence, which every later write carries."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from django.db import transaction
from django.db.models import Exists, F, Q
from django.db.models.functions import Coalesce, Now
from django.utils import timezone

from fidelity.models import Report, ReportItem
from questionnaires.leases import FencedClaim, LeaseLost

__all__ = ["Claim", "LeaseLost", "report_claim", "workable"]

LEASE = timedelta(seconds=90)  # longer than one item takes on a busy computer; renewed with each


class Claim(FencedClaim[Report]):
    """The right to write to `report` as long as its fence is this one."""

    @property
    def report(self) -> Report:
        return self.row

    def record(self, rows: Sequence[ReportItem], fields: Sequence[str], progress: dict[str, Any]) -> None:
        """Answered items, with how far the report is, in one fenced transaction that also renews the lease."""
        with transaction.atomic():
            self.write(progress=progress, lease_until=timezone.now() + LEASE, failures=0)
            ReportItem.objects.bulk_update(rows, fields)

    def is_cancelled(self) -> bool:
        """Whether the person wishes it to end."""
        return Report.objects.filter(pk=self.report.pk, fence=self.fence, cancel_requested=True).exists()


def workable(now: datetime) -> Q:
    """Reports with something to do: active and due, or to be cancelled."""
    return Q(state__in=Report.ACTIVE) & (Q(not_before=None) | Q(not_before__lte=now) | Q(cancel_requested=True))


def report_claim(*, report_id: UUID) -> Claim | None:
    """A conditional UPDATE that one caller wins. None for the others, where there is nothing to do, and while another
    report is worked on: two at once would only load each other's models."""
    now = timezone.now()
    others = Report.objects.filter(state__in=Report.ACTIVE, lease_until__gte=now).exclude(pk=report_id)
    with transaction.atomic():
        won = Report.objects.filter(workable(now), ~Exists(others), pk=report_id, lease_until=None).update(
            fence=F("fence") + 1,
            lease_until=now + LEASE,
            started_at=Coalesce(F("started_at"), Now()),
            state=Report.State.RUNNING,
        )
        if not won:
            return None
        report = Report.objects.select_related("persona", "version__run", "version__connection").get(pk=report_id)
    return Claim(report, report.fence)
