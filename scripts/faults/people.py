"""Personas of a campaign, their runs here and at the stand-in, and a browser."""

import os
from typing import Any

import httpx2
from django.contrib.auth import get_user_model

from scripts.faults.site import wait_for
from tests.provider_standin import Standin
from tests.training.conftest import answer
from tests.training.remote import connect_to, remote_run
from training import tasks
from training.models import TrainingRun


def owner() -> Any:
    return get_user_model().objects.get_or_create(username="owner")[0]


def persona(name: str) -> Any:
    """A persona with twelve answers."""
    from questionnaires.models import Persona

    made = Persona.objects.create(owner=owner(), name=name, language="en")
    answer(made, 12)
    return made


def run_there(person: Any, standin: Standin) -> TrainingRun:
    """A run at the stand-in, queued and rung for."""
    run = remote_run(person, connect_to(standin, owner()))
    tasks.enqueue(run.pk)
    return run


def run_here(person: Any, **overrides: Any) -> TrainingRun:
    from training.services import run_create

    run = run_create(persona=person, recipe="quick", overrides=overrides)[0]
    tasks.enqueue(run.pk)
    return run


def reaches(run: TrainingRun, states: set[str], seconds: float) -> bool:
    """Whether the run comes to one of the states in time."""

    def is_there() -> bool:
        run.refresh_from_db()
        return run.state in states

    return bool(wait_for(is_there, seconds))


class Visitor:
    """A browser with the owner's session; remembers every status that is not well."""

    def __init__(self, address: str) -> None:
        from persona_site.entry import entry_link

        self.failures: list[int] = []
        self.client = httpx2.Client(base_url=address, timeout=30, trust_env=False)
        self.client.get(entry_link().split(os.environ["PORT"], 1)[1])
        self.client.get("/connections/")  # sets the form's token

    def click(self, person: Any) -> int:
        """Presses "Start training" for a training here; the status of the answer."""
        token = self.client.cookies[f"csrf_{os.environ['PORT']}"]
        headers = {"x-csrftoken": token, "referer": str(self.client.base_url)}
        response = self.client.post(f"/p/{person.pk}/train/start/", data={"recipe": "quick"}, headers=headers)
        if response.status_code >= 400:
            self.failures.append(response.status_code)
        return response.status_code
