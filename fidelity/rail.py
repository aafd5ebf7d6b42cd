"""The one figure that stands beside every page of a persona."""

from __future__ import annotations

from fidelity.models import Report
from fidelity.report_words import percent
from questionnaires.models import Persona


def likeness_percent(*, persona: Persona) -> str:
    """How often the version in use chooses as the person did, by its newest report; empty where it was not asked."""
    rows = Report.objects.filter(persona=persona, state=Report.State.DONE, version__is_current=True)
    share = rows.values_list("result__agreement__value", flat=True).first()
    return percent(share) if share is not None else ""
