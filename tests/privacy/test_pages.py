"""A person's own data in the browser."""

import json
import os
import uuid

import pytest
from asgiref.sync import async_to_sync
from django.urls import reverse

from accounts.audit import audit_record, events_about
from privacy.archives import archive_execute, archives_expire, leftovers_remove
from privacy.erasing import erasure_execute
from privacy.jobs import jobs_sweep
from privacy.models import ArchiveJob, Erasure, Retention
from questionnaires.models import Persona
from tests.privacy.whole_life import CANARY, lead_a_life

pytestmark = pytest.mark.django_db


@pytest.fixture
def life(owner, bank, settings):
    lead_a_life(owner, settings)
    return owner


def page(visitor, name="privacy", *args) -> str:
    return visitor.get(reverse(name, args=args)).content.decode()


def made(visitor) -> ArchiveJob:
    visitor.post(reverse("archive_make"))
    job = ArchiveJob.objects.latest("created_at")
    archive_execute(job_id=job.pk)
    job.refresh_from_db()
    return job


def downloaded(visitor, job) -> bytes:
    response = visitor.get(reverse("archive_file", args=[job.pk]))

    async def collect():
        return b"".join([piece async for piece in response.streaming_content])

    return async_to_sync(collect)()


def test_an_archive_is_asked_for_made_and_downloaded(life, visitor, rung):
    visitor.post(reverse("archive_make"))
    visitor.post(reverse("archive_make"))
    job = ArchiveJob.objects.get()
    assert rung == [("privacy.tasks.work", "ArchiveJob", str(job.pk))]
    assert "is being made" in page(visitor)
    archive_execute(job_id=job.pk)
    job.refresh_from_db()
    assert (job.state, job.error) == ("done", "")
    assert reverse("archive_file", args=[job.pk]) in page(visitor)
    content = downloaded(visitor, job)
    assert len(content) == job.size
    assert content == job.file.read_bytes()
    assert "archive-downloaded" in [event.action for event in events_about(subject=life)]


def test_an_archive_is_its_owners_alone(life, visitor, stranger, client_of):
    job = made(visitor)
    other = client_of(stranger)
    for name in ("archive_file", "archive_cancel", "archive_delete"):
        address = reverse(name, args=[job.pk])
        assert other.get(address).status_code in {404, 405}
        assert other.post(address).status_code in {404, 405}
    assert job.file.is_file()


def test_a_cancelled_archive_leaves_nothing(life, visitor):
    visitor.post(reverse("archive_make"))
    job = ArchiveJob.objects.get()
    visitor.post(reverse("archive_cancel", args=[job.pk]))
    archive_execute(job_id=job.pk)
    job.refresh_from_db()
    assert job.state == "cancelled"
    assert not list(job.file.parent.glob("*"))


def test_an_archive_that_is_deleted_while_it_is_made_leaves_nothing(life, visitor, monkeypatch):
    """The worker finds out when it is done."""
    from privacy import archives

    visitor.post(reverse("archive_make"))
    job = ArchiveJob.objects.get()
    real = archives.archive_write

    def slow(**values):
        written = real(**values)
        ArchiveJob.objects.all().delete()
        return written

    monkeypatch.setattr(archives, "archive_write", slow)
    archive_execute(job_id=job.pk)
    assert not list(job.file.parent.glob("*"))


def test_an_archive_whose_worker_was_lost_is_made_by_the_next(life, visitor, monkeypatch):
    from privacy import archive_writing

    visitor.post(reverse("archive_make"))
    job = ArchiveJob.objects.get()
    with monkeypatch.context() as patch, pytest.raises(MemoryError):
        patch.setattr(archive_writing, "_files", lambda owner: [("files/x", job.file)])
        patch.setattr(archive_writing, "_pieces_in", lambda path: 1)
        patch.setattr(archive_writing, "_pieces", lambda path: (_ for _ in ()).throw(MemoryError))
        archive_execute(job_id=job.pk)
    assert not list(job.file.parent.glob("*"))
    archive_execute(job_id=job.pk)  # its lease still runs
    assert not job.file.exists()
    ArchiveJob.objects.update(lease_until="2020-01-01T00:00Z")
    jobs_sweep([ArchiveJob])
    archive_execute(job_id=job.pk)
    job.refresh_from_db()
    assert job.state == "done"
    assert job.file.stat().st_size == job.size


def test_an_archive_whose_week_is_over_goes(life, visitor):
    job = made(visitor)
    ArchiveJob.objects.update(expires_at="2020-01-01T00:00Z")
    assert archives_expire() == 1
    assert not job.file.exists()
    assert not ArchiveJob.objects.exists()


