"""Which open question would teach the persona most, and why it is asked."""

from collections import defaultdict
from dataclasses import dataclass

from django.utils.translation import gettext as _

from questionnaires.models import Answer, Persona, Question
from questionnaires.services import Progress

FEW_WORDS = 25  # of an answer, in the mean of a topic: a line or two
WEAK = 0.5  # the portrait chooses as the person does in less than so many cases: more answers may help there


@dataclass(frozen=True)
class Suggestion:
    question: Question
    reason: str


def question_best(*, persona: Persona, progress: Progress, but: Question | None = None) -> Suggestion | None:
    """The first open question of the topic that would gain most, and why.

    That is the one that is told least: none at all, then in few words; then the one in which the portrait is least like
    its person (where a report says so), then the one with the fewest answers. `but` is the question on the screen.
    None where all are answered or put aside.
    """
    words = _words(persona)
    ranked: list[tuple[tuple[bool, bool, float, float], int, Suggestion]] = []
    for topic in progress.topics:
        open_ones = [question for question, state in topic.questions if state == Answer.State.OPEN and question != but]
        if not open_ones or topic.topic is None:
            continue
        mean = words[topic.topic.pk] / topic.answered if topic.answered else 0.0
        likeness = persona.topic_agreement.get(topic.topic.pk, 1.0)
        likeness = likeness if likeness < WEAK else 1.0
        rank = (topic.answered > 0, mean >= FEW_WORDS, likeness, topic.answered / topic.total)
        reason = _reason(topic.title, topic.answered, mean, likeness)
        ranked.append((rank, len(ranked), Suggestion(open_ones[0], reason)))
    return min(ranked, key=lambda each: each[:2])[2] if ranked else None


def _reason(title: str, answered: int, mean: float, likeness: float) -> str:
    if not answered:
        return _("Nothing is told yet on: %(topic)s.") % {"topic": title}
    if mean < FEW_WORDS:
        return _("Your answers are short so far on: %(topic)s.") % {"topic": title}
    if likeness < WEAK:
        return _("Your portrait is least like you on: %(topic)s.") % {"topic": title}
    return _("Fewest of your answers are on: %(topic)s.") % {"topic": title}


def _words(persona: Persona) -> dict[str, int]:
    words: dict[str, int] = defaultdict(int)
    rows = Answer.objects.filter(persona=persona, state=Answer.State.ANSWERED)
    for topic, text in rows.values_list("question__topic", "text"):
        words[topic] += len(text.split())
    return words
