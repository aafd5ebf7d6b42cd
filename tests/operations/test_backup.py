"""Backups: one instant of the database, the files it speaks of, and a restore that checks before it touches."""

import json
import shutil
import sqlite3
import threading
import zipfile
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path

import pytest
from django.core.management import call_command
from django.core.management.base import CommandError
from django.db import connections

from operations import backup, backup_restore, backup_tasks
from operations.backup import backup_make, backups_in
from operations.backup_archive import BackupRefused
from operations.backup_restore import site_at_rest
from questionnaires.models import Answer, AnswerRevision, Persona, Question
from questionnaires.saving import answer_save
from training import storage
from training.models import PersonaModel
from training.version_files import version_share

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def data_dir(tmp_path, settings):
    settings.DATA_DIR = tmp_path / "data"
    settings.MODELS_DIR = settings.DATA_DIR / "models"
    for name, text in {"secrets/keys": "k3y", "runs/r/train.jsonl": "{}\n", "logs/web.log": "x", "base/w": "x"}.items():
        file = settings.DATA_DIR / name
        file.parent.mkdir(parents=True)
        file.write_text(text)
    (settings.DATA_DIR / "secrets" / "keys").chmod(0o600)
    return settings.DATA_DIR


@pytest.fixture
def version(data_dir, persona):
    version = PersonaModel.objects.create(owner=persona.owner, persona=persona, number=1, name="one", base_model="b")
    version.folder.mkdir(parents=True)
    (version.folder / "result.json").write_text("{}")
    (version.folder / "adapter.gguf").write_bytes(bytes(range(256)) * 9000)
    return version


def make(folder, **options):
    return backup_make(folder=folder, **options)


def files_below(folder):
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def rows_of(file, query):
    with closing(sqlite3.connect(file)) as database:
        return database.execute(query).fetchall()


def test_what_comes_back_is_what_was_there(data_dir, version, tmp_path):
    made = make(tmp_path / "backups")
    call_command("restore", made.path, into=tmp_path / "new")
    kept = {
        name: content for name, content in files_below(data_dir).items() if name.split("/")[0] not in {"logs", "base"}
    }
    restored = files_below(tmp_path / "new")
    file = restored.pop("persona.sqlite3")
    assert {name: content for name, content in restored.items() if not name.startswith("run/")} == kept
    assert file.startswith(b"SQLite")
    assert rows_of(tmp_path / "new" / "persona.sqlite3", "SELECT name FROM questionnaires_persona") == [("Ada",)]
    assert (tmp_path / "new" / "secrets" / "keys").stat().st_mode & 0o777 == 0o600
    assert made.path.stat().st_mode & 0o777 == 0o600


def test_keys_can_be_left_out(data_dir, persona, tmp_path, capsys):
    (tmp_path / "new" / "secrets").mkdir(parents=True)
    (tmp_path / "new" / "secrets" / "keys").write_text("mine")
    made = make(tmp_path / "backups", with_secrets=False)
    assert b"k3y" not in made.path.read_bytes()
    assert not [name for name in zipfile.ZipFile(made.path).namelist() if "secrets" in name]
    call_command("restore", made.path, into=tmp_path / "new")
    assert (tmp_path / "new" / "secrets" / "keys").read_text() == "mine"
    assert "no keys" in capsys.readouterr().out


def test_saves_go_on_while_a_backup_is_taken_and_it_is_of_one_instant(data_dir, persona, tmp_path, monkeypatch):
    """Two answers are saved in turns: at each instant the second has as many texts as the first, or one less."""
    questions = [Question.objects.create(slug=f"q{n}", texts={"en": {"text": "?"}}) for n in range(2)]
    stop, acknowledged = threading.Event(), []

    def write():
        number = 0
        while not stop.is_set():
            for question in questions:
                answer_save(
                    persona=persona, question=question, text=f"{number}", base_revision=number, operation_id=f"{number}"
                )
            number += 1
            acknowledged.append(number)
        connections.close_all()

    writer = threading.Thread(target=write)
    writer.start()
    try:
        while len(acknowledged) < 20:
            stop.wait(0.01)
        before = len(acknowledged)
        made = make(tmp_path / "backups")
        while len(acknowledged) < before + 20:  # the writer was not kept out
            stop.wait(0.01)
    finally:
        stop.set()
        writer.join()
    call_command("restore", made.path, into=tmp_path / "new")
    file = tmp_path / "new" / "persona.sqlite3"
    first, second = (
        rows_of(file, f"SELECT revision, text FROM questionnaires_answer a JOIN questionnaires_question q ON q.id = "
                      f"a.question_id WHERE q.slug = 'q{n}'")[0] for n in range(2)
    )  # fmt: skip
    assert before <= second[0] <= first[0] <= second[0] + 1
    assert first[0] < len(acknowledged)
    assert (int(first[1]) + 1, int(second[1]) + 1) == (first[0], second[0])
    kept = rows_of(file, "SELECT count(*) FROM questionnaires_answerrevision")[0][0]
    assert kept == first[0] + second[0]


