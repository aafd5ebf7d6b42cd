"""What became of an answer: every text that it had, what changed from one to the next, and the way back."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from difflib import SequenceMatcher
from uuid import UUID

from django.utils.translation import gettext as _

from questionnaires.models import Answer, AnswerRevision, Persona, Question
from questionnaires.services import Refused, SaveResult, answer_save

SAME, NEW, GONE = "same", "new", "gone"
MANY_PIECES = 3000  # comparing words takes time with their number squared; longer texts are compared line by line
_WORDS = re.compile(r"\s+|\w+|[^\w\s]")
_LINES = re.compile(r"[^\n]*\n|[^\n]+")


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
    for revision in answer.revisions.order_by("created_at", "revision"):
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
        "demo": _("invented"),
    }
    return labels.get(source, source)


def differences(before: str, after: str) -> Iterator[tuple[str, str]]:
    """Yield (same, new or gone, text): without the gone ones it is `after`, without the new ones `before`."""
    old, new = _pieces(before, after)
    for action, i1, i2, j1, j2 in SequenceMatcher(None, old, new, autojunk=False).get_opcodes():
        if action == "equal":
            yield SAME, "".join(new[j1:j2])
            continue
        if i1 < i2:
            yield GONE, "".join(old[i1:i2])
        if j1 < j2:
            yield NEW, "".join(new[j1:j2])


def _pieces(before: str, after: str) -> tuple[list[str], list[str]]:
    words = _WORDS.findall(before), _WORDS.findall(after)
    if max(map(len, words)) <= MANY_PIECES:
        return words
    return _LINES.findall(before), _LINES.findall(after)


def answer_restore(*, persona: Persona, question: Question, revision_id: UUID, operation_id: str) -> SaveResult:
    """Makes an earlier text the answer again, as a new revision. Refused (404) if there is no such revision."""
    rows = AnswerRevision.objects.filter(answer__persona=persona, answer__question=question)
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
