"""One row of everything that an owner can have, each with a word in it that nobody else may ever read."""

import uuid
from dataclasses import dataclass, field
from typing import Any

from django.utils import timezone

from api.openai.model_names import name_of_version
from api.tokens import token_create
from chat.models import BlindPair, Conversation, Correction, Message, PersonaShare, TelegramAccount
from fidelity.models import FriendLink, FriendQuestion, ItemAnswer, Report, ReportItem
from questionnaires.models import Answer, AnswerRevision, Persona, Question, Questionnaire, QuestionnaireItem, Topic
from questionnaires.uploads import upload_keep
from training.models import Connection, PersonaModel, RunEvent, TrainingRun
from training.sealing import seal
from training.uploads import upload_create

SECRET = "heliotrope7319"  # stands in every text of the owner
ADDRESS = "https://api.example.com/v1"

JOBS = tuple(f"v1_job{tail}" for tail in ("", "_cancel", "_pause", "_resume", "_events", "_checkpoints"))


@dataclass
class World:
    """`values`: what can stand in an address, by the name that the route gives it."""

    owner: Any
    persona: Persona
    values: dict[str, Any] = field(default_factory=dict)


def world_make(owner) -> World:
    persona = Persona.objects.create(owner=owner, name=f"Ada {SECRET}", language="en")
    world = World(owner, persona, {"persona_id": persona.pk})
    for fill in (_writing, _training, _chat, _likeness, _programs):
        world.values |= fill(owner, persona)
    return world


def _writing(owner, persona) -> dict[str, Any]:
    topic = Topic.objects.create(slug="a-life", title={"en": "Life"}, position=1)
    text = f"Where is the {SECRET}?"
    own = Question.objects.create(slug="own-1", persona=persona, texts={"en": {"text": text, "wordings": []}})
    Question.objects.create(slug="bank-1", topic=topic, texts={"en": {"text": "Where?", "wordings": []}})
    answer = Answer.objects.create(
        owner=owner, persona=persona, question=own, state="answered", text=f"In the {SECRET}.", revision=1
    )
    revision = AnswerRevision.objects.create(
        owner=owner, answer=answer, revision=1, operation_id="op", text=answer.text, state="answered"
    )
    chosen = Questionnaire.objects.create(slug=str(uuid.uuid4()), persona=persona, title={"en": SECRET})
    QuestionnaireItem.objects.create(questionnaire=chosen, question=own, position=1)
    upload = upload_keep(owner_id=owner.pk, data=f"question,answer\na,{SECRET}\n".encode(), filename="a.csv")
    return {
        "slug": own.slug,
        "questionnaire_id": chosen.pk,
        "upload_id": upload,
        "revision_id": revision.pk,
        "file_format": "marker",
    }


def _training(owner, persona) -> dict[str, Any]:
    connection = Connection.objects.create(
        owner=owner, preset="openai", name=SECRET, base_url=ADDRESS, sealed_key=seal(f"sk-{SECRET}", ADDRESS)
    )
    run = TrainingRun.objects.create(
        owner=owner, persona=persona, base_model="base", state="failed", error=SECRET, spoken_name=persona.name
    )
    RunEvent.objects.create(owner=owner, run=run, number=1, kind="log", data={"message": SECRET})
    version = PersonaModel.objects.create(
        owner=owner, persona=persona, run=run, number=1, name=SECRET, base_model="base", format="chat",
        spoken_name="Ada", data_hash="0" * 64, is_current=True, notes=SECRET,
    )  # fmt: skip
    other = PersonaModel.objects.create(
        owner=owner, persona=persona, number=2, name=SECRET, base_model="base", format="chat",
        spoken_name="Ada", data_hash="1" * 64,
    )  # fmt: skip
    BlindPair.objects.create(
        owner=owner, persona=persona, old=version, new=other, question=SECRET, old_text=SECRET, new_text=SECRET,
        new_first=True,
    )  # fmt: skip
    pair = BlindPair.objects.get(persona=persona)
    return {
        "connection_id": connection.pk,
        "run_id": run.pk,
        "version_id": version.pk,
        "pair_id": pair.pk,
        "name": "train.jsonl",
        "preset_key": "openai",
        "kind": "json",
    }


def _chat(owner, persona) -> dict[str, Any]:
    talk = Conversation.objects.create(owner=owner, persona=persona, title=SECRET)
    said = Message.objects.create(owner=owner, conversation=talk, number=1, role="person", text=SECRET)
    reply = Message.objects.create(owner=owner, conversation=talk, number=2, role="persona", text=SECRET, parent=said)
    correction = Correction.objects.create(owner=owner, persona=persona, reply=reply, asked=SECRET, text=SECRET)
    account = TelegramAccount.objects.create(
        owner=owner, persona=persona, user_id=7319, name=SECRET, conversation_id=talk.pk
    )
    share = PersonaShare.objects.create(owner=owner, persona=persona, digest="0" * 64, label=SECRET)
    return {
        "share_id": share.pk,
        "conversation_id": talk.pk,
        "message_id": reply.pk,
        "correction_id": correction.pk,
        "account_id": account.pk,
        "translator": "google",
    }


def _likeness(owner, persona) -> dict[str, Any]:
    version = persona.versions.first()
    now = timezone.now()
    ItemAnswer.objects.create(owner=owner, persona=persona, kind="choice", item="x", value=1)
    report = Report.objects.create(
        owner=owner, persona=persona, version=version, state="failed", error=SECRET, finished_at=now
    )
    row = ReportItem.objects.create(
        owner=owner, report=report, number=1, control="persona", kind="fact", item="x", question=SECRET, reply=SECRET,
        verdict="wrong", asked_at=now,
    )  # fmt: skip
    link = FriendLink.objects.create(owner=owner, persona=persona, version=version, token="t" * 43, state="ready")
    FriendQuestion.objects.create(owner=owner, link=link, number=1, question=SECRET, own=SECRET)
    return {"report_id": report.pk, "row_id": row.pk, "link_id": link.pk, "section": "facts", "token": link.token}


def _programs(owner, persona) -> dict[str, Any]:
    run = TrainingRun.objects.create(
        owner=owner, persona=persona, base_model="base", state="failed", error=SECRET, spoken_name=SECRET
    )
    content = f'{{"prompt": "{SECRET}", "completion": "{SECRET}"}}\n'.encode()
    file = upload_create(owner=owner, filename=f"{SECRET}.jsonl", chunks=[content])
    token, _secret = token_create(owner=owner, name=SECRET, scopes=["read"])
    identifiers = dict.fromkeys(JOBS, f"ftjob-{run.pk.hex}")
    identifiers |= dict.fromkeys(("v1_file", "v1_file_content"), f"file-{file.pk.hex}")
    model = name_of_version(persona.versions.first())
    named = {f"{route}:identifier": identifier for route, identifier in identifiers.items()}
    return named | {"v1_model:name": model, "token_id": token.pk}
