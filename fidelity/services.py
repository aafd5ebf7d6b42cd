"""What can be done with reports. A view or a command calls these and then, after the commit, rings the worker."""

from __future__ import annotations

from django.db import IntegrityError, transaction
from django.db.models import F
from django.utils import timezone
from django.utils.translation import gettext as _

from accounts.quotas import Kind, quota_take
from fidelity.asking import FACT_POINTS
from fidelity.controls import other_persona, other_version
from fidelity.measures.facts import Outcome
from fidelity.models import ItemAnswer, Report, ReportItem
from fidelity.planning import plan_make
from fidelity.report_schema import Cost
from fidelity.results import result_make
from questionnaires.models import Persona
from questionnaires.save_result import within_limits
from questionnaires.services import Refused
from training.models import PersonaModel
from training.versions import is_remote

__all__ = ["item_rule", "other_persona", "other_version", "report_cancel", "report_create", "report_delete"]

State = Report.State
TOKENS_A_PROMPT = 180  # of a provider's model: note, question, options; a reply is some 20 more


def report_create(
    *, persona: Persona, version: PersonaModel, form: str = Report.Form.FULL, is_automatic: bool = False
) -> tuple[Report, bool]:
    """A queued report, or the one that is active already; whether it was made now. Refused with a sentence."""
    if form not in Report.Form.values:
        raise Refused(_("There is no form “%(name)s”. Choose quick or full.") % {"name": form[:20]})
    if version.persona_id != persona.pk:
        raise Refused(_("There is no such version."), 404)
    if active := _active(version):
        return active, False
    report = Report(owner_id=persona.owner_id, persona=persona, version=version, form=form, is_automatic=is_automatic)
    report.cost = cost_of(persona=persona, version=version, form=form)
    try:
        with transaction.atomic(), within_limits():
            report.save(force_insert=True)
            if tokens := report.cost.get("tokens"):
                quota_take(user=persona.owner_id, amounts={Kind.CHAT_TOKENS: tokens})
    except IntegrityError:  # the other half of a double click was faster
        if active := _active(version):
            return active, False
        raise
    return report, True


def _active(version: PersonaModel) -> Report | None:
    return Report.objects.filter(version=version, state__in=Report.ACTIVE).first()


def cost_of(*, persona: Persona, version: PersonaModel, form: str) -> Cost:
    """About how many tokens a provider is paid for; empty for a version here. Its prices for answers are not known."""
    if not is_remote(version):
        return {}
    plan = plan_make(persona=persona, version=version, form=form)
    paid = {ReportItem.Control.PERSONA, ReportItem.Control.NO_RETRIEVAL, ReportItem.Control.OTHER_NOTES}
    prompts = sum(max(1, len(item.options)) * len(paid & {*item.controls(form)}) for item in plan.items)
    return {"tokens": prompts * TOKENS_A_PROMPT, "low": None, "high": None, "currency": ""}


def has_items(persona: Persona) -> bool:
    """Whether the person answered any item."""
    return ItemAnswer.objects.filter(persona=persona).exclude(kind="film", value=0).exists()


def report_cancel(*, report: Report) -> None:
    """Cancels at once what nobody works on; otherwise asks the worker, who looks after each item."""
    Report.objects.filter(pk=report.pk, state__in=Report.ACTIVE).update(cancel_requested=True)
    reports_end_cancelled()
    report.refresh_from_db()


def reports_end_cancelled() -> int:
    """Ends the cancelled reports that nobody works on; how many they were."""
    rows = Report.objects.filter(state__in=Report.ACTIVE, cancel_requested=True, lease_until=None)
    return rows.update(state=State.CANCELLED, fence=F("fence") + 1, finished_at=timezone.now())


def report_delete(*, report: Report) -> None:
    """With its rows. Refused while it is worked on."""
    if report.is_active:
        raise Refused(_("The report is being made. Cancel it first."), 409)
    report.delete()


def item_rule(*, item: ReportItem, ruling: str) -> ReportItem:
    """Keeps the person's own verdict on a fact ("" takes it back), and sums the report up anew. Refused otherwise."""
    if item.kind not in (ReportItem.Kind.FACT, ReportItem.Kind.TAUGHT) or not item.verdict:
        raise Refused(_("Only the answer to a fact can be judged by you."))
    if ruling not in ReportItem.Ruling.values:
        raise Refused(_("There is no verdict “%(name)s”. Choose right, wrong or unknown.") % {"name": ruling[:20]})
    with transaction.atomic():
        report: Report = Report.objects.select_for_update().get(pk=item.report_id)
        item.ruling = ruling
        item.points = _points(item)
        item.save(update_fields=["ruling", "points"])
        if report.state == State.DONE:
            report.result = result_make(report)
            report.save(update_fields=["result"])
    return item


def _points(item: ReportItem) -> float | None:
    if not item.own and item.outcome == Outcome.UNKNOWN:
        return 1.0
    return FACT_POINTS[Outcome(item.outcome)]
