"""`manage.py doctor`: each thing that can be wrong, and what --mend does about it."""

import json
import os
import socket
import time
import uuid
from datetime import timedelta
from io import StringIO

import pytest
from django.core.management import call_command
from django.utils import timezone

from operations import doctor, doctor_machine, doctor_rows, readiness
from training.models import Connection, PersonaModel, TrainingRun
from training.sealing import seal
from training.version_files import manifest_of


@pytest.fixture(autouse=True)
def installation(tmp_path, settings, monkeypatch):
    """A whole one that does not run; one process of the tests' own."""
    settings.DATA_DIR = tmp_path
    settings.RUNS_DIR, settings.MODELS_DIR = tmp_path / "runs", tmp_path / "models"
    settings.REDIS_URL, settings.BACKUP_DIR, settings.TELEGRAM_TOKEN = "", "", ""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        settings.PORT = probe.getsockname()[1]
    secrets = tmp_path / "secrets"
    secrets.mkdir(mode=0o700)
    (secrets / "keys").touch(mode=0o600)
    (secrets / "keys").write_text("x" * 50)
    monkeypatch.setitem(readiness._process, "began", time.monotonic())
    readiness.forget()
    yield tmp_path
    readiness.forget()


def examined(*options):
    out, code = StringIO(), 0
    try:
        call_command("doctor", "--json", *options, stdout=out)
    except SystemExit as end:
        code = end.code
    return json.loads(out.getvalue()), code


def only(look_at) -> tuple[str, str]:
    """Level and sentence of the only finding."""
    (finding,) = look_at()
    return finding.level, finding.sentence


def test_a_whole_installation_is_well(db):
    body, code = examined()
    assert code == 0 and body["well"] is True, [each for each in body["findings"] if each["level"] == "wrong"]
    names = {finding["name"] for finding in body["findings"]}
    assert {"python", "packages", "folder", "secrets", "database", "tables", "versions", "keys", "site"} <= names


def test_what_is_wrong_is_said_with_the_way_to_mend_it(db, settings):
    settings.DEBUG, settings.SIGN_UP = True, "open"
    out = StringIO()
    with pytest.raises(SystemExit) as end:
        call_command("doctor", stdout=out)
    assert end.value.code == 1
    assert "WRONG  settings: DEBUG is on" in out.getvalue() and "Set DEBUG=false." in out.getvalue()


def test_other_versions_of_packages_are_named(monkeypatch):
    monkeypatch.setattr(doctor_machine, "version", lambda name: "0.1" if name == "celery" else "")
    level, sentence = only(doctor_machine.packages)
    assert level == "wrong" and "celery is 0.1, not" in sentence and "redis is missing" in sentence


def test_a_full_disk_is_told(monkeypatch):
    monkeypatch.setattr(doctor_machine.shutil, "disk_usage", lambda _: type("Usage", (), {"free": 4e8}))
    assert only(doctor_machine.folder) == ("wrong", "0.4 GB are free in DATA_DIR.")


def test_a_missing_folder_is_told(settings, tmp_path):
    settings.DATA_DIR = tmp_path / "nothing"
    assert only(doctor_machine.folder)[0] == "wrong"


def test_secrets_that_others_may_read_are_closed(db, installation):
    (installation / "secrets" / "keys").chmod(0o644)
    body, code = examined()
    assert code == 1 and "may read keys" in next(f["sentence"] for f in body["findings"] if f["name"] == "secrets")
    body, code = examined("--mend")
    assert code == 0 and body["mended"] == ["secrets: 1 are yours alone now."]
    assert (installation / "secrets" / "keys").stat().st_mode & 0o777 == 0o600


def test_an_empty_secret_is_told(installation):
    (installation / "secrets" / "keys").write_text("")
    assert only(doctor_machine.secrets) == ("wrong", "Empty: keys.")


def test_a_port_of_another_program_is_told(settings):
    with socket.socket() as other:
        other.bind(("127.0.0.1", settings.PORT))
        other.listen()
        doctor_machine_seconds, doctor_machine.SECONDS = doctor_machine.SECONDS, 0.2
        try:
            assert only(doctor_machine.port) == ("wrong", f"Another program uses port {settings.PORT}.")
        finally:
            doctor_machine.SECONDS = doctor_machine_seconds


