"""Everything of a person goes, here and at providers, and a receipt tells it."""

import uuid

import pytest
from django.contrib.auth.models import User
from django.contrib.sessions.models import Session
from django.db import connection

from privacy import erasing, erasing_elsewhere
from privacy.erasing import erasure_execute
from privacy.erasures import erasure_ask, erasure_find, erasure_plan, stays_open
from privacy.models import Erasure
from privacy.receipts import receipt_text
from questionnaires.models import Persona, Question
from questionnaires.services import Refused
from tests.privacy.whole_life import CANARY, files_with, lead_a_life, tables_with
from training.models import Connection, PersonaModel, TrainingRun, UploadedFile

pytestmark = pytest.mark.django_db


@pytest.fixture
def life(owner, bank, settings):
    settings.SIGN_UP = "open"
    lead_a_life(owner, settings)
    # What it has at a provider that nobody can reach any more.
    PersonaModel.objects.filter(owner=owner, number=2).update(connection=None)
    return owner


def done(erasure, times=20) -> Erasure:
    """Lets a worker work on it until it is over, whenever it would be due."""
    for _time in range(times):
        erasure_execute(job_id=erasure.pk)
        Erasure.objects.filter(pk=erasure.pk).update(not_before=None)
    erasure.refresh_from_db()
    assert erasure.state == "done", (erasure.state, erasure.kept, erasure.receipt)
    return erasure


def test_nothing_is_left_of_an_account(life, settings):
    assert tables_with(CANARY) and files_with(settings.DATA_DIR, CANARY)
    erasure, token = erasure_ask(owner=life)
    done(erasure)
    assert tables_with(CANARY) == []
    assert files_with(settings.DATA_DIR, CANARY) == []
    assert not User.objects.filter(pk=life.pk).exists()
    assert Question.objects.filter(persona=None).count() == 4
    assert erasure_find(token=token) == erasure
    assert erasure_find(token=token + "x") is None


def test_the_receipt_counts_and_says_no_word_of_the_person(life):
    erasure, _token = erasure_ask(owner=life)
    receipt = done(erasure).receipt
    assert receipt["rows"]["questionnaires.Answer"] == 7
    assert receipt["rows"]["chat.Message"] == 3
    assert receipt["files"] >= 4
    assert receipt["left_elsewhere"] == [
        {"host": "", "kind": "model", "id": "ft:one", "why": receipt["left_elsewhere"][0]["why"]}
    ]
    assert "its connection was deleted" in receipt_text(receipt).lower()
    assert CANARY not in receipt_text(receipt)
    assert "Ada" not in receipt_text(receipt)


def test_others_lose_nothing(life, stranger, settings):
    lead_a_life(stranger, settings, number=1)
    before = {label: rows.count() for label, rows in scope_of(stranger).tables()}
    done(erasure_ask(owner=life)[0])
    assert {label: rows.count() for label, rows in scope_of(stranger).tables()} == before
    assert "of life 0" not in str(tables_with("of life 0"))
    assert tables_with("of life 0") == []


def scope_of(owner):
    from privacy.erasure_scope import Scope

    return Scope(owner)


def test_one_portrait_goes_and_the_others_stay(owner, bank, settings):
    gone, kept = (lead_a_life(owner, settings, number=number) for number in (2, 3))
    Connection.objects.all().delete()  # these are the account's
    for upload in UploadedFile.objects.all():
        upload.path.unlink()
        upload.delete()
    erasure, _token = erasure_ask(owner=owner, persona=Persona.objects.get(pk=gone))
    done(erasure)
    assert tables_with("of life 2") == []
    assert files_with(settings.DATA_DIR, "of life 2") == []
    assert Persona.objects.get().pk == kept
    assert User.objects.get(pk=owner.pk).is_active


def test_on_a_laptop_the_account_is_left_empty(owner, bank, settings, visitor):
    lead_a_life(owner, settings)
    Connection.objects.all().delete()
    assert stays_open(owner)
    done(erasure_ask(owner=owner)[0])
    assert tables_with(CANARY) == []
    assert User.objects.get().is_active
    assert visitor.get("/personas/").status_code == 200


def test_nobody_comes_in_while_it_is_deleted(life, client_of):
    visitor = client_of(life)
    erasure_ask(owner=life)
    assert visitor.get("/personas/").status_code == 302
    assert not Session.objects.exists()
    with pytest.raises(Refused, match="already"):
        erasure_ask(owner=life)


