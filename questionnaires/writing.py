"""What the writing screen shows beside the question: marks on the way, kinds of silence, what a short answer lacks."""

from dataclasses import dataclass
from typing import Any

from django.utils import timezone

from questionnaires.models import Answer, AnswerRevision, Persona
from questionnaires.next_best import FEW_WORDS
from questionnaires.pace import time_left
from questionnaires.services import MILESTONES, Progress, TopicProgress
from questionnaires.weekly import weekly_get

WAY_START, WAY_LENGTH = 1, 198  # of the line in milestones.html


@dataclass(frozen=True)
class Mark:
    place: int
    reached: bool


@dataclass(frozen=True)
class Milestones:
    place: int  # where the person is on the line
    marks: list[Mark]


def milestones_get(answered: int, total: int) -> Milestones:
    """Places on a line that ends at the last question, or at the last milestone where that is later."""
    end = max(total, MILESTONES[-1])

    def place(count: int) -> int:
        return WAY_START + round(WAY_LENGTH * min(count, end) / end)

    return Milestones(place(answered), [Mark(place(count), answered >= count) for count in MILESTONES])


def legend_get(topic: TopicProgress | None) -> list[str]:
    """The states in the topic, where there are more than answered and open ones."""
    found = {state for _question, state in topic.questions} if topic else set()
    return [state for state in Answer.State.values if state in found] if found - {"open", "answered"} else []


def is_short(text: str) -> bool:
    """Whether there is an answer, of fewer words than a line or two."""
    return 0 < len(text.split()) < FEW_WORDS


def outline_context(*, persona: Persona, progress: Progress, topic: TopicProgress | None) -> dict[str, Any]:
    """What the outline of a question shows, for the template."""
    return {
        "legend": legend_get(topic),
        "milestones": milestones_get(progress.answered, len(progress.order)),
        "pace": "" if persona.is_demo else time_left(persona=persona, progress=progress),
        "weekly": weekly_get(persona=persona, today=timezone.localdate(), progress=progress),
    }


def short_answer_context(*, answer: Answer | None) -> dict[str, Any]:
    """Whether more is asked for below the answer. A follow-up question that was answered is not asked again."""
    followed = answer is not None and AnswerRevision.objects.filter(answer=answer, source="follow-up").exists()
    return {"short": is_short(answer.text if answer else ""), "few_words": FEW_WORDS, "followed": followed}
