"""What is due: reports that lost their worker, or wait to go on, and versions that were never looked at."""

from __future__ import annotations

from datetime import datetime, timedelta
from uuid import UUID

from django.db.models import Exists, F, OuterRef, Q
from django.utils import timezone
from django.utils.translation import gettext as _

from fidelity.execution import MAX_FAILURES
from fidelity.leases import workable
from fidelity.models import Report
from fidelity.services import has_items, report_create, reports_end_cancelled
from training.models import PersonaModel

State = Report.State
RING_AGAIN = timedelta(seconds=40)  # a message that is older may have been lost by the broker
NEW = timedelta(days=2)  # versions from before are not measured unasked


def report_sweep() -> list[UUID]:
    """Frees what lost workers held, ends what is cancelled or failed too often, and says which reports to ring for."""
    now = timezone.now()
    lost = Report.objects.filter(state__in=Report.ACTIVE, lease_until__lt=now)
    freed = {"fence": F("fence") + 1, "lease_until": None, "failures": F("failures") + 1}
    lost.filter(failures__gte=MAX_FAILURES - 1).update(
        state=State.FAILED,
        error=_("The report broke off %(times)d times without a word. The log may say why.") % {"times": MAX_FAILURES},
        finished_at=now,
        **freed,
    )
    lost.update(state=State.QUEUED, last_enqueued_at=None, **freed)
    reports_end_cancelled()
    return _due(now)


def _due(now: datetime) -> list[UUID]:
    rung = Q(last_enqueued_at=None) | Q(last_enqueued_at__lt=now - RING_AGAIN)
    due = Report.objects.filter(workable(now), rung, lease_until=None)
    return list(due.order_by("created_at").values_list("pk", flat=True))


def reports_begin() -> list[Report]:
    """A quick report on each version in use that was made lately and has none, of persons who answered items."""
    measured = Report.objects.filter(version=OuterRef("pk"))
    fresh = PersonaModel.objects.filter(~Exists(measured), is_current=True, created_at__gte=timezone.now() - NEW)
    here = fresh.filter(connection=None, remote_model="", persona__is_demo=False)  # a provider would be paid
    found = [version for version in here.select_related("persona") if has_items(version.persona)]
    made = [
        report_create(persona=each.persona, version=each, form=Report.Form.QUICK, is_automatic=True) for each in found
    ]
    return [report for report, is_new in made if is_new]
