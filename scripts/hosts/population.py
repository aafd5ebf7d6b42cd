"""Twenty people with answers, sessions and trainings."""

from scripts.hosts.people import TOKEN, Person


def people_make(count: int, webs: list[str], answers: int, slugs: int) -> list[Person]:
    """Each has a persona with some answers that stay, which they train on, and some that they write all the time."""
    from django.contrib.auth.models import User
    from django.db import transaction

    with transaction.atomic():
        users = [User.objects.create(username=f"person{number}") for number in range(count)]
        return [_person(user, webs, answers, slugs, number) for number, user in enumerate(users)]


def _person(user: object, webs: list[str], answers: int, slugs: int, seed: int) -> Person:
    from django.conf import settings
    from django.test import Client

    from questionnaires.models import Answer, Persona, Question
    from questionnaires.services import question_create

    persona = Persona.objects.create(owner=user, name=f"Person {seed}", language="en")
    questions = [f"What is thing {number} of {number * 37} to you, {seed}?" for number in range(answers)]
    for number, asked in enumerate(questions):
        question = question_create(persona=persona, text=asked)
        text = f"Thing {number} is the {('blue', 'red', 'green')[number % 3]} door number {number * 91} of my street."
        Answer.objects.create(owner=persona.owner, persona=persona, question=question, state="answered", text=text)
    written = Question.objects.filter(persona=None).order_by("slug").values_list("slug", flat=True)[:slugs]
    client = Client()
    client.force_login(user)
    session = client.cookies[settings.SESSION_COOKIE_NAME].value
    cookies = {settings.SESSION_COOKIE_NAME: session, settings.CSRF_COOKIE_NAME: TOKEN}
    return Person(str(persona.pk), list(written), questions, cookies, webs, seed)


def trainings_start(people: list[Person], real: int) -> None:
    """One each; those with an odd seed are real (stand_in_trainer.py) and come last."""
    from questionnaires.models import Persona
    from training import tasks
    from training.services import run_create

    for number, person in enumerate(people):
        is_real = number >= len(people) - real
        overrides = {"check_replies": 0} if is_real else {}
        persona = Persona.objects.get(pk=person.persona_id)
        run, _made = run_create(persona=persona, recipe="quick", seed=2 * number + is_real, overrides=overrides)
        tasks.enqueue(run.pk)


def unready() -> int:
    """Runs that are not ready yet; failed ones count."""
    from training.models import TrainingRun

    return TrainingRun.objects.exclude(state=TrainingRun.State.READY).count()
