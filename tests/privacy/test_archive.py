"""Everything of a person into one archive, and out of it elsewhere."""

import hashlib
import json
import tracemalloc
import zipfile

import pytest

from accounts.audit import AuditEvent
from privacy.archive_bringing import archive_bring, archive_look
from privacy.archive_reading import ArchiveRefused
from privacy.archive_writing import archive_write
from privacy.catalogue import TABLES
from questionnaires.dataset.exports import FORMATS
from questionnaires.exporting import export_context, export_items
from questionnaires.models import Answer, Persona, Question
from tests.privacy.whole_life import CANARY, lead_a_life
from training.models import RunEvent, TrainingRun, UploadedFile

pytestmark = pytest.mark.django_db


def silent(*_told):
    return None


@pytest.fixture
def life(owner, bank, settings):
    lead_a_life(owner, settings)
    return owner


@pytest.fixture
def archive(life, tmp_path):
    archive_write(owner=life, target=tmp_path / "all.zip", beat=silent)
    return tmp_path / "all.zip"


def everything_goes(owner):
    Answer.objects.filter(owner=owner).delete()
    Persona.objects.filter(owner=owner).delete()
    for table in TABLES:
        table.rows(owner).delete()


def rows_in(path) -> dict:
    with zipfile.ZipFile(path) as archive:
        return {name: archive.read(name) for name in archive.namelist() if name.startswith("rows/")}


def training_rows(owner) -> dict:
    persona = Persona.objects.get(owner=owner, is_demo=False)
    context = export_context(persona=persona)
    return {
        name: b"".join(FORMATS[name].write(export_items(persona=persona, part="all"), context))
        for name in ("marker", "chat")
    }


def rewritten(path, target, change) -> "object":
    """The archive with members changed by `change(name, content)`; None leaves one out. Hashes are made to fit."""
    with zipfile.ZipFile(path) as old:
        content = {name: change(name, old.read(name)) for name in old.namelist()}
    content = {name: text for name, text in content.items() if text is not None}
    manifest = json.loads(content.pop("manifest.json"))
    manifest["members"] = {
        name: {"bytes": len(text), "sha256": hashlib.sha256(text).hexdigest()} for name, text in content.items()
    }
    with zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED) as new:
        for name, text in content.items():
            new.writestr(name, text)
        new.writestr("manifest.json", json.dumps(manifest))
    return target


def test_the_archive_tells_of_every_member_and_holds_no_secret(archive, life):
    with zipfile.ZipFile(archive) as opened:
        manifest = json.loads(opened.read("manifest.json"))
        members = {name: opened.read(name) for name in opened.namelist() if name != "manifest.json"}
    assert set(manifest["members"]) == set(members)
    for name, content in members.items():
        told = manifest["members"][name]
        assert (told["bytes"], told["sha256"]) == (len(content), hashlib.sha256(content).hexdigest())
    filled = {name for name, count in manifest["tables"].items() if count}
    empty = {table.name for table in TABLES} - filled
    assert not {name for name in empty if name.split(".")[0] in {"questionnaires", "training", "fidelity"}}
    whole = b"".join(members.values())
    assert f"sk-secret-{CANARY}-key".encode() not in whole
    assert life.username.encode() in members["account.json"]


def test_what_is_brought_in_elsewhere_is_the_same(archive, life, stranger, tmp_path):
    before, rows = training_rows(life), rows_in(archive)
    everything_goes(life)
    brought = archive_bring(path=archive, owner=stranger, beat=silent)
    assert brought.left_out == []
    assert training_rows(stranger) == before
    archive_write(owner=stranger, target=tmp_path / "again.zip", beat=silent)
    again = rows_in(tmp_path / "again.zip")
    changed = {name for name in rows if rows[name] != again[name]}
    # A link for friends gets another token and is closed; what was done with the account is the account's.
    assert changed == {"rows/fidelity.FriendLink.jsonl", "rows/accounts.AuditEvent.jsonl"}


def test_memory_does_not_grow_with_the_rows(life, tmp_path):
    run, words = TrainingRun.objects.get(), "word " * 400
    RunEvent.objects.bulk_create(
        RunEvent(owner=life, run=run, number=number, kind="log", data={"message": f"{number} {words}"})
        for number in range(2, 6002)
    )
    tracemalloc.start()
    archive_write(owner=life, target=tmp_path / "large.zip", beat=silent)
    _now, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert len(rows_in(tmp_path / "large.zip")["rows/training.RunEvent.jsonl"]) > 12_000_000
    assert peak < 6_000_000


def test_files_come_along(archive, life, stranger, settings):
    everything_goes(life)
    archive_bring(path=archive, owner=stranger, beat=silent)
    run = stranger_run(stranger)
    assert CANARY in (run.folder / "train.jsonl").read_text()
    assert not (run.folder / "checkpoints").exists()
    assert CANARY in UploadedFile.objects.get(owner=stranger).path.read_text()
    assert CANARY in (run.version.folder / "result.json").read_text()


def stranger_run(stranger):
    return TrainingRun.objects.get(owner=stranger)


def test_ids_that_are_taken_are_changed_everywhere(archive, life, stranger):
    from chat.models import Message

    archive_bring(path=archive, owner=stranger, beat=silent)
    assert training_rows(stranger) == training_rows(life)
    (mine,), (theirs,) = (
        [m.sources[0]["answer"] for m in Message.objects.filter(owner=who) if m.sources] for who in (life, stranger)
    )
    assert mine != theirs
    assert str(Answer.objects.get(pk=theirs).owner_id) == str(stranger.pk)