def test_a_version_that_goes_while_it_is_copied_is_in_neither_part(data_dir, version, tmp_path, monkeypatch):
    copied = []

    def deleted_meanwhile(*arguments):
        if not copied:
            shutil.rmtree(version.folder)
            PersonaModel.objects.all().delete()
        copied.append(1)
        return []

    inner = backup._add_files
    monkeypatch.setattr(backup, "_add_files", lambda *arguments: [deleted_meanwhile(), inner(*arguments)])
    made = make(tmp_path / "backups")
    assert len(copied) == 2
    names = zipfile.ZipFile(made.path).namelist()
    manifest = json.loads(zipfile.ZipFile(made.path).read("manifest.json"))
    assert manifest["database"]["tables"]["training_personamodel"] == 0
    assert not [name for name in names if name.startswith("models/")]


def test_a_version_published_while_files_are_copied_waits_for_the_next_backup(data_dir, version, tmp_path, monkeypatch):
    """Its files may be in the backup, its row is not: a folder too many harms nobody."""
    inner = backup._add_files

    def published_meanwhile(*arguments):
        PersonaModel.objects.create(owner=version.owner, persona=version.persona, number=2, name="two", base_model="b")
        return inner(*arguments)

    monkeypatch.setattr(backup, "_add_files", published_meanwhile)
    made = make(tmp_path / "backups")
    assert (made.broken, zipfile.is_zipfile(made.path)) == ([], True)


def test_a_version_without_files_is_named(data_dir, version, tmp_path, capsys):
    shutil.rmtree(version.folder)
    call_command("backup", to=tmp_path / "backups")
    assert f"version {version.pk} are missing" in capsys.readouterr().err


def test_what_lies_in_the_shared_store_is_in_it_too(data_dir, version, tmp_path, settings):
    settings.STORAGE_URL = f"file://{tmp_path / 'store'}"
    settings.RUNS_DIR = data_dir / "runs"
    frozen = data_dir / "runs" / "elsewhere" / "train.jsonl"
    frozen.parent.mkdir()
    frozen.write_text("rows")
    storage.share(frozen)
    PersonaModel.objects.update(files=version_share(version.folder))
    kept = files_below(version.folder)
    shutil.rmtree(version.folder)
    shutil.rmtree(frozen.parent)
    made = make(tmp_path / "backups")
    with zipfile.ZipFile(made.path) as archive:
        assert archive.read("runs/elsewhere/train.jsonl") == b"rows"
        assert {name: archive.read(f"models/{version.pk}/{name}") for name in kept} == kept
    assert made.broken == []


def test_a_store_that_does_not_answer_is_no_reason_for_half_a_backup(
    data_dir, version, tmp_path, settings, monkeypatch
):
    settings.STORAGE_URL = f"file://{tmp_path / 'store'}"

    def away(_prefix):
        raise storage.StoreAway("no answer")

    monkeypatch.setattr("operations.backup_store.listed", away)
    with pytest.raises(BackupRefused, match="does not answer"):
        make(tmp_path / "backups")
    assert backups_in(tmp_path / "backups") == []


def damaged(path, target, old, new):
    content = path.read_bytes()
    assert content.count(old) >= 1
    target.write_bytes(content.replace(old, new, 1))
    return target


def test_a_damaged_backup_changes_nothing(data_dir, version, tmp_path):
    made = make(tmp_path / "backups")
    bad = damaged(made.path, tmp_path / "bad.zip", bytes(range(64, 128)), bytes(64))
    with pytest.raises(CommandError, match="damaged"):
        call_command("restore", bad, into=tmp_path / "new")
    assert set(files_below(tmp_path / "new")) == {"run/up.lock", "run/programs.lock"}


@pytest.mark.parametrize("change", ["another hash", "a path out of it", "a newer format", "not a zip", "cut off"])
def test_what_is_no_whole_backup_is_refused(change, data_dir, persona, tmp_path):
    made = make(tmp_path / "backups")
    bad = tmp_path / "bad.zip"
    with zipfile.ZipFile(made.path) as old, zipfile.ZipFile(bad, "w") as new:
        manifest = json.loads(old.read("manifest.json"))
        names = {name: name for name in manifest["files"]}
        if change == "another hash":
            manifest["files"]["secrets/keys"]["sha256"] = "0" * 64
        elif change == "a path out of it":
            manifest["files"]["../keys"] = manifest["files"].pop("secrets/keys")
            names["secrets/keys"] = "../keys"
        elif change == "a newer format":
            manifest["format"] = 2
        for name, written in names.items():
            new.writestr(written, old.read(name))
        new.writestr("manifest.json", json.dumps(manifest))
    if change == "not a zip":
        bad.write_text("no")
    elif change == "cut off":
        bad.write_bytes(made.path.read_bytes()[:-100])
    with pytest.raises(CommandError, match=r"damaged|no backup|newer version|no whole backup"):
        call_command("restore", bad, into=tmp_path / "new", replace=True)
    assert not (tmp_path / "keys").exists()
    assert not (tmp_path / "new" / "persona.sqlite3").exists()