def test_a_lost_worker_is_followed_by_another(life, monkeypatch):
    """It dies between any two pieces of the deletion; the counts are those of the whole."""
    erasure, _token = erasure_ask(owner=life)
    monkeypatch.setattr(erasing, "CHUNK", 2)
    real, calls = erasing._Work._rows_delete, iter(range(1, 100))

    def dies(self):
        lasts = next(calls)
        for number, step in enumerate(real(self)):
            if number == lasts and lasts < 4:
                raise MemoryError
            yield step

    monkeypatch.setattr(erasing._Work, "_rows_delete", dies)
    for _death in range(3):
        with pytest.raises(MemoryError):
            erasure_execute(job_id=erasure.pk)
        Erasure.objects.filter(pk=erasure.pk).update(lease_until=None)
    receipt = done(erasure).receipt
    assert receipt["rows"]["chat.Message"] == 3
    assert tables_with(CANARY) == []


def test_it_is_never_given_up_and_an_archive_is_after_four_lost_workers(life):
    from privacy.archives import archive_ask
    from privacy.jobs import jobs_sweep
    from privacy.models import ArchiveJob

    erasure, archive = erasure_ask(owner=life)[0], archive_ask(owner=life)[0]
    for model, job in ((Erasure, erasure), (ArchiveJob, archive)):
        model.objects.update(state="running", failures=3, lease_until="2020-01-01T00:00Z")
        assert jobs_sweep([model]) == ([(Erasure, erasure.pk)] if model is Erasure else [])
        job.refresh_from_db()
    assert (erasure.state, archive.state) == ("queued", "failed")
    assert "without a word" in archive.error


def test_two_workers_do_not_work_on_it_at_once(life):
    from privacy.jobs import job_claim

    erasure, _token = erasure_ask(owner=life)
    assert job_claim(Erasure, erasure.pk) is not None
    assert erasure_execute(job_id=erasure.pk) is None
    assert Persona.objects.exists()


def test_a_queued_training_ends_and_one_that_does_not_hear_is_not_waited_for(life):
    run = TrainingRun.objects.get()
    TrainingRun.objects.create(
        owner=life, persona=run.persona, state="training", base_model="b", lease_until="2999-01-01T00Z"
    )
    erasure, _token = erasure_ask(owner=life)
    assert erasure_execute(job_id=erasure.pk) == erasing.STOP_LOOK_SECONDS
    assert TrainingRun.objects.get(state="training").cancel_requested
    assert done(erasure).receipt["runs_stopped"] == 1
    assert not TrainingRun.objects.exists()


def test_the_plan_tells_what_goes(life):
    plan = erasure_plan(owner=life)
    assert (plan.answers, plan.conversations, plan.versions) == (7, 1, 2)
    assert plan.bytes > 100
    assert plan.elsewhere[0].counts == {"model": 1}


def test_what_is_at_a_provider_is_deleted_there(life, standin):
    at_provider(life, standin)
    receipt = done(erasure_ask(owner=life)[0]).receipt
    assert receipt["deleted_elsewhere"] == {"file": 1, "model": 1}
    assert [left["id"] for left in receipt["left_elsewhere"]] == ["ft:one"]
    told = [seen for seen in standin.requests if seen.method == "DELETE"]
    assert len(told) == 2
    assert not Connection.objects.exists()


def at_provider(owner, standin):
    from tests.training.remote import connect_to

    where = connect_to(standin, owner)
    run = TrainingRun.objects.get()
    TrainingRun.objects.filter(pk=run.pk).update(
        provider="openai_compatible", connection=where, remote={"training_file": "file-abc"}
    )
    PersonaModel.objects.create(
        owner=owner, persona=run.persona, number=3, name="r", base_model="m", format="chat", spoken_name="Ada",
        data_hash="", connection=where, remote_model="ft:two",
    )  # fmt: skip
    return where, "file-abc"


def test_a_provider_that_is_away_is_asked_again_and_then_listed(life, standin):
    at_provider(life, standin)
    standin.stop()
    erasure, _token = erasure_ask(owner=life)
    assert erasure_execute(job_id=erasure.pk) == erasing_elsewhere.AGAIN_SECONDS[0]
    assert Persona.objects.exists()
    receipt = done(erasure).receipt
    assert {left["id"] for left in receipt["left_elsewhere"]} == {"ft:one", "ft:two", "file-abc"}
    assert all(left["why"] for left in receipt["left_elsewhere"])
    assert receipt["deleted_elsewhere"] == {}
    assert tables_with(CANARY) == []


@pytest.mark.django_db(transaction=True)
@pytest.mark.skipif(connection.vendor != "sqlite", reason="of SQLite's file")
def test_no_page_of_the_database_file_holds_a_word(life, settings, tmp_path):
    from pathlib import Path

    file = Path(connection.settings_dict["NAME"])
    here = [file, Path(f"{file}-wal")]
    assert any(CANARY.encode() in each.read_bytes() for each in here if each.exists())
    receipt = done(erasure_ask(owner=life)[0]).receipt
    assert receipt["database_rewritten"] is True
    assert not [each for each in here if each.exists() and CANARY.encode() in each.read_bytes()]


def test_a_wrong_id_is_no_job(db):
    assert erasure_execute(job_id=uuid.uuid4()) is None