def test_among_several_machines_the_archive_comes_from_the_store(life, visitor, settings, tmp_path):
    settings.STORAGE_URL = f"file://{tmp_path}/store"
    job = made(visitor)
    content = job.file.read_bytes()
    job.file.unlink()  # made on another machine
    assert downloaded(visitor, job) == content
    assert not list(job.file.parent.glob("*"))
    visitor.post(reverse("archive_delete", args=[job.pk]))
    assert not list((tmp_path / "store").rglob("*.zip"))
    assert visitor.get(reverse("archive_file", args=[job.pk])).status_code == 404


def test_what_no_row_knows_goes_and_what_waits_stays(life, visitor):
    job = made(visitor)
    folder = job.file.parent
    for name in ("checked-1-new.zip", "checked-1-old.zip", f"{uuid.uuid4()}.zip"):
        (folder / name).write_bytes(b"x")
    os.utime(folder / "checked-1-old.zip", (1, 1))
    os.utime(job.file, (1, 1))
    leftovers_remove()
    assert {path.name for path in folder.iterdir()} == {job.file.name, "checked-1-new.zip"}


def test_an_archive_is_looked_at_and_then_brought_in(life, visitor, stranger, client_of, tmp_path):
    (tmp_path / "a.zip").write_bytes(downloaded(visitor, made(visitor)))
    other = client_of(stranger)
    with (tmp_path / "a.zip").open("rb") as file:
        look = other.post(reverse("archive_import"), {"file": file})
    assert look.status_code == 200
    assert "answers" in look.content.decode()
    assert not Persona.objects.filter(owner=stranger).exists()
    other.post(reverse("archive_import_confirm", args=[look.context["upload_id"]]))
    archive_execute(job_id=ArchiveJob.objects.get(owner=stranger).pk)
    assert Persona.objects.get(owner=stranger).name.startswith("Ada")
    assert "brought in" in page(other)


def test_a_file_that_is_no_archive_is_refused_with_a_sentence(visitor, owner, tmp_path):
    (tmp_path / "a.zip").write_bytes(b"no zip")
    with (tmp_path / "a.zip").open("rb") as file:
        response = visitor.post(reverse("archive_import"), {"file": file})
    assert response.status_code == 400
    assert "no archive that can be read" in response.content.decode()
    assert visitor.post(reverse("archive_import")).status_code == 400


def test_deleting_wants_the_word_and_ends_in_a_receipt(life, visitor, client, settings):
    settings.SIGN_UP = "open"
    assert "What goes here" in page(visitor, "erase")
    wrong = visitor.post(reverse("erase"), {"name": "no"})
    assert wrong.status_code == 400
    assert not Erasure.objects.exists()
    response = visitor.post(reverse("erase"), {"name": life.username})
    assert "being deleted" in client.get(response.url).content.decode()
    erasure = Erasure.objects.get()
    for _look in range(6):
        Erasure.objects.update(not_before=None)
        erasure_execute(job_id=erasure.pk)
    text = client.get(response.url).content.decode()
    assert "It is deleted" in text
    assert CANARY not in text
    receipt = json.loads(client.get(f"{response.url}json/").content)
    assert receipt["rows"]["questionnaires.Persona"] == 1
    assert "Rows deleted here" in client.get(f"{response.url}txt/").content.decode()
    assert client.get(reverse("receipt", args=["x" * 43])).status_code == 404


def test_one_portrait_is_deleted_by_its_name(life, visitor, rung):
    persona = Persona.objects.get()
    address = reverse("persona_erase", args=[persona.pk])
    assert address in page(visitor, "personas")
    assert visitor.post(address, {"name": "Bob"}).status_code == 400
    response = visitor.post(address, {"name": persona.name})
    assert response.status_code == 302
    assert rung[-1][:2] == ("privacy.tasks.work", "Erasure")


def test_how_long_things_are_kept_is_the_persons_choice(visitor, owner):
    assert not Retention.objects.exists()
    visitor.post(reverse("retention"), {"conversations": "90", "revisions": "", "frozen_rows": "365"})
    assert Retention.objects.get().as_days() == {"conversations": 90, "revisions": None, "frozen_rows": 365}
    assert '<option value="90" selected>' in page(visitor)
    visitor.post(reverse("retention"), {"conversations": "1"})
    assert Retention.objects.get().conversations == 90


def test_the_trail_shows_a_person_their_own_acts_alone(visitor, owner, stranger, client_of):
    audit_record(action="share-made", actor=owner, target="share:1")
    assert "Shared a portrait" in page(visitor, "audit_trail")
    assert "Shared a portrait" not in page(client_of(stranger), "audit_trail")


def test_whoever_runs_the_site_sees_what_was_done_to_accounts(visitor, owner, stranger, client_of):
    audit_record(action="share-made", actor=stranger)
    audit_record(action="account-closed", actor=owner, subject=stranger)
    assert client_of(stranger).get(reverse("people_trail")).status_code == 404
    owner.is_staff = True
    owner.save()
    text = page(visitor, "people_trail")
    assert "Account closed" in text
    assert "Shared a portrait" not in text
