"""Findings set right with one click, each as a new revision of its answers, and the way back."""

import uuid
from dataclasses import dataclass

from django.db import transaction
from django.utils.translation import gettext as _

from questionnaires.dataset.mends import mended
from questionnaires.findings import finding_find
from questionnaires.history import answer_restore
from questionnaires.models import Answer, AnswerRevision, Persona
from questionnaires.saving import Refused, answer_save, writable

SOURCE = "mended"


@dataclass(frozen=True)
class Undo:
    """An answer and the revision that it had before."""

    answer: str
    revision: str


def finding_mend(*, persona: Persona, key: str) -> list[Undo]:
    """Sets right what the finding of that key says. Refused (403) for the demo, (409) where it is gone by now."""
    writable(persona)
    found, items = finding_find(persona=persona, key=key)
    texts = mended(found, items) if found else {}
    if not texts:
        raise Refused(_("This has changed since the page was shown, so nothing was done. Look again."), 409)
    with transaction.atomic():
        answers = Answer.objects.filter(persona=persona, pk__in=texts).select_related("question")
        return [_mend(answer, texts[str(answer.pk)]) for answer in answers.select_for_update(of=("self",))]


def _mend(answer: Answer, text: str) -> Undo:
    """An empty text means: as it was, but set aside."""
    before = AnswerRevision.objects.filter(answer=answer, revision=answer.revision, conflict=False).first()
    answer_save(
        persona=answer.persona,
        question=answer.question,
        text=text or answer.text,
        base_revision=answer.revision,
        operation_id=uuid.uuid4().hex,
        state="" if text else Answer.State.SKIPPED,
        source=SOURCE,
    )
    return Undo(str(answer.pk), str(before.pk) if before else "")


def mend_undo(*, persona: Persona, undo: list[Undo]) -> int:
    """Brings the texts of before back; returns how many. What was changed again since keeps its newest text."""
    count = 0
    with transaction.atomic():
        for each in undo:
            answer = Answer.objects.filter(persona=persona, pk=each.answer, source=SOURCE).first()
            if answer is None or not each.revision:
                continue
            answer_restore(
                persona=persona,
                question=answer.question,
                revision_id=uuid.UUID(each.revision),
                operation_id=uuid.uuid4().hex,
            )
            count += 1
    return count
