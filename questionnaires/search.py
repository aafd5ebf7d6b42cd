"""Finds words in questions and answers."""

import re
from dataclasses import dataclass

from questionnaires.models import Answer, Persona, Question
from questionnaires.services import Progress, progress_get

AROUND = 60  # characters shown before the first word found
SHOWN = 180  # characters of an answer in a result
MOST = 60  # results


@dataclass(frozen=True)
class Result:
    """A question whose texts or answer hold every word. The parts alternate: not a word that was found, one, not..."""

    question: Question
    state: str
    title: list[str]
    excerpt: list[str]


def search(*, persona: Persona, text: str) -> list[Result]:
    """Questions with all words of `text` in them or in their answers, those with the words in the question first."""
    words = text.casefold().split()
    if not words:
        return []
    progress = progress_get(persona=persona)
    answers = dict(Answer.objects.filter(persona=persona).values_list("question_id", "text"))
    found: list[tuple[bool, int, Result]] = []
    for question in _questions(progress):
        answer = answers.get(question.pk, "")
        if all(word in f"{question.text}\n{answer}".casefold() for word in words):
            state = progress.states.get(question.pk, Answer.State.OPEN)
            result = Result(question, state, marked(question.text, words), marked(_excerpt(answer, words), words))
            found.append((not all(word in question.text.casefold() for word in words), len(found), result))
    return [result for _in_answer, _place, result in sorted(found, key=lambda each: each[:2])][:MOST]


def _questions(progress: Progress) -> list[Question]:
    """In the order of asking, then those answered outside the questionnaire."""
    asked = {question.pk for question in progress.order}
    others = (question for topic in progress.topics for question, _state in topic.questions)
    return [*progress.order, *(question for question in others if question.pk not in asked)]


def _excerpt(answer: str, words: list[str]) -> str:
    """The answer from a little before the first word found, at the start of a word."""
    places = [place for word in words if (place := answer.casefold().find(word)) >= 0]
    start = max(0, min(places, default=0) - AROUND)
    if start:
        start = answer.find(" ", start) + 1
    cut = answer[start : start + SHOWN]
    return f"{'… ' if start else ''}{cut}{'…' if start + SHOWN < len(answer) else ''}"


def marked(text: str, words: list[str]) -> list[str]:
    """`text` split at the words: every second part is one of them."""
    return re.split("(" + "|".join(map(re.escape, sorted(words, key=len, reverse=True))) + ")", text, flags=re.I)
