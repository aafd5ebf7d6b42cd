"""What can be done with personas, questions and answers. Keyword-only; each takes rows that belong to the caller."""

import uuid
from dataclasses import dataclass
from typing import Any

from django.contrib.auth.models import User
from django.db import transaction
from django.db.models import Max, Q, QuerySet
from django.utils import timezone
from django.utils.translation import gettext as _

from accounts.quotas import Kind, quota_check
from questionnaires.dataset import Item, normalise
from questionnaires.models import (
    Answer,
    Persona,
    Question,
    Questionnaire,
    QuestionnaireItem,
    Topic,
    localised,
)
from questionnaires.save_result import within_limits
from questionnaires.saving import MAX_ANSWER_BYTES, Refused, SaveResult, answer_save, writable

__all__ = ["MAX_ANSWER_BYTES", "Refused", "SaveResult", "answer_save", "writable"]  # the way to questionnaires.saving

DEFAULT_QUESTIONNAIRE = "know-me-200"
MAX_QUESTION_CHARACTERS = 500
MILESTONES = (70, 150)  # answers: "first results" and "good" in the article that this follows


@dataclass(frozen=True)
class TopicProgress:
    topic: Topic | None  # None: the person's own questions
    questions: list[tuple[Question, str]]  # with the state of the answer

    @property
    def title(self) -> str:
        return localised(self.topic.title) if self.topic else _("Your own questions")

    @property
    def answered(self) -> int:
        return sum(state == Answer.State.ANSWERED for _question, state in self.questions)

    @property
    def total(self) -> int:
        return len(self.questions)

    @property
    def first_open(self) -> Question:
        """The first open question of the topic, or its first."""
        return next((q for q, state in self.questions if state == Answer.State.OPEN), self.questions[0][0])


@dataclass(frozen=True)
class Progress:
    topics: list[TopicProgress]
    order: list[Question]  # of the questionnaire, then the own ones
    states: dict[int, str]  # by the question's key; open ones are missing
    words: int

    @property
    def answered(self) -> int:
        return sum(state == Answer.State.ANSWERED for state in self.states.values())

    @property
    def next_milestone(self) -> int | None:
        return next((count for count in MILESTONES if count > self.answered), None)


def persona_create(*, owner: User, name: str, language: str = "en", has_agreed: bool = False) -> Persona:
    """A new, empty persona. Refused without a name.

    `has_agreed`: the owner confirmed that it is about themselves, or that the person it is about agreed.
    """
    name = " ".join(normalise(name)[0].split())
    if not name:
        raise Refused(_("A persona needs a name: yours, as friends say it."))
    if len(name) > 80:
        raise Refused(_("The name is longer than 80 characters. Please shorten it."))
    with within_limits():
        quota_check(user=owner, kind=Kind.PERSONAS, used=Persona.objects.for_owner(owner).filter(is_demo=False).count())
    agreed_at = timezone.now() if has_agreed else None
    return Persona.objects.create(owner=owner, name=name, language=language, agreed_at=agreed_at)


def persona_agree(*, persona: Persona) -> None:
    """Keeps when it was first confirmed that the person whom the persona is about agreed."""
    Persona.objects.filter(pk=persona.pk, agreed_at=None).update(agreed_at=timezone.now())


def persona_find(*, owner: User, text: str) -> Persona:
    """The owner's persona by its id, its name (case does not matter) or the only beginning of a name."""
    personas: list[Persona] = list(Persona.objects.for_owner(owner))
    wanted = text.strip().casefold()
    for match in (
        [p for p in personas if str(p.pk) == wanted or p.name.casefold() == wanted],
        [p for p in personas if wanted and p.name.casefold().startswith(wanted)],
    ):
        if len(match) == 1:
            return match[0]
        if match:
            raise Refused(
                f"{len(match)} personas are called “{text}”. Use the id: {', '.join(str(p.pk) for p in match)}."
            )
    known = ", ".join(p.name for p in personas) or "none yet"
    raise Refused(f"There is no persona “{text}”. There are: {known}.", status=404)


def persona_delete(*, persona: Persona) -> None:
    """Deletes the persona with its answers, own questions, runs, versions and conversations."""
    with transaction.atomic():
        Answer.objects.filter(persona=persona).delete()
        persona.delete()


def question_create(*, persona: Persona, text: str, wordings: tuple[str, ...] = ()) -> Question:
    """An own question of the persona."""
    writable(persona)
    return Question.objects.create(
        slug=f"own-{uuid.uuid4().hex}",
        persona=persona,
        texts={persona.language: {"text": question_text_clean(text), "wordings": list(wordings)}},
        position=1 + (persona.own_questions.aggregate(last=Max("position"))["last"] or 0),
    )


def question_text_clean(text: str) -> str:
    """The text of a question on one line, storable. Refused where it is empty or longer than 500 characters."""
    text = " ".join(normalise(text)[0].split())
    if not text:
        raise Refused(_("The question is empty. Write what you want to be asked."))
    if len(text) > MAX_QUESTION_CHARACTERS:
        raise Refused(_("The question is longer than 500 characters. Please shorten it."))
    return text


