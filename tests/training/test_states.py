"""A run from the click to a version, and every way it can end otherwise."""

import json
import os
import signal
from datetime import timedelta

import pytest
from django.utils import timezone

from questionnaires.services import Refused
from tests.training.conftest import answer
from training.execution import run_execute, run_record
from training.leases import run_claim
from training.models import PersonaModel, RunEvent, TrainingRun
from training.providers.base import Update
from training.services import run_cancel, run_create, run_pause, run_resume, run_retry
from training.sweeping import run_sweep

pytestmark = pytest.mark.django_db


def work(run, **named):
    run_execute(run_id=run.pk, **named)
    run.refresh_from_db()
    return run


def expire(run):
    TrainingRun.objects.filter(pk=run.pk).update(lease_until=timezone.now() - timedelta(seconds=1))


def test_a_run_becomes_the_current_version(run, fake):
    work(run)
    assert (run.state, run.percent, run.lease_until, run.items) == ("ready", 100, None, 12)
    version = run.version
    assert (version.number, version.is_current, version.spoken_name) == (1, True, "Ada")
    assert version.name.startswith("ada-quick-2")
    assert version.figures["validation_loss"] == 0.5
    assert (version.folder / "adapter_model.safetensors").read_bytes() == b"weights"
    assert version.data_hash == run.data_hash != ""
    assert not (run.folder / "checkpoints").exists()


def test_every_event_is_recorded_once_and_in_order(run, fake):
    work(run)
    lines = [json.loads(line) for line in (run.folder / "progress.jsonl").read_text().splitlines()]
    events = RunEvent.objects.filter(run=run)
    assert [event.data for event in events] == lines
    assert [event.number for event in events] == list(range(1, len(lines) + 1))


def test_a_second_training_is_the_next_version_and_current(author, fake):
    for _ in range(2):
        work(run_create(persona=author, recipe="quick")[0])
    assert list(PersonaModel.objects.values_list("number", "is_current")) == [(2, True), (1, False)]


def test_the_data_set_is_frozen(run, fake, author):
    fake(steps=4, at=2, exit=1)
    work(run)
    first = run.data_hash
    answer(author, 3, start=50)
    fake()
    run_retry(run=run)
    assert (work(run).state, run.items, run.data_hash) == ("ready", 12, first)


def test_fewer_than_ten_answers_are_refused_with_how_many_are_missing(persona):
    answer(persona, 8)
    with pytest.raises(Refused, match="Answer 2 more"):
        run_create(persona=persona, recipe="quick")
    assert not TrainingRun.objects.exists()


@pytest.mark.parametrize("wrong", [{"recipe": "slow"}, {"recipe": "quick", "format": "yaml"}])
def test_an_unknown_recipe_or_format_is_refused(author, wrong):
    with pytest.raises(Refused, match="Choose"):
        run_create(persona=author, **wrong)


def test_a_second_click_finds_the_first_run(run, author):
    assert run_create(persona=author, recipe="thorough") == (run, False)


def test_a_message_that_comes_again_does_nothing(run, fake):
    work(run)
    events = RunEvent.objects.count()
    for _ in range(5):
        work(run)
    assert (RunEvent.objects.count(), PersonaModel.objects.count(), run.fence) == (events, 1, 1)


@pytest.mark.parametrize(
    ("code", "sentence", "resumable"), [(2, "Row 3 is empty.", False), (4, "It repeats itself.", False), (5, "", True)]
)
def test_a_failure_ends_with_the_trainers_sentence(run, fake, code, sentence, resumable):
    fake(at=2, exit=code, message=sentence)
    work(run)
    assert (run.state, run.resumable, run.failures) == ("failed", resumable, 1)
    assert run.error == sentence or (not sentence and "disk is full" in run.error)
    assert not PersonaModel.objects.exists()


def test_a_rejected_model_is_tried_again_as_a_new_run_with_another_seed(run, fake):
    fake(at=2, exit=4, message="It repeats itself.")
    second = run_retry(run=work(run))
    assert (second.pk != run.pk, second.seed) == (True, run.seed + 1)


def test_a_stop_of_the_worker_queues_the_run_and_counts_no_failure(run, fake):
    fake(steps=500)
    work(run, should_pause=lambda: RunEvent.objects.filter(run=run, kind="step").count() > 3)
    assert (run.state, run.failures, run.lease_until) == ("queued", 0, None)
    stopped_at = run.step
    fake(steps=stopped_at + 5)
    assert run_sweep() == [run.pk]
    work(run)
    assert (run.state, run.version.figures["first_step"]) == ("ready", stopped_at + 1)


def test_a_killed_trainer_is_tried_again_and_goes_on_from_its_checkpoint(run, fake):
    fake(steps=500)

    def kill() -> bool:
        if RunEvent.objects.filter(run=run, kind="checkpoint").count() > 1:
            os.kill(int((run.folder / "pid").read_text()), signal.SIGKILL)
        return False

    work(run, should_pause=kill)
    assert (run.state, run.failures) == ("queued", 1)
    assert run.not_before > timezone.now()
    assert run_sweep() == []  # not yet
    TrainingRun.objects.filter(pk=run.pk).update(not_before=timezone.now())
    fake(steps=run.step + 5)
    work(run)
    assert run.state == "ready"
    assert run.version.figures["first_step"] > 2


def test_a_trainer_that_is_killed_three_times_is_given_up(run, fake):
    fake(steps=500)

    def kill() -> bool:
        os.kill(int((run.folder / "pid").read_text()), signal.SIGKILL) if (run.folder / "pid").exists() else None
        return False

    for _ in range(3):
        TrainingRun.objects.filter(pk=run.pk).update(not_before=None)
        (run.folder / "pid").unlink(missing_ok=True)
        work(run, should_pause=kill)
    assert (run.state, run.failures) == ("failed", 3)
    assert "from outside" in run.error


