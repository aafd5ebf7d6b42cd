"""Questionnaires that a persona makes itself: named, filled from the bank and its own questions, ordered, deleted."""

import uuid
from collections.abc import Iterable

from django.db import transaction
from django.db.models import F, Q, QuerySet
from django.utils.text import slugify
from django.utils.translation import gettext as _

from questionnaires.dataset import normalise
from questionnaires.models import Persona, Question, Questionnaire, QuestionnaireItem
from questionnaires.services import Refused, questionnaires_of, writable

MAX_TITLE_CHARACTERS = 80
MAX_PURPOSE_CHARACTERS = 200
MAX_QUESTIONS = 1_000  # a page lists them all


def questionnaire_create(*, persona: Persona, title: str, purpose: str = "", copy_of: str = "") -> Questionnaire:
    """An own questionnaire, empty or with the questions of `copy_of` (a slug). Refused without a name."""
    writable(persona)
    title, purpose = title_clean(title), purpose_clean(purpose)
    key = str(uuid.uuid4())
    with transaction.atomic():
        questionnaire = Questionnaire.objects.create(
            slug=key,
            persona=persona,
            title={persona.language: title},
            purpose={persona.language: purpose} if purpose else {},
            file_slug=f"{slugify(title)[:60] or 'questionnaire'}-{key[:8]}",
        )
        source = questionnaires_of(persona).filter(pk=copy_of).first() if copy_of else None
        if source:
            items_write(questionnaire, source.items.values_list("question_id", flat=True))
    return questionnaire


def questionnaire_rename(*, questionnaire: Questionnaire, title: str, purpose: str) -> None:
    """Another name and purpose. Refused without a name."""
    language = _persona(questionnaire).language
    title, purpose = title_clean(title), purpose_clean(purpose)
    texts = {language: title}, ({language: purpose} if purpose else {})
    if texts == (questionnaire.title, questionnaire.purpose):
        return
    questionnaire.title, questionnaire.purpose = texts
    questionnaire.save(update_fields=["title", "purpose"])
    _changed(questionnaire)


def questionnaire_delete(*, questionnaire: Questionnaire) -> None:
    """Deletes the selection alone: its questions and their answers stay."""
    _persona(questionnaire)
    questionnaire.delete()


def items_add(*, questionnaire: Questionnaire, slugs: Iterable[str], place: int | None = None) -> int:
    """Puts questions at `place` (from 0) or the end, in the bank's order; returns how many are new in it.

    Unknown slugs are passed over.
    """
    with transaction.atomic():
        order = list(questionnaire.items.values_list("question_id", flat=True))
        pool = pool_get(persona=_persona(questionnaire)).filter(slug__in=list(slugs)).exclude(pk__in=order)
        new = [question.pk for question in pool]
        if len(order) + len(new) > MAX_QUESTIONS:
            raise Refused(_("A questionnaire has at most 1,000 questions. Make a second one."))
        if new:
            at = len(order) if place is None else place
            items_write(questionnaire, [*order[:at], *new, *order[at:]])
            _changed(questionnaire)
    return len(new)


def item_move(*, questionnaire: Questionnaire, slug: str, places: int) -> None:
    """Moves a question up (negative) or down among the others; at the ends it stays."""
    _persona(questionnaire)
    with transaction.atomic():
        items = list(questionnaire.items.select_related("question"))
        here = next((n for n, item in enumerate(items) if item.question.slug == slug), None)
        if here is None:
            raise Refused(_("This question is not in the questionnaire any more."), status=404)
        there = min(max(here + places, 0), len(items) - 1)
        if there == here:
            return
        items.insert(there, items.pop(here))
        items_write(questionnaire, [item.question_id for item in items])
        _changed(questionnaire)


def item_remove(*, questionnaire: Questionnaire, slug: str) -> int | None:
    """Takes a question out of the questionnaire; the question and its answer stay. Returns where it was, from 0."""
    _persona(questionnaire)
    slugs = list(questionnaire.items.values_list("question__slug", flat=True))
    if slug not in slugs:
        return None
    questionnaire.items.filter(question__slug=slug).delete()
    _changed(questionnaire)
    return slugs.index(slug)


def pool_get(*, persona: Persona) -> QuerySet[Question]:
    """What a questionnaire may ask: the bank without retired questions, and the persona's own ones."""
    pool = Question.objects.filter(Q(persona=None, retired=False) | Q(persona=persona)).select_related("topic")
    return pool.order_by(F("topic__position").asc(nulls_last=True), "position", "pk")


def items_write(questionnaire: Questionnaire, question_ids: Iterable[int]) -> None:
    """Makes these the questions of the questionnaire, in this order."""
    questionnaire.items.all().delete()
    QuestionnaireItem.objects.bulk_create(
        QuestionnaireItem(questionnaire=questionnaire, question_id=key, position=position)
        for position, key in enumerate(question_ids)
    )


def title_clean(text: str) -> str:
    """A name on one line. Refused where it is empty or too long."""
    text = " ".join(normalise(text)[0].split())
    if not text:
        raise Refused(_("A questionnaire needs a name."))
    if len(text) > MAX_TITLE_CHARACTERS:
        raise Refused(_("The name of the questionnaire is longer than 80 characters. Please shorten it."))
    return text


def purpose_clean(text: str) -> str:
    """What it is for, on one line, or nothing. Refused where it is too long."""
    text = " ".join(normalise(text)[0].split())
    if len(text) > MAX_PURPOSE_CHARACTERS:
        raise Refused(_("The line on what it is for is longer than 200 characters. Please shorten it."))
    return text


def _persona(questionnaire: Questionnaire) -> Persona:
    """Whose it is. Refused for one of the bank and for the demo persona's."""
    if questionnaire.persona is None:
        raise Refused(_("This questionnaire belongs to the program. Make a copy to change it."), status=403)
    writable(questionnaire.persona)
    return questionnaire.persona


def _changed(questionnaire: Questionnaire) -> None:
    Questionnaire.objects.filter(pk=questionnaire.pk).update(version=F("version") + 1)
    questionnaire.refresh_from_db(fields=["version"])
