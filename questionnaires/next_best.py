"""Which open question would teach the persona most, and why it is asked."""

from collections import defaultdict
from dataclasses import dataclass

from django.utils.translation import gettext as _

from questionnaires.models import Answer, Persona, Question
from questionnaires.services import Progress

FEW_WORDS = 25  # of an answer, in the mean of a topic: a line or two


@dataclass(frozen=True)
class Suggestion:
    question: Question
    reason: str


def question_best(*, persona: Persona, progress: Progress, but: Question | None = None) -> Suggestion | None:
    """The first open question of the topic that is told least: none at all, then in few words, then with few answers.

    `but` is the question on the screen. None where all are answered or put aside.
    """
    words = _words(persona)
    ranked: list[tuple[tuple[bool, bool, float], int, Suggestion]] = []
    for topic in progress.topics:
        open_ones = [question for question, state in topic.questions if state == Answer.State.OPEN and question != but]
        if not open_ones or topic.topic is None:
            continue
        mean = words[topic.topic.pk] / topic.answered if topic.answered else 0.0
        rank = (topic.answered > 0, mean >= FEW_WORDS, topic.answered / topic.total)
        ranked.append((rank, len(ranked), Suggestion(open_ones[0], _reason(topic.title, topic.answered, mean))))
    return min(ranked, key=lambda each: each[:2])[2] if ranked else None


def _reason(title: str, answered: int, mean: float) -> str:
    if not answered:
        return _("Nothing is told yet on: %(topic)s.") % {"topic": title}
    if mean < FEW_WORDS:
        return _("Your answers are short so far on: %(topic)s.") % {"topic": title}
    return _("Fewest of your answers are on: %(topic)s.") % {"topic": title}


def _words(persona: Persona) -> dict[str, int]:
    words: dict[str, int] = defaultdict(int)
    rows = Answer.objects.filter(persona=persona, state=Answer.State.ANSWERED)
    for topic, text in rows.values_list("question__topic", "text"):
        words[topic] += len(text.split())
    return words