@pytest.mark.parametrize("limit", [0.17, 0.1])  # GB: the first leaves time for a checkpoint, the second does not
def test_a_trainer_that_outgrows_its_memory_is_ended_and_at_last_given_up_with_a_sentence(run, fake, settings, limit):
    settings.TRAINING_MEMORY_GB = limit
    fake(steps=500, bytes=180_000_000)
    for failures in (1, 2, 3):
        TrainingRun.objects.filter(pk=run.pk).update(not_before=None)
        assert work(run).failures == failures
    assert (run.state, run.resumable) == ("failed", True)
    assert "TRAINING_MEMORY_GB" in run.error
    assert (run.folder / "checkpoints" / "step").exists() == (limit == 0.17)


def test_a_check_on_the_way_does_not_look_like_the_last_one(run):
    claim = run_claim(run_id=run.pk)
    step = {"event": "step", "step": 3, "total_steps": 6}
    for events, state in [
        (({"event": "state", "state": "training"}, step), "training"),
        (({"event": "state", "state": "evaluating"},), "training"),
        (({**step, "step": 6}, {"event": "state", "state": "evaluating"}), "evaluating"),
        (({"event": "state", "state": "publishing"},), "evaluating"),
    ]:
        run_record(claim=claim, update=Update(events=events, cursor="1"))
        assert claim.run.state == state


def test_cancel_stops_the_trainer_and_keeps_the_checkpoint(run, fake):
    fake(steps=500)

    def cancel() -> bool:
        if RunEvent.objects.filter(run=run, kind="step").count() > 2:
            run_cancel(run=TrainingRun.objects.get(pk=run.pk))
        return False

    work(run, should_pause=cancel)
    assert (run.state, run.cancel_requested) == ("cancelled", True)
    assert (run.folder / "checkpoints" / "step").exists()
    run_retry(run=run)
    fake(steps=run.step + 3)
    assert work(run).state == "ready"
    assert run.version.figures["first_step"] > 2


def test_a_trainer_that_ignores_the_stop_is_killed(run, fake, monkeypatch):
    monkeypatch.setattr("training.providers.local.STOP_SECONDS", 0.3)
    fake(steps=5000, ignore_term=True)
    work(run, should_pause=lambda: RunEvent.objects.filter(run=run, kind="step").exists())
    assert run.state == "queued"
    with pytest.raises(ProcessLookupError):
        os.kill(int((run.folder / "pid").read_text()), 0)


def test_cancel_of_a_queued_run_is_immediate(run, fake):
    run_cancel(run=run)
    assert (run.state, work(run).state) == ("cancelled", "cancelled")
    assert not run.folder.exists()


def test_a_finished_run_cannot_be_tried_again(run, fake):
    with pytest.raises(Refused, match="has not failed"):
        run_retry(run=work(run))


def test_retry_waits_for_another_active_run(run, fake, author):
    run_cancel(run=run)
    run_create(persona=author, recipe="quick")
    with pytest.raises(Refused, match="Another training"):
        run_retry(run=run)


def test_pause_rests_with_the_checkpoint_and_resume_goes_on(run, fake, author):
    fake(steps=500)

    def pause() -> bool:
        if RunEvent.objects.filter(run=run, kind="step").count() > 2 and not run.pause_requested:
            run_pause(run=run)
        return False

    work(run, should_pause=pause)
    assert (run.state, run.failures, run.lease_until, run.is_active) == ("paused", 0, None, True)
    assert (run.folder / "checkpoints" / "step").exists()
    assert run_sweep() == []
    assert work(run).state == "paused"  # a late message
    assert run_create(persona=author, recipe="quick") == (run, False)
    stopped_at = run.step
    run_resume(run=run)
    assert (run.state, run_sweep()) == ("queued", [run.pk])
    fake(steps=stopped_at + 3)
    assert work(run).state == "ready"
    assert run.version.figures["first_step"] == stopped_at + 1


def test_a_queued_run_is_paused_and_resumed_at_once(run, fake):
    run_pause(run=run)
    assert (run.state, run_sweep(), work(run).state) == ("paused", [], "paused")
    with pytest.raises(Refused, match="not under way"):
        run_pause(run=run)
    run_resume(run=run)
    assert work(run).state == "ready"
    for refuse in (run_pause, run_resume):
        with pytest.raises(Refused):
            refuse(run=run)


def test_a_paused_run_can_be_cancelled(run):
    run_pause(run=run)
    run_cancel(run=run)
    assert run.state == "cancelled"


def test_a_pause_whose_worker_was_lost_rests(run):
    run_claim(run_id=run.pk)
    run_pause(run=run)
    assert run.state == "queued"
    expire(run)
    assert run_sweep() == []
    run.refresh_from_db()
    assert (run.state, run.failures) == ("paused", 1)


def test_a_pause_that_is_taken_back_before_it_took_effect_goes_on(run, fake):
    claim = run_claim(run_id=run.pk)
    run_pause(run=run)
    run_resume(run=run)
    assert (run.pause_requested, run.fence) == (False, claim.fence)


def test_mended_settings_are_a_new_run(run, fake):
    fake(at=2, exit=1)
    work(run)
    fake()
    again = run_retry(run=run, overrides={"epochs": 2})
    assert (again.pk != run.pk, again.overrides) == (True, {"epochs": 2})
    work(again)
    assert json.loads((again.folder / "job.json").read_text())["overrides"] == {"epochs": 2}
