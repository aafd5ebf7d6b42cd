"""A questionnaire out of somebody's file: a report first, then all of it or nothing."""

import uuid
from dataclasses import dataclass, field

from django.db import transaction

from questionnaires.importing import questions_by_wording, wording_key
from questionnaires.models import Persona, Question, Questionnaire
from questionnaires.own_questionnaires import items_write
from questionnaires.services import writable
from questionnaires.shared_files import SharedQuestion, SharedQuestionnaire, questionnaire_read


@dataclass
class BringReport:
    """What bringing a questionnaire in does, or would do."""

    shared: SharedQuestionnaire
    title: str
    known: list[Question] = field(default_factory=list)  # of the bank or the persona's own
    new: list[str] = field(default_factory=list)  # texts of the own questions that are made
    repeated: int = 0  # questions that the file asks twice
    stored_version: int | None = None  # of the questionnaire with the file's slug, where there is one
    is_same: bool = False  # that one asks just these already
    questionnaire: Questionnaire | None = None  # once it is brought in


def questionnaire_bring(*, persona: Persona, data: bytes, dry_run: bool = False) -> BringReport:
    """Makes the file's questionnaire the persona's own, or the persona's of the same slug like it.

    Questions that the bank or the persona asks already, whatever the wording, are those; others become own questions.
    The same file again changes nothing. Raises Refused or ImportFailure.
    """
    writable(persona)
    shared = questionnaire_read(data, persona.language)
    report = BringReport(shared, shared.title.get(persona.language) or next(iter(shared.title.values())))
    with transaction.atomic():
        plan = _plan(persona, shared, report)
        stored = Questionnaire.objects.filter(persona=persona, file_slug=shared.slug).first()
        if stored:
            report.stored_version = stored.version
            order = list(stored.items.values_list("question_id", flat=True))
            texts = (stored.title, stored.purpose) == (shared.title, shared.purpose)
            report.is_same = texts and order == [question.pk if question else 0 for question, _shared in plan]
            report.questionnaire = stored
        if not dry_run and not report.is_same:
            report.questionnaire = _store(persona, shared, stored, plan)
    return report


def _plan(
    persona: Persona, shared: SharedQuestionnaire, report: BringReport
) -> list[tuple[Question | None, SharedQuestion]]:
    known = questions_by_wording(persona)
    plan: list[tuple[Question | None, SharedQuestion]] = []
    seen: set[str] = set()
    for asked in shared.questions:
        keys = [wording_key(texts["text"]) for texts in asked.texts.values()]
        question = _known(asked, keys, known)
        name = question.slug if question else keys[0]
        if name in seen:
            report.repeated += 1
            continue
        seen.add(name)
        plan.append((question, asked))
        if question:
            report.known.append(question)
        else:
            report.new.append(asked.texts.get(persona.language, next(iter(asked.texts.values())))["text"])
    return plan


def _known(asked: SharedQuestion, keys: list[str], known: dict[str, Question]) -> Question | None:
    """By its texts alone: a slug that stands above another text is not believed."""
    found = [known[key] for key in keys if key in known]
    return next((question for question in found if question.slug == asked.slug), found[0] if found else None)


def _store(
    persona: Persona,
    shared: SharedQuestionnaire,
    stored: Questionnaire | None,
    plan: list[tuple[Question | None, SharedQuestion]],
) -> Questionnaire:
    questionnaire = stored or Questionnaire(slug=str(uuid.uuid4()), persona=persona, file_slug=shared.slug)
    questionnaire.title, questionnaire.purpose = shared.title, shared.purpose
    questionnaire.version = shared.version
    questionnaire.save()
    first = 1 + max(persona.own_questions.values_list("position", flat=True), default=0)
    items_write(
        questionnaire,
        [(question or _own(persona, asked, first + number)).pk for number, (question, asked) in enumerate(plan)],
    )
    return questionnaire


def _own(persona: Persona, asked: SharedQuestion, position: int) -> Question:
    return Question.objects.create(
        slug=f"own-{uuid.uuid4().hex}", persona=persona, texts=asked.texts, position=position
    )
