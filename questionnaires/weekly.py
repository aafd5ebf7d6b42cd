"""The question of the week: a reminder that is read in the app, put off or switched off. Nothing is sent anywhere."""

from datetime import date, timedelta

from questionnaires.models import Answer, Persona, WeeklyQuestion
from questionnaires.next_best import question_best
from questionnaires.services import Progress, Refused, progress_get

FROM_ANSWERS = 10  # whoever has just begun needs no reminder
PUT_OFF = timedelta(days=3)


def weekly_get(*, persona: Persona, today: date, progress: Progress | None = None) -> WeeklyQuestion | None:
    """This week's question while it is open; chosen on the first look of a week, and the same until Sunday."""
    told = Answer.objects.filter(persona=persona).exclude(state=Answer.State.OPEN)
    if persona.is_demo or told.filter(state=Answer.State.ANSWERED).count() < FROM_ANSWERS:
        return None
    monday = today - timedelta(days=today.weekday())
    row = _row(persona, monday)
    if row.is_off or (row.put_off_until and today < row.put_off_until):
        return None
    if row.question is None or row.week != monday:
        best = question_best(persona=persona, progress=progress or progress_get(persona=persona))
        row.question, row.week = (best.question if best else None), monday
        row.save(update_fields=["question", "week"])
    return row if row.question and not told.filter(question=row.question).exists() else None


def weekly_put_off(*, persona: Persona, today: date) -> None:
    """No reminder for three days."""
    WeeklyQuestion.objects.filter(pk=_row(persona, today).pk).update(put_off_until=today + PUT_OFF)


def weekly_switch(*, persona: Persona, today: date, on: bool) -> None:
    """Reminds from now on, or never again."""
    WeeklyQuestion.objects.filter(pk=_row(persona, today).pk).update(is_off=not on, put_off_until=None)


def _row(persona: Persona, today: date) -> WeeklyQuestion:
    if persona.is_demo:
        raise Refused("The demo persona has no question of the week.", status=403)
    rows = WeeklyQuestion.objects.select_related("question")
    row: WeeklyQuestion = rows.get_or_create(persona=persona, defaults={"owner_id": persona.owner_id, "week": today})[0]
    return row
