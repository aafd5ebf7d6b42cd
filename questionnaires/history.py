"""What became of an answer: every text that it had, what changed from one to the next, and the way back."""

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from django.utils.translation import gettext as _

from questionnaires.comparing import GONE, NEW, SAME, differences
from questionnaires.models import Answer, AnswerRevision, Persona, Question
from questionnaires.saving import Refused, SaveResult, answer_save

__all__ = ["GONE", "NEW", "SAME", "Entry", "answer_restore", "differences", "history_get", "source_label"]


@dataclass(frozen=True)
class Entry:
    """A revision. `parts` is its text with what left it since the one before: (same, new or gone, text)."""

    id: UUID
    at: datetime
    source: str  # in words
    state: str  # in words; empty for an answer
    words: int
    parts: list[tuple[str, str]]
    conflict: bool
    is_now: bool


def history_get(*, persona: Persona, question: Question) -> list[Entry]:
    """The revisions of an answer, newest first. A conflicting text is compared with what it conflicted with."""
    answer = Answer.objects.filter(persona=persona, question=question).first()
    if answer is None:
        return []
    entries, before = [], ""
    for revision in answer.revisions.filter(thinned=False).order_by("created_at", "revision"):
        entries.append(_entry(answer, revision, before))
        before = before if revision.conflict else revision.text
    return entries[::-1]


def _entry(answer: Answer, revision: AnswerRevision, before: str) -> Entry:
    return Entry(
        id=revision.pk,
        at=revision.created_at,
        source=source_label(revision.source),
        state="" if revision.state == Answer.State.ANSWERED else str(revision.get_state_display()),
        words=len(revision.text.split()),
        parts=list(differences(before, revision.text)) if before else [(SAME, revision.text)],
        conflict=revision.conflict,
        is_now=not revision.conflict and revision.revision == answer.revision,
    )


def source_label(source: str) -> str:
    """Where a text came from, in words."""
    labels = {
        "typed": _("written"),
        "imported": _("imported"),
        "restored": _("brought back"),
        "follow-up": _("from a follow-up question"),
        "correction": _("from a correction in chat"),
        "mended": _("mended by a click in the data room"),
        "demo": _("invented"),
    }
    return labels.get(source, source)


def answer_restore(*, persona: Persona, question: Question, revision_id: UUID, operation_id: str) -> SaveResult:
    """Makes an earlier text the answer again, as a new revision. Refused (404) if there is no such revision."""
    rows = AnswerRevision.objects.filter(answer__persona=persona, answer__question=question, thinned=False)
    earlier = rows.select_related("answer").filter(pk=revision_id).first()
    if earlier is None:
        raise Refused(_("This earlier text is gone."), status=404)
    return answer_save(
        persona=persona,
        question=question,
        text=earlier.text,
        base_revision=earlier.answer.revision,
        operation_id=operation_id,
        state=earlier.state,
        source="restored",
    )
