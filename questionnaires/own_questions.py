"""Questions that a persona brought itself: listed, worded anew, deleted."""

from dataclasses import dataclass

from django.db import transaction

from questionnaires.models import Answer, Persona, Question
from questionnaires.services import question_text_clean, writable


@dataclass(frozen=True)
class OwnQuestion:
    question: Question
    state: str
    words: int  # of its answer


def own_questions_get(*, persona: Persona) -> list[OwnQuestion]:
    """The persona's own questions in the order of asking, those of its questionnaires included."""
    answers = {answer.question_id: answer for answer in Answer.objects.filter(persona=persona)}
    found = []
    for question in Question.objects.filter(persona=persona):
        answer = answers.get(question.pk)
        state = answer.state if answer else Answer.State.OPEN
        found.append(OwnQuestion(question, state, len(answer.text.split()) if answer else 0))
    return found


def own_question_edit(*, persona: Persona, question: Question, text: str) -> Question:
    """Words the question anew in the persona's language; its answer stays.

    Other wordings and translations asked the old question and go. Refused for an empty or too long text.
    """
    writable(persona)
    text = question_text_clean(text)
    before = question.in_language(persona.language)
    if text != before["text"]:
        kept = {name: before[name] for name in ("hint", "follow_up") if before.get(name)}
        question.texts = {persona.language: {"text": text, "wordings": [], **kept}}
        question.save(update_fields=["texts"])
    return question


def own_question_delete(*, persona: Persona, question: Question) -> None:
    """Deletes the question with its answer and the answer's history, in every questionnaire."""
    writable(persona)
    with transaction.atomic():
        Answer.objects.filter(persona=persona, question=question).delete()
        question.delete()
