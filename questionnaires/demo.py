"""The demo persona: an invented person, complete and read-only, so that each screen can be seen full."""

import yaml
from django.contrib.auth.models import User
from django.db import transaction

from questionnaires.bank import DATA
from questionnaires.models import Answer, AnswerRevision, Persona, Question


@transaction.atomic
def demo_create(*, owner: User) -> Persona:
    """The owner's demo persona, made if it is missing. Needs the loaded question bank."""
    found: Persona | None = Persona.objects.for_owner(owner).filter(is_demo=True).first()
    if found:
        return found
    story = yaml.safe_load((DATA / "demo.yaml").read_text("utf-8"))
    persona = Persona.objects.create(owner=owner, name=story["name"], language=story["language"], is_demo=True)
    questions = {q.slug: q for q in Question.objects.filter(slug__in=story["answers"])}
    answers = Answer.objects.bulk_create(
        Answer(
            owner=owner,
            persona=persona,
            question=questions[slug],
            text=text.strip(),
            state=Answer.State.ANSWERED,
            revision=1,
            source="demo",
        )
        for slug, text in story["answers"].items()
    )
    AnswerRevision.objects.bulk_create(
        AnswerRevision(
            owner=owner, answer=a, revision=1, operation_id="demo", text=a.text, state=a.state, source="demo"
        )
        for a in answers
    )
    return persona
