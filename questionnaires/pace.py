"""How long an answer takes this person, and what that leaves."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from itertools import pairwise
from statistics import median

from django.db.models import Min
from django.utils.translation import gettext as _

from questionnaires.models import AnswerRevision, Persona
from questionnaires.services import Progress

FEWEST_GAPS = 8  # below, one long answer would decide
LONGEST_GAP = timedelta(minutes=30)  # longer is a break
LAST_GAPS = 60  # people get faster, or slower


def seconds_an_answer(begun: Sequence[datetime]) -> float | None:
    """The median time from the beginning of one answer to that of the next; None where too little is known.

    `begun` has the first save of each answer, the earliest first. Breaks do not count.
    """
    gaps = [later - earlier for earlier, later in pairwise(begun)]
    working = [gap.total_seconds() for gap in gaps if gap <= LONGEST_GAP][-LAST_GAPS:]
    return median(working) if len(working) >= FEWEST_GAPS else None


def pace_get(*, persona: Persona) -> float | None:
    """Seconds that an answer takes the person, by what they typed here; None where too little is known."""
    written = AnswerRevision.objects.filter(answer__persona=persona, source="typed", conflict=False).exclude(text="")
    begun = written.values("answer").annotate(begun=Min("created_at")).order_by("begun")
    return seconds_an_answer([row["begun"] for row in begun])


def time_left(*, persona: Persona, progress: Progress) -> str:
    """A sentence on the time to the next milestone and to the last question; empty where too little is known."""
    seconds = pace_get(persona=persona)
    left = sum(question.pk not in progress.states for question in progress.order)
    if not seconds or not left:
        return ""
    end = duration(left * seconds)
    goal = progress.next_milestone
    if goal is None or goal - progress.answered >= left:
        return _("At your pace: %(end)s to the last question.") % {"end": end}
    until = duration((goal - progress.answered) * seconds)
    sentence = _("At your pace: %(until)s to %(goal)d answers, %(end)s to the last question.")
    return sentence % {"until": until, "goal": goal, "end": end}


def duration(seconds: float) -> str:
    """As people say it: to the minute, from ten minutes on to five, from two hours on to the half hour."""
    step = 1 if seconds < 600 else 5 if seconds < 7200 else 30
    minutes = max(1, step * round(seconds / 60 / step))
    if minutes < 60:
        return _("%(minutes)d min") % {"minutes": minutes}
    hours, rest = divmod(minutes, 60)
    if rest:
        return _("%(hours)d h %(minutes)d min") % {"hours": hours, "minutes": rest}
    return _("%(hours)d h") % {"hours": hours}
