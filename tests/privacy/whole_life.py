"""A person with a row in every table, each text of which is findable by its canary."""

import hashlib
import json
import uuid
from pathlib import Path

from django.apps import apps
from django.db.models import ForeignKey
from django.utils import timezone

CANARY = "canary-7f3a91"


def lead_a_life(owner, settings, *, number: int = 0) -> "uuid.UUID":
    """Rows in all tables of `owner`, with files; returns the persona's id."""
    from chat.models import BlindPair, Conversation, Correction, Message, TranslatedText, TranslationSetup
    from fidelity.models import FriendGuess, FriendLink, FriendQuestion, ItemAnswer, Report, ReportItem
    from questionnaires.models import Answer, AnswerRevision, LeftFinding, Persona, Question, WeeklyQuestion
    from questionnaires.own_questionnaires import questionnaire_create
    from questionnaires.services import answer_save, question_create
    from training.connections import Fields, connection_create
    from training.models import PersonaModel, RunEvent, TrainingRun, UploadedFile

    words = f"{CANARY} of life {number}"
    persona = Persona.objects.create(owner=owner, name=f"Ada {words}", language="en")
    own = [question_create(persona=persona, text=f"What of {words}, {each}?") for each in range(3)]
    bank = list(Question.objects.filter(persona=None)[:4])
    for place, question in enumerate([*own, *bank]):
        for revision in range(3):
            answer_save(
                persona=persona,
                question=question,
                text=f"{words}: answer {place} in its version {revision} of the red door.",
                base_revision=revision,
                operation_id=f"{place}-{revision}",
            )
    answer_save(persona=persona, question=own[0], text=f"{words}: too late", base_revision=0, operation_id="late")
    questionnaire = questionnaire_create(persona=persona, title=f"Mine, {words}")
    questionnaire.questions.add(own[1], through_defaults={"position": 1})
    questionnaire.questions.add(bank[0], through_defaults={"position": 2})
    persona.questionnaire, persona.current_question = questionnaire, own[1]
    persona.save()
    answer = Answer.objects.filter(persona=persona).first()
    LeftFinding.objects.create(owner=owner, persona=persona, key="k" * 64)
    WeeklyQuestion.objects.create(owner=owner, persona=persona, question=bank[1], week=timezone.localdate())
    connection = connection_create(
        owner=owner,
        preset="openai",
        fields=Fields(name=f"C {words}", base_url="http://127.0.0.1:9/v1", key=f"sk-secret-{CANARY}-key"),
    )
    upload = UploadedFile(
        owner=owner, filename=f"{words}.jsonl", purpose="fine-tune", size=len(words),
        sha256=hashlib.sha256(words.encode()).hexdigest(),
    )  # fmt: skip
    upload.path.parent.mkdir(parents=True, exist_ok=True)
    upload.path.write_text(words)
    upload.save()
    run = TrainingRun.objects.create(
        owner=owner, persona=persona, state="ready", base_model="tiny", data_hash="d" * 64, spoken_name=f"Ada {words}"
    )
    RunEvent.objects.create(owner=owner, run=run, number=1, kind="sample", data={"reply": words})
    run.folder.mkdir(parents=True)
    (run.folder / "train.jsonl").write_text(json.dumps({"prompt": "p", "completion": words}) + "\n")
    (run.folder / "job.json").write_text("{}")
    (run.folder / "checkpoints").mkdir()
    (run.folder / "checkpoints" / "state").write_text(words)
    version = PersonaModel.objects.create(
        id=run.pk, owner=owner, persona=persona, run=run, number=1, name=f"ada {words}", base_model="tiny",
        format="chat", spoken_name="Ada", data_hash="d" * 64, is_current=True,
    )  # fmt: skip
    other = PersonaModel.objects.create(
        owner=owner, persona=persona, number=2, name="b", base_model="m", format="chat", spoken_name="Ada",
        data_hash="", connection=connection, remote_model="ft:one",
    )  # fmt: skip
    version.folder.mkdir(parents=True)
    (version.folder / "result.json").write_text(json.dumps({"note": words}))
    talk = Conversation.objects.create(owner=owner, persona=persona, version=version, title=words)
    said = Message.objects.create(owner=owner, conversation=talk, number=1, role="person", text=words, operation_id="1")
    reply = Message.objects.create(
        owner=owner, conversation=talk, number=2, role="persona", text=words, parent=said, version=version,
        sources=[{"answer": str(answer.pk), "question": words}],
    )  # fmt: skip
    Message.objects.create(owner=owner, conversation=talk, number=3, role="persona", text="2", parent=said, attempt=1)
    talk.head = reply
    talk.save()
    Correction.objects.create(owner=owner, persona=persona, reply=reply, answer=answer, asked=words, text=words)
    BlindPair.objects.create(
        owner=owner, persona=persona, old=version, new=other, question=words, old_text="a", new_text="b", new_first=True
    )
    TranslationSetup.objects.create(owner=owner, persona=persona, names=[{"term": words, "rendering": "x"}])
    TranslatedText.objects.create(owner=owner, persona=persona, digest="e" * 64, text=words)
    ItemAnswer.objects.create(owner=owner, persona=persona, kind="film", item="m1", value=4)
    report = Report.objects.create(owner=owner, persona=persona, version=version, state="done", result={"a": words})
    ReportItem.objects.create(
        owner=owner, report=report, number=1, control="persona", kind="fact", item="job", question=words, points=0.5
    )
    link = FriendLink.objects.create(
        owner=owner, persona=persona, version=version, token=f"{CANARY}{number}", state="open"
    )
    asked = FriendQuestion.objects.create(owner=owner, link=link, number=1, question=words, own=words)
    FriendGuess.objects.create(owner=owner, question=asked, friend=uuid.uuid4(), picked="own")
    assert AnswerRevision.objects.filter(owner=owner, conflict=True).exists()
    return persona.pk


def tables_with(text: str) -> list[str]:
    """Labels of the models in any of whose columns the text stands."""
    found = []
    for model in apps.get_models(include_auto_created=True):
        for row in model._base_manager.all():
            values = [getattr(row, f.attname) for f in model._meta.concrete_fields if not isinstance(f, ForeignKey)]
            if any(text in str(value) for value in values):
                found.append(model._meta.label)
                break
    return found


def files_with(folder: Path, text: str) -> list[str]:
    return [str(p.relative_to(folder)) for p in folder.rglob("*") if p.is_file() and text.encode() in p.read_bytes()]