@pytest.mark.parametrize("taken", [False, True])
def test_an_archive_brought_in_twice_makes_no_doubles(archive, life, stranger, taken):
    if not taken:
        everything_goes(life)
    archive_bring(path=archive, owner=stranger, beat=silent)
    with pytest.raises(ArchiveRefused, match="is here already"):
        archive_bring(path=archive, owner=stranger, beat=silent)
    assert Persona.objects.filter(owner=stranger).count() == 1


def test_a_look_changes_nothing(archive, life, stranger):
    everything_goes(life)
    look = archive_look(path=archive, owner=stranger)
    assert look.counts["questionnaires.Answer"] == 7
    assert not Persona.objects.filter(owner=stranger).exists()
    assert not AuditEvent.objects.filter(subject=stranger).exists()


def test_a_question_that_the_bank_here_does_not_have_becomes_an_own_one(archive, life, stranger):
    everything_goes(life)
    Question.objects.filter(slug="bank-2").delete()
    archive_bring(path=archive, owner=stranger, beat=silent)
    answer = Answer.objects.get(owner=stranger, text__contains="answer 5")
    assert answer.question.texts["en"]["text"] == "Question 2 of the bank?"
    assert answer.question.persona.owner == stranger


@pytest.mark.parametrize("is_used", [False, True])
def test_the_demo_persona_of_an_archive_takes_the_place_of_an_unused_one(life, stranger, tmp_path, is_used):
    Persona.objects.update(is_demo=True)
    archive_write(owner=life, target=tmp_path / "demo.zip", beat=silent)
    everything_goes(life)
    there = Persona.objects.create(owner=stranger, name="Connie", is_demo=True)
    if is_used:
        there.conversations.create(owner=stranger)
    archive_bring(path=tmp_path / "demo.zip", owner=stranger, beat=silent)
    found = {p.name[:3]: p.is_demo for p in Persona.objects.filter(owner=stranger)}
    assert found == ({"Con": True, "Ada": False} if is_used else {"Ada": True})


def swap(name, old, new):
    return lambda member, text: text.replace(old, new) if member == name else text


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        (
            swap("rows/questionnaires.Answer.jsonl", b'"answered"', b'"owned"'),
            "Answer.jsonl, line 1: this row does not",
        ),
        (swap("rows/questionnaires.Answer.jsonl", b"red door", b"\\u0000"), "line 1: this row does not fit"),
        (swap("rows/questionnaires.Question.jsonl", b'"own-', b'"bank-'), "this row does not fit"),
        (swap("rows/questionnaires.Answer.jsonl", b'"bank-1"', b'"bank-99"'), "that nobody has"),
        (swap("bank/questions.jsonl", b'"texts"', b'"text"'), "no question"),
        (swap("manifest.json", b'"format_version": 1', b'"format_version": 2'), "newer version"),
        (swap("manifest.json", b"persona-archive", b"another"), "no manifest"),
    ],
)
def test_what_does_not_fit_is_refused_whole(archive, life, stranger, tmp_path, change, sentence):
    everything_goes(life)
    bad = rewritten(archive, tmp_path / "bad.zip", change)
    with pytest.raises(ArchiveRefused, match=sentence):
        archive_bring(path=bad, owner=stranger, beat=silent)
    assert not Persona.objects.filter(owner=stranger).exists()
    assert not Question.objects.exclude(persona=None).exists()


def test_a_changed_byte_is_noticed(archive, life, stranger, tmp_path):
    everything_goes(life)
    with zipfile.ZipFile(archive) as old, zipfile.ZipFile(tmp_path / "bad.zip", "w") as new:
        for name in old.namelist():
            text = old.read(name)
            new.writestr(name, text.replace(b"red door", b"rad door") if name.endswith("Answer.jsonl") else text)
    with pytest.raises(ArchiveRefused, match="not as it was when the archive was made"):
        archive_bring(path=tmp_path / "bad.zip", owner=stranger, beat=silent)


@pytest.mark.parametrize("name", ["../evil", "files/models/../../x/result.json", "/etc/passwd", "rows/auth.User.jsonl"])
def test_a_member_that_does_not_belong_there_is_refused(archive, stranger, tmp_path, name):
    bad = tmp_path / "bad.zip"
    bad.write_bytes(archive.read_bytes())
    with zipfile.ZipFile(bad, "a") as opened:
        opened.writestr(name, "x")
    with pytest.raises(ArchiveRefused, match="does not belong"):
        archive_look(path=bad, owner=stranger)


def test_an_archive_that_unpacks_to_too_much_is_refused(archive, stranger, tmp_path):
    bad = rewritten(archive, tmp_path / "bad.zip", lambda n, t: b" " * 60_000_000 if n == "account.json" else t)
    with pytest.raises(ArchiveRefused, match="unpacks to more"):
        archive_look(path=bad, owner=stranger)


def test_no_zip_at_all_is_refused(stranger, tmp_path):
    (tmp_path / "x.zip").write_bytes(b"hello")
    with pytest.raises(ArchiveRefused, match="no archive that can be read"):
        archive_look(path=tmp_path / "x.zip", owner=stranger)


def test_rows_of_others_cannot_be_reached(archive, life, stranger, tmp_path, django_user_model):
    """An archive that names another person's version gets a row without it, or none."""
    from chat.models import Conversation
    from training.models import PersonaModel

    victim = PersonaModel.objects.get(owner=life, number=1)
    own = str(victim.pk).encode()
    thief = django_user_model.objects.create_user("thief")

    def change(name, text):
        return b"" if name == "rows/training.PersonaModel.jsonl" else text

    bad = rewritten(archive, tmp_path / "bad.zip", change)
    brought = archive_bring(path=bad, owner=thief, beat=silent)
    assert own in rows_in(archive)["rows/chat.Conversation.jsonl"]
    assert Conversation.objects.get(owner=thief).version is None
    assert any("likeness reports" in sentence for sentence in brought.left_out)