def progress_get(*, persona: Persona) -> Progress:
    """The questions of the persona's questionnaire and the own ones that no questionnaire holds, in the order of
    asking, with the states of all answers. The topics hold what was answered outside the questionnaire as well: it is
    asked once wherever it stands.
    """
    answers = Answer.objects.filter(persona=persona).values_list("question_id", "state", "text")
    states = {question: state for question, state, _text in answers if state != Answer.State.OPEN}
    words = sum(len(text.split()) for _question, state, text in answers if state == Answer.State.ANSWERED)
    own = Question.objects.filter(persona=persona)
    own_items = QuestionnaireItem.objects.filter(questionnaire__persona=persona)
    chosen = persona.questionnaire_id or DEFAULT_QUESTIONNAIRE
    items = QuestionnaireItem.objects.filter(questionnaire=chosen).select_related("question__topic")
    order = [item.question for item in items]
    in_questionnaires = set(own_items.values_list("question_id", flat=True))
    order += [question for question in own if question.pk not in in_questionnaires]
    asked = {question.pk for question in order}
    elsewhere = Question.objects.filter(pk__in=[key for key in states if key not in asked]).select_related("topic")
    topics: dict[Topic | None, list[tuple[Question, str]]] = {}
    for question in sorted([*order, *elsewhere], key=_place):
        topics.setdefault(question.topic, []).append((question, states.get(question.pk, Answer.State.OPEN)))
    return Progress([TopicProgress(topic, entries) for topic, entries in topics.items()], order, states, words)


def _place(question: Question) -> tuple[int, int]:
    return (question.topic.position if question.topic else 10_000, question.position)


@dataclass(frozen=True)
class QuestionnaireProgress:
    questionnaire: Questionnaire
    answered: int
    total: int
    is_chosen: bool


def questionnaires_of(persona: Persona) -> QuerySet[Questionnaire]:
    """Those of the bank and the persona's own."""
    return Questionnaire.objects.filter(Q(persona=None) | Q(persona=persona))


def questionnaires_get(*, persona: Persona) -> list[QuestionnaireProgress]:
    """All questionnaires, the longest first, with how much of each is answered: an answer counts in all of them."""
    answered = set(
        Answer.objects.filter(persona=persona, state=Answer.State.ANSWERED).values_list("question", flat=True)
    )
    chosen = persona.questionnaire_id or DEFAULT_QUESTIONNAIRE
    found = []
    for questionnaire in questionnaires_of(persona).prefetch_related("items"):
        keys = {item.question_id for item in questionnaire.items.all()}
        is_chosen = questionnaire.pk == chosen
        found.append(QuestionnaireProgress(questionnaire, len(keys & answered), len(keys), is_chosen))
    return sorted(found, key=lambda each: -each.total)


def questionnaire_choose(*, persona: Persona, slug: str) -> None:
    """The persona is asked the questions of that questionnaire from now on. Refused for one that does not exist."""
    writable(persona)
    chosen = questionnaires_of(persona).filter(pk=slug).first()
    if chosen is None:
        raise Refused(_("There is no such questionnaire. Choose one of the list."), status=404)
    if not chosen.items.exists():
        raise Refused(_("This questionnaire has no questions yet. Add some first."))
    persona.questionnaire_id = slug
    persona.current_question = None
    persona.save(update_fields=["questionnaire", "current_question"])


def question_next(*, persona: Persona, progress: Progress) -> Question | None:
    """Where the person left: the current question if it is open, else the first open one after it, else any.

    When none is open, those that were put off until later come back; then the first of all.
    """
    open_ones = [question for question in progress.order if question.pk not in progress.states]
    if not open_ones:
        open_ones = [question for question in progress.order if progress.states[question.pk] == Answer.State.LATER]
    if not open_ones or persona.is_demo:
        return progress.order[0] if progress.order else None
    places = {question.pk: place for place, question in enumerate(progress.order)}
    here = places.get(persona.current_question_id or 0, 0)
    return next((question for question in open_ones if places[question.pk] >= here), open_ones[0])


def dataset_build(*, persona: Persona) -> list[Item]:
    """The answered questions as the canonical data set, in the persona's language, in a stable order."""
    answers = (
        Answer.objects.filter(persona=persona, state=Answer.State.ANSWERED)
        .select_related("question__topic")
        .order_by("question__topic__position", "question__position", "question__pk")
    )
    return [_item(answer, persona.language) for answer in answers if answer.text.strip()]


def _item(answer: Answer, language: str) -> Item:
    texts: dict[str, Any] = answer.question.in_language(language)
    return Item(
        question=texts["text"],
        answer=answer.text.strip(),
        wordings=tuple(texts.get("wordings", ())),
        language=language,
        topic=answer.question.topic_id or "own",
        source=str(answer.pk),
    )
