"""One worker a run: claims, fences, the sweep, and what a lost worker leaves behind."""

import sys
from datetime import timedelta

import pytest
from django.utils import timezone

from tests.training.conftest import FAKE, in_background, wait_for
from training.execution import run_execute, run_record
from training.leases import LeaseLost, run_claim
from training.models import PersonaModel, RunEvent, TrainingRun
from training.providers.base import Job, Update, Wish
from training.providers.local import LocalProvider
from training.services import run_cancel, run_create
from training.sweeping import run_sweep
from training.versions import published_folder, version_publish


def expire(run, **fields):
    TrainingRun.objects.filter(pk=run.pk).update(lease_until=timezone.now() - timedelta(seconds=1), **fields)


@pytest.mark.django_db
def test_one_claim_wins(run):
    assert run_claim(run_id=run.pk) is not None
    assert run_claim(run_id=run.pk) is None


@pytest.mark.django_db
def test_an_old_fence_writes_nothing(run):
    old = run_claim(run_id=run.pk)
    expire(run)
    run_sweep()
    new = run_claim(run_id=run.pk)
    with pytest.raises(LeaseLost):
        run_record(claim=old, update=Update(events=({"event": "step", "step": 9},), cursor="9"))
    assert RunEvent.objects.count() == 0
    run_record(claim=new, update=Update(events=({"event": "step", "step": 2},), cursor="2"))
    run.refresh_from_db()
    assert (run.step, run.cursor, run.fence) == (2, "2", new.fence)


@pytest.mark.django_db
def test_the_sweep_rings_for_what_nobody_rang_for(run):
    assert run_sweep() == [run.pk]
    TrainingRun.objects.update(last_enqueued_at=timezone.now())
    assert run_sweep() == []
    TrainingRun.objects.update(last_enqueued_at=timezone.now() - timedelta(seconds=21))
    assert run_sweep() == [run.pk]


@pytest.mark.django_db
def test_the_sweep_leaves_a_living_lease_alone(run):
    run_claim(run_id=run.pk)
    assert run_sweep() == []


@pytest.mark.django_db
def test_a_run_whose_worker_is_lost_three_times_fails_with_a_sentence(run):
    for round in range(3):
        assert run_claim(run_id=run.pk), round
        expire(run)
        run_sweep()
    run.refresh_from_db()
    assert (run.state, run.failures, run.lease_until) == ("failed", 3, None)
    assert "broke off 3 times" in run.error


@pytest.mark.django_db
def test_a_cancel_that_no_worker_lived_to_see_is_carried_out_by_the_sweep(run):
    run_claim(run_id=run.pk)
    run_cancel(run=run)
    assert run.state == "queued"
    expire(run)
    assert run_sweep() == []
    run.refresh_from_db()
    assert run.state == "cancelled"


@pytest.mark.django_db
def test_the_task_and_the_sweep_call_the_services(run, fake, no_broker):
    from training import tasks

    tasks.sweep()
    assert no_broker == [("training.tasks.run_train", str(run.pk))]
    tasks.run_train(str(run.pk))
    run.refresh_from_db()
    assert run.state == "ready"


@pytest.mark.django_db(transaction=True)
def test_a_lost_lease_ends_the_trainer_and_the_next_worker_goes_on(run, fake):
    fake(steps=5000)
    thread = in_background(run_execute, run_id=run.pk)
    wait_for(lambda: RunEvent.objects.filter(run=run, kind="checkpoint").exists())

    def is_freed():
        expire(run)
        run_sweep()  # unless the living worker renewed its lease in between
        run.refresh_from_db()
        return run.failures == 1

    wait_for(is_freed)
    thread.join(10)
    assert not thread.is_alive()
    assert run.state == "queued"
    fake(steps=run.step + 20)
    run_execute(run_id=run.pk)
    run.refresh_from_db()
    assert run.state == "ready"
    assert run.version.figures["first_step"] > 1


@pytest.mark.django_db(transaction=True)
def test_a_deleted_persona_ends_its_training_and_takes_all_files_along(run, fake, author):
    from questionnaires.services import persona_delete

    fake(steps=5000)
    folder = run.folder
    thread = in_background(run_execute, run_id=run.pk)
    wait_for(lambda: RunEvent.objects.filter(run=run, kind="checkpoint").exists())
    persona_delete(persona=author)
    thread.join(10)
    assert not thread.is_alive()
    assert not TrainingRun.objects.exists()
    assert not folder.exists()


@pytest.mark.django_db(transaction=True)
def test_many_clicks_at_once_make_one_run(author):
    results = []
    threads = [
        in_background(lambda: results.append(run_create(persona=author, recipe="quick"))) for _number in range(8)
    ]
    for thread in threads:
        thread.join(30)
    assert len(results) == 8
    assert len({found.pk for found, _made in results}) == 1
    assert sum(made for _found, made in results) == 1


@pytest.mark.django_db
@pytest.mark.parametrize("crash", ["before the rename", "after the rename"])
def test_a_crash_while_publishing_is_mended_by_the_next_worker(run, fake, crash, monkeypatch):
    name = "_move" if crash == "before the rename" else "_version_create"

    def die(*_, **__):
        raise RuntimeError("power cut")

    with monkeypatch.context() as patched:
        patched.setattr(f"training.versions.{name}", die)
        with pytest.raises(RuntimeError):
            run_execute(run_id=run.pk)
    run.refresh_from_db()
    assert (run.is_active, PersonaModel.objects.count()) == (True, 0)
    assert published_folder(run).exists() == (crash == "after the rename")
    expire(run)
    run_sweep()
    run_execute(run_id=run.pk)
    run.refresh_from_db()
    assert (run.state, run.version.number) == ("ready", 1)


@pytest.mark.django_db
def test_a_result_of_a_lost_claim_is_not_published(run, fake):
    claim = run_claim(run_id=run.pk)
    output = run.folder / "output"
    output.mkdir(parents=True)
    (output / "result.json").write_text("{}")
    expire(run)
    run_sweep()
    with pytest.raises(LeaseLost):
        version_publish(claim=claim)
    assert PersonaModel.objects.count() == 0


def test_two_trainers_never_work_in_one_folder(tmp_path, monkeypatch, settings):
    monkeypatch.setattr("training.providers.local.BUSY_SECONDS", 0.2)
    monkeypatch.setattr("training.providers.local.POLL_SECONDS", 0.02)
    monkeypatch.setenv("FAKE_TRAINER", '{"steps": 5000}')
    (tmp_path / "job.json").write_text('{"samples": []}')
    provider = LocalProvider([sys.executable, str(FAKE)])
    first = provider.follow(Job("1", tmp_path), lambda: Wish.GO_ON)
    next(first)
    with pytest.raises(Exception, match="still ending"):
        list(provider.follow(Job("1", tmp_path), lambda: Wish.GO_ON))
    first.close()
    second = provider.follow(Job("1", tmp_path), lambda: Wish.GO_ON)
    assert next(second).done is False
    second.close()
