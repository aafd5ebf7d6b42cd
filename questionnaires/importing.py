"""Answers from a file into a persona: a report first, then all of them or none."""

import re
import uuid
from dataclasses import dataclass, field
from typing import Any

from django.db import transaction
from django.utils.translation import gettext as _

from questionnaires.dataset.decoding import encoding_name
from questionnaires.dataset.readers import read
from questionnaires.dataset.records import ImportedItem
from questionnaires.dataset.workbook import is_workbook
from questionnaires.models import Answer, AnswerRevision, Persona, Question
from questionnaires.services import MAX_ANSWER_BYTES, MAX_QUESTION_CHARACTERS, Refused, question_create


@dataclass
class ImportReport:
    """What an import does, or would do: numbers of records, and the first faults with their line."""

    filename: str
    encoding: str = ""  # of a text file, as guessed
    rows: int = 0
    new: int = 0  # answers to questions of the bank
    own: int = 0  # answers that bring their own question
    same: int = 0  # stored already, word for word
    kept: int = 0  # answered otherwise already; the stored answer stays
    replaced: int = 0
    empty: int = 0
    mended: int = 0
    faults: list[tuple[int, str]] = field(default_factory=list)

    @property
    def stored(self) -> int:
        return self.new + self.own + self.replaced


@dataclass(frozen=True)
class _Write:
    question: Question | None  # None: an own one is made
    item: ImportedItem


def import_answers(
    *, persona: Persona, data: bytes, filename: str, dry_run: bool = False, replace: bool = False, person: str = ""
) -> ImportReport:
    """Reads the file and stores its answers; with `dry_run` only counts. `person` is who answers in a chat's export.

    Raises ImportFailure (PersonNeeded where a chat does not know the person) or Refused.
    """
    if persona.is_demo:
        raise Refused(_("The demo persona is read-only. Begin your own portrait to import answers."), status=403)
    items = read(data, filename, person)
    with transaction.atomic():
        report, writes = _plan(persona, items, filename, replace)
        report.encoding = "" if is_workbook(data) else encoding_name(data)
        if not dry_run and not report.faults:
            for write in writes:
                question = write.question or question_create(
                    persona=persona, text=write.item.question, wordings=write.item.wordings
                )
                _write(persona, question, write.item)
    if report.faults and not dry_run:
        line, fault = report.faults[0]
        raise Refused(_("Line %(line)d: %(fault)s Nothing was imported.") % {"line": line, "fault": fault})
    return report


def _plan(
    persona: Persona, items: list[ImportedItem], filename: str, replace: bool
) -> tuple[ImportReport, list[_Write]]:
    report = ImportReport(filename, rows=len(items))
    known = questions_by_wording(persona)
    stored = {a.question_id: a for a in Answer.objects.filter(persona=persona)}
    writes: list[_Write] = []
    seen: set[str] = set()
    for item in items:
        report.mended += bool(item.changes)
        fault = _fault(item)
        key = wording_key(item.question)
        question = known.get(key)
        if fault:
            report.faults.append((item.line, fault))
        elif not item.answer.strip():
            report.empty += 1
        elif key in seen:
            report.same += 1
        elif (outcome := _outcome(question, item, stored, replace)) in {"new", "own", "replaced"}:
            writes.append(_Write(question, item))
            setattr(report, outcome, getattr(report, outcome) + 1)
        else:
            setattr(report, outcome, getattr(report, outcome) + 1)
        seen.add(key)
    return report, writes


def _fault(item: ImportedItem) -> str:
    if len(item.question) > MAX_QUESTION_CHARACTERS:
        return _("the question is longer than 500 characters. Shorten it.")
    if len(item.answer.encode()) > MAX_ANSWER_BYTES:
        return _("the answer is longer than 100 kB. Shorten it or split it.")
    return ""


def _outcome(question: Question | None, item: ImportedItem, stored: dict[int, Answer], replace: bool) -> str:
    answer = stored.get(question.pk) if question else None
    if answer is None or not answer.text.strip():
        return "own" if question is None else "new"
    if answer.text.strip() == item.answer.strip():
        return "same"
    return "replaced" if replace else "kept"


def _write(persona: Persona, question: Question, item: ImportedItem) -> None:
    values: dict[str, Any] = {"text": item.answer, "state": Answer.State.ANSWERED, "source": "imported"}
    answer, _made = Answer.objects.get_or_create(
        persona=persona, question=question, defaults={"owner_id": persona.owner_id}
    )
    for name, value in values.items():
        setattr(answer, name, value)
    answer.revision += 1
    answer.save()
    AnswerRevision.objects.create(
        owner_id=persona.owner_id, answer=answer, revision=answer.revision, operation_id=uuid.uuid4().hex, **values
    )


def questions_by_wording(persona: Persona) -> dict[str, Question]:
    """All questions that the persona can answer, by each of their wordings in each language."""
    questions = Question.objects.filter(persona=None) | Question.objects.filter(persona=persona)
    return {
        wording_key(wording): question
        for question in questions
        for texts in question.texts.values()
        for wording in (*texts.get("wordings", ()), texts["text"])
    }


def wording_key(text: str) -> str:
    """The same for two texts that differ in case, spaces and punctuation alone."""
    return " ".join(re.findall(r"\w+", text.casefold()))
