"""A person of benchmarks/data/grounding as a persona of a site: stored, trained and asked by the product's own code."""

from __future__ import annotations

import os
import sys
import tempfile
import uuid
from collections.abc import Iterator
from contextlib import aclosing, contextmanager
from functools import cache
from typing import TYPE_CHECKING

import django
from django.core.management import call_command

from benchmarks.grounding import Ask, Heard
from benchmarks.grounding_persons import GroundingPerson, Told

if TYPE_CHECKING:
    from chat.answering import Asked, Reply
    from chat.grounding import Told as Stored
    from chat.speakers import Speaker
    from questionnaires.models import Persona, Question
    from training.models import PersonaModel


@contextmanager
def asked_by(person: GroundingPerson, is_strict: bool) -> Iterator[Ask]:
    """Asks the persona as the chat does, with its current version; strict needs none, since it only quotes."""
    site_open()
    from asgiref.sync import async_to_sync

    from chat.answering import Asked
    from chat.grounding import Kind, told_get
    from chat.models import Conversation
    from chat.speakers import speaker_get
    from training.engine_process import engine_running

    persona = persona_stored(person)
    version = None if is_strict else version_trained(persona)
    speaker, told = speaker_get(persona=persona, version=version), told_get(persona=persona)
    manner = Conversation.Manner.STRICT if is_strict else Conversation.Manner.NATURAL
    places = {one.questions[0]: place for place, one in enumerate(person.told)}

    def ask(text: str, context: str | None) -> Heard:
        reply = async_to_sync(_reply)(speaker, told, Asked(text, context, manner=manner))
        found = tuple(places[source["question"]] for source in reply.grounding.sources)
        return Heard(reply.grounding.kind is not Kind.UNKNOWN, found, reply.text)

    with engine_running():
        yield ask


@cache
def site_open() -> None:
    """Django with the tables and the bank in DATA_DIR, or in a folder that goes with this process."""
    if "DATA_DIR" not in os.environ:
        folder = tempfile.TemporaryDirectory(prefix="grounding-")
        _kept.append(folder)
        os.environ["DATA_DIR"] = folder.name
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "persona_site.settings")
    django.setup()
    call_command("migrate", verbosity=0)
    call_command("load_questionnaires", stdout=sys.stderr)


_kept: list[tempfile.TemporaryDirectory[str]] = []
"""Removed when the process ends."""


def persona_stored(person: GroundingPerson) -> Persona:
    """The persona with all its answers, as it was stored before or new."""
    from django.contrib.auth.models import User

    from questionnaires.models import Persona
    from questionnaires.saving import answer_save
    from questionnaires.services import persona_create

    owner = User.objects.order_by("pk").first() or User.objects.create_user("benchmark")
    if persona := Persona.objects.for_owner(owner).filter(name=person.name).first():
        return persona
    persona = persona_create(owner=owner, name=person.name, language=person.language)
    for told in person.told:
        question = _question(persona, told)
        answer_save(
            persona=persona, question=question, text=told.answer, base_revision=0, operation_id=uuid.uuid4().hex
        )
    return persona


def version_trained(persona: Persona) -> PersonaModel:
    """The current version; trained now with the quick recipe where there is none."""
    from chat.services import version_current

    if version_current(persona=persona) is None:
        call_command("train", persona=str(persona.pk), recipe="quick", here=True, stdout=sys.stderr)
    version = version_current(persona=persona)
    if version is None:
        raise RuntimeError(f"The training of {persona.name} gave no version.")
    return version


def _question(persona: Persona, told: Told) -> Question:
    from questionnaires.models import Question
    from questionnaires.services import question_create

    if told.is_own:
        return question_create(persona=persona, text=told.questions[0], wordings=told.questions[1:])
    return Question.objects.get(slug=told.id, persona=None)


async def _reply(speaker: Speaker, told: list[Stored], asked: Asked) -> Reply:
    from chat.answering import Reply, answer

    async with aclosing(answer(speaker=speaker, told=told, asked=asked)) as events:
        async for event in events:
            if isinstance(event, Reply):
                return event
    raise RuntimeError("answer() ended without a Reply")