def test_what_is_there_is_moved_aside_only_when_asked(data_dir, persona, tmp_path):
    made = make(tmp_path / "backups")
    new = tmp_path / "new"
    new.mkdir()
    (new / "persona.sqlite3").write_text("old")
    (new / "persona.sqlite3-wal").write_text("the old one's log")
    with pytest.raises(CommandError, match="not empty"):
        call_command("restore", made.path, into=new)
    call_command("restore", made.path, into=new, replace=True)
    (aside,) = new.glob("replaced-*")
    assert (aside / "persona.sqlite3").read_text() == "old"
    assert not (new / "persona.sqlite3-wal").exists()
    assert rows_of(new / "persona.sqlite3", "SELECT count(*) FROM questionnaires_persona") == [(1,)]


def test_nothing_is_restored_under_a_running_site(data_dir, persona, tmp_path):
    made = make(tmp_path / "backups")
    with site_at_rest(tmp_path / "new"), pytest.raises(CommandError, match="site runs"):
        call_command("restore", made.path, into=tmp_path / "new")


def test_a_newer_program_s_backup_is_refused(data_dir, persona, tmp_path, monkeypatch):
    made = make(tmp_path / "backups")
    known = backup_restore.MigrationLoader(None).disk_migrations
    without = {key: value for key, value in known.items() if key[0] != "fidelity"}
    monkeypatch.setattr(backup_restore, "MigrationLoader", lambda _: type("", (), {"disk_migrations": without}))
    with pytest.raises(CommandError, match=r"newer version of the program \(fidelity\."):
        call_command("restore", made.path, into=tmp_path / "new")


def test_the_newest_stay_and_leftovers_go(data_dir, persona, tmp_path):
    folder = tmp_path / "backups"
    folder.mkdir()
    for day in range(3):
        (folder / f"persona-2026010{day}-000000Z.zip").touch()
    (folder / ".persona-1.zip.part").touch()
    (folder / "mine.zip").touch()
    made = make(folder, keep=2)
    assert backups_in(folder) == [made.path, folder / "persona-20260102-000000Z.zip"]
    assert {path.name for path in folder.iterdir()} == {".lock", "mine.zip", *(p.name for p in backups_in(folder))}


def test_a_backup_that_fails_leaves_the_older_ones(data_dir, persona, tmp_path, monkeypatch):
    folder = tmp_path / "backups"
    kept = make(folder)
    monkeypatch.setattr(backup, "sqlite_copy", lambda source, target: target.write_text("half") and _full())
    with pytest.raises(BackupRefused, match="No space left"):
        make(folder, keep=1)
    assert {path.name for path in folder.iterdir()} == {".lock", kept.path.name}


def _full():
    raise OSError(28, "No space left on device")


def test_backups_do_not_hold_one_another(data_dir, persona, tmp_path):
    make(data_dir / "kept" / "here")
    second = make(data_dir / "kept" / "here")
    assert not [name for name in zipfile.ZipFile(second.path).namelist() if name.endswith(".zip")]


def test_there_is_one_a_day(data_dir, persona, settings, tmp_path):
    settings.BACKUP_DIR, settings.BACKUP_KEEP = "", 2
    backup_tasks.daily_backup()
    settings.BACKUP_DIR = str(tmp_path / "backups")
    backup_tasks.daily_backup()
    backup_tasks.daily_backup()
    (made,) = backups_in(tmp_path / "backups")
    assert made.name.startswith(f"persona-{datetime.now(UTC):%Y%m%d}")
    assert backups_in(Path(settings.DATA_DIR) / "backups") == []


def test_the_site_rings_for_the_daily_backup():
    from celery import current_app
    from django.conf import settings

    current_app.loader.import_default_modules()
    entry = settings.CELERY_BEAT_SCHEDULE["backup"]
    assert entry["task"] in current_app.tasks
    assert entry["schedule"] == 3600.0


def test_models_of_the_snapshot_have_the_columns_that_are_asked_for(version, persona):
    """The query for versions is plain SQL: this fails when a column of it is renamed."""
    from operations.backup_sqlite import VERSIONS

    with connections["default"].cursor() as cursor:
        cursor.execute(VERSIONS)
        assert len(cursor.fetchall()) == PersonaModel.objects.count() == 1
    assert (Persona.objects.count(), Answer.objects.count(), AnswerRevision.objects.count()) == (1, 0, 0)