def test_tables_older_than_the_program_are_named(db, monkeypatch):
    monkeypatch.setattr(
        doctor_rows.MigrationExecutor, "migration_plan",
        lambda *_: [(type("M", (), {"app_label": "chat", "name": "0009_new"}), False)],
    )  # fmt: skip
    assert only(doctor_rows.migrations) == ("wrong", "1 migrations are not applied: chat.0009_new.")


def test_a_broker_elsewhere_that_is_away_is_told(db, settings, tmp_path):
    settings.REDIS_URL, settings.ENGINE_URLS = f"unix://{tmp_path}/nobody.sock", ["http://127.0.0.1:9"]
    levels = {finding.name: finding.level for finding in doctor_rows.parts()}
    assert levels == {"writing": "well", "storage": "well", "broker": "wrong", "canary": "wrong", "engine": "wrong"}


def test_folders_without_rows_are_put_aside(db, installation, settings, owner, persona):
    run = TrainingRun.objects.create(owner=owner, persona=persona, base_model="b", state="failed")
    lost, young = settings.MODELS_DIR / str(uuid.uuid4()), settings.RUNS_DIR / str(uuid.uuid4())
    for folder in (run.folder, lost, young, settings.RUNS_DIR / "not-an-id"):
        folder.mkdir(parents=True)
    (lost / "adapter.gguf").write_bytes(b"x")
    for folder in (lost, run.folder):
        os.utime(folder, (time.time() - 7200,) * 2)
    (finding,) = doctor_rows.orphans()
    assert finding.level == "look" and finding.sentence.startswith("1 folders")
    finding.action()
    assert (installation / "orphans" / "models" / lost.name / "adapter.gguf").read_bytes() == b"x"
    assert run.folder.is_dir() and young.is_dir() and not lost.exists()


@pytest.fixture
def version(persona):
    return PersonaModel.objects.create(
        owner=persona.owner, persona=persona, number=1, name="v1", base_model="base", format="chat",
        spoken_name="Ada", data_hash="0" * 64,
    )  # fmt: skip


def test_versions_without_files_or_with_others_are_named(version):
    level, sentence = only(doctor_rows.versions)
    assert level == "wrong" and "1 versions have no files" in sentence and str(version.pk) in sentence
    version.folder.mkdir(parents=True)
    (version.folder / "adapter.gguf").write_bytes(b"as it was made")
    version.files = manifest_of(version.folder)
    version.save()
    assert only(doctor_rows.versions)[0] == "well"
    (version.folder / "adapter.gguf").write_bytes(b"as it was nade")
    assert "other bytes" in only(doctor_rows.versions)[1]


def test_a_training_held_by_nobody_is_freed(db, owner, persona):
    run = TrainingRun.objects.create(
        owner=owner, persona=persona, base_model="b", state="training",
        lease_until=timezone.now() - timedelta(minutes=5),
    )  # fmt: skip
    (finding,) = doctor_rows.leases()
    assert finding.level == "wrong"
    finding.action()
    run.refresh_from_db()
    assert run.lease_until is None and run.state == "queued"


def test_keys_sealed_with_another_secret_are_counted(owner, settings):
    address = "https://api.example.org/v1"
    Connection.objects.create(
        owner=owner, preset="openai", name="There", base_url=address, sealed_key=seal("sk-secret", address),
        tested_at=timezone.now(), test_result={"ok": False},
    )  # fmt: skip
    assert only(doctor_rows.keys) == ("look", "1 of 1 connections failed their last test.")
    settings.SEALING_KEY = "another"
    assert next(doctor_rows.keys()).sentence == "1 keys of other services were sealed with another secret."


@pytest.mark.parametrize(("token", "level"), [("123456:" + "a" * 35, "well"), ("123456", "wrong")])
def test_a_token_of_telegram_has_its_form(db, settings, token, level):
    settings.TELEGRAM_TOKEN = token
    assert only(doctor_rows.telegram)[0] == level


def test_a_missing_backup_is_told(settings, tmp_path):
    settings.BACKUP_DIR = str(tmp_path / "backups")
    assert "older than a day" in only(doctor_rows.backups)[1]


def test_nothing_secret_is_said(owner, settings):
    settings.TELEGRAM_TOKEN = "no-token-canary-7d1f"
    Connection.objects.create(owner=owner, preset="openai", name="There", base_url="x", sealed_key="canary-7d1f")
    text = json.dumps([finding.as_json() for finding in doctor.doctor_look()])
    assert "canary-7d1f" not in text and str(settings.SECRET_KEY) not in text
