"""A training at a provider: from the click to a version, every state, every ending."""

import pytest
from django.urls import reverse

from questionnaires.services import Refused
from tests.training.conftest import answer
from tests.training.remote import MODEL, connect_to, consent_to, look, look_until, remote_run
from training.models import PersonaModel, RunEvent, TrainingRun
from training.services import run_cancel, run_create, run_pause, run_resume, run_retry
from training.sweeping import run_sweep

pytestmark = pytest.mark.django_db


@pytest.fixture
def connection(standin, owner):
    return connect_to(standin, owner)


@pytest.fixture
def run(author, connection):
    return remote_run(author, connection)


def events(run, kind):
    return list(RunEvent.objects.filter(run=run, kind=kind).values_list("data", flat=True))


def test_a_run_becomes_a_version_at_its_provider(run, standin, connection):
    states = []
    while run.is_active:
        look(run)
        states.append(run.state)
    assert states == ["validating", "training", "training", "training", "evaluating", "ready"]
    version = run.version
    assert version.remote_model == standin.jobs[0].fine_tuned_model
    assert (version.connection, version.is_current, version.folder.exists()) == (connection, True, False)
    assert version.figures == {
        "steps": 6,
        "provider_job": run.remote_id,
        "seconds": version.figures["seconds"],
        "training_loss": 0.5,
        "validation_loss": 0.5333,
        "token_accuracy": 0.5,
        "trained_tokens": 12345,
        "cost": 0.0617,
        "currency": "USD",
        "checkpoint": f"{version.remote_model}:ckpt-step-6",
        "result_files": run.remote["result_files"],
    }
    assert (len(standin.jobs), standin.complaints, standin.wrong_keys) == (1, [], [])


def test_what_is_asked_for(run, standin):
    look(run)
    (job,) = standin.jobs
    assert job.body["model"] == MODEL
    assert job.body["metadata"] == {"run": str(run.pk)}
    assert job.body["method"] == {"type": "supervised", "supervised": {"hyperparameters": {"n_epochs": 3}}}
    assert (job.body["suffix"], job.body["seed"]) == ("ada-quick", 0)
    files = {file.id: file for file in standin.account.files.values()}
    sent = files[job.body["training_file"]].content, files[job.body["validation_file"]].content
    assert sent == tuple((run.folder / name).read_bytes() for name in ("train.jsonl", "validation.jsonl"))
    assert all(str(run.pk) in file.filename for file in files.values())


def test_other_words_of_another_provider(author, standin, owner):
    nebius = connect_to(standin, owner, preset="nebius")
    standin.account.models["meta-llama/Llama-3.1-8B-Instruct"] = "system"
    run = remote_run(
        author,
        nebius,
        base_model="meta-llama/Llama-3.1-8B-Instruct",
        overrides={"epochs": 2, "learning_rate": 1e-4, "learning_rate_multiplier": 2, "rank": 8},
    )
    look(run)
    hyperparameters = standin.jobs[0].body.get("hyperparameters") or standin.jobs[0].body["method"]["supervised"]
    assert "1e-05" not in str(hyperparameters)
    assert "0.0001" in str(hyperparameters)
    assert "multiplier" not in str(hyperparameters)
    assert look_until(run, {"ready"}).version.remote_model


@pytest.mark.parametrize(
    "habits",
    [{"repeat"}, {"reorder"}, {"lose"}, {"oldest first"}, {"repeat", "reorder", "lose"}],
    ids=lambda habits: " ".join(sorted(habits)),
)
def test_every_event_is_recorded_once_whatever_the_server_does(run, standin, habits):
    standin.habits.events = frozenset(habits)
    look_until(run, {"ready"})
    steps = [event["step"] for event in events(run, "step")]
    assert sorted(steps) == [1, 2, 3, 4, 5, 6]
    if "lose" not in habits:
        assert steps == sorted(steps)
    messages = [event["message"] for event in events(run, "log")]
    assert len(messages) == len(set(messages)) == 4
    assert (run.step, run.total_steps) == (6, 6)


def test_a_server_that_ignores_after_is_no_endless_loop(run, standin):
    standin.habits.ignores_after, standin.habits.steps, standin.habits.steps_a_look = True, 150, 150
    look_until(run, {"ready"})
    assert len(events(run, "step")) > 90


def test_old_pages_of_events_are_not_fetched_again(run, standin):
    standin.habits.steps, standin.habits.steps_a_look = 420, 400
    look(run, times=3)
    before = standin.count("jobs.list_events")
    look(run)
    assert (standin.count("jobs.list_events") - before, run.step) == (1, 420)
    look_until(run, {"ready"})
    assert len(events(run, "step")) == 420


@pytest.mark.parametrize("encoded", [False, True])
def test_curves_come_from_the_result_file_where_events_have_none(run, standin, encoded):
    standin.habits.metrics_in_events, standin.habits.base64_results = False, encoded
    look_until(run, {"ready"})
    assert [event["step"] for event in events(run, "step")] == [1, 2, 3, 4, 5, 6]
    assert [event["loss"] for event in events(run, "validation")] == [1.6, 0.8, 0.5333]
    assert run.version.figures["validation_loss"] == 0.5333


def test_an_unknown_status_is_kept_raw_and_ends_nothing(run, standin):
    standin.habits.hold, standin.habits.odd_status = "running", "thinking_hard"
    look(run, times=3)
    assert (run.is_active, run.remote["raw_status"]) == (True, "thinking_hard")
    standin.habits.hold = standin.habits.odd_status = ""
    look_until(run, {"ready"})


def test_a_model_that_waits_for_its_deployment_has_its_checkpoints_name(run, standin):
    standin.habits.names_model = False
    look_until(run, {"ready"})
    assert run.version.remote_model.endswith(":ckpt-step-6")


def test_looks_become_rarer_while_nothing_happens(run, standin):
    standin.habits.hold = "queued"
    paces = [look(run).remote["pace"] for _number in range(9)]
    assert paces[:2] == [5.0, 7.5]
    assert paces == sorted(paces)
    assert paces[-1] == 60.0
    standin.habits.hold = ""
    assert look(run).remote["pace"] == 5.0


def test_without_consent_nothing_leaves(author, connection, standin):
    for consent in ({}, {"to": "api.example.com"}):
        with pytest.raises(Refused, match="agreed that 127"):
            run_create(persona=author, recipe="quick", connection=connection, base_model=MODEL, consent=consent)
    with pytest.raises(Refused, match="changed after you looked"):
        stale = consent_to(connection, author)
        answer(author, 1, start=40)
        run_create(persona=author, recipe="quick", connection=connection, base_model=MODEL, consent=stale)
    assert (TrainingRun.objects.count(), standin.requests) == (0, [])


def test_answers_that_change_between_the_click_and_the_start_do_not_leave(run, author, standin):
    answer(author, 1, start=40)
    look(run)
    assert (run.state, "changed after you looked" in run.error, standin.requests) == ("failed", True, [])


def test_a_format_or_a_size_that_the_provider_does_not_take_is_refused(author, connection, monkeypatch):
    with pytest.raises(Refused, match="does not take the format “marker”"):
        remote_run(author, connection, format="marker")
    with pytest.raises(Refused, match="base model"):
        remote_run(author, connection, base_model="")
    monkeypatch.setattr("training.services.preset_of", lambda _connection: _preset(least_examples=500))
    with pytest.raises(Refused, match="at least 500 examples"):
        remote_run(author, connection)


def _preset(**changes):
    from dataclasses import replace

    from training.providers.presets import presets

    return replace(presets()["openai"], **changes)


@pytest.mark.parametrize(
    ("told", "sentence"),
    [
        ({"status": 401}, "does not accept the key"),
        ({"status": 403, "code": "training_not_available"}, "Train on this computer, or choose another"),
        ({"status": 404, "message": "No such model."}, "“No such model.”"),
        ({"status": 400, "message": "Line 7 is odd."}, "“Line 7 is odd.”"),
        ({"status": 422, "message": "Line 7 is odd."}, "“Line 7 is odd.”"),
        ({"status": 429, "code": "insufficient_quota"}, "no credit left"),
    ],
)
def test_a_refusal_ends_the_run_with_its_sentence_and_no_doubt(run, standin, told, sentence):
    standin.tell("jobs.create", "status", **told)
    look(run)
    assert (run.state, run.remote["stage"]) == ("failed", "uploading")
    assert sentence in run.error
    assert told.get("message", "") in [event["message"] for event in events(run, "log")][-1]
    assert standin.jobs == []


def test_a_mended_refusal_goes_on_with_the_uploaded_files(run, standin):
    standin.tell("jobs.create", "status", status=401)
    assert look(run).state == "failed"
    again = run_retry(run=run)
    look_until(again, {"ready"})
    assert (again.pk, standin.count("files.create"), len(standin.jobs)) == (run.pk, 2, 1)


def test_too_many_requests_are_waited_out_as_long_as_the_provider_says(run, standin):
    from django.utils import timezone

    standin.tell("jobs.create", "status", status=429, headers={"retry-after": "40"}, times=2)
    look(run)
    assert (run.state, run.failures) == ("queued", 1)
    assert 35 < (run.not_before - timezone.now()).total_seconds() <= 40
    look_until(run, {"ready"})
    assert len(standin.jobs) == 1


def test_a_provider_that_is_away_is_given_up_after_three_tries_with_a_sentence(run, standin):
    standin.stop()
    look(run, times=3)
    assert (run.state, run.failures, run.resumable) == ("failed", 3, True)
    assert "cannot be reached" in run.error


def test_a_provider_that_is_away_while_its_job_runs_ends_nothing(run, standin):
    look(run, times=3)
    standin.stop()
    for _number in range(6):
        look(run)
        assert (run.is_active, run.failures, "cannot be reached" in run.remote["trouble"]) == (True, 0, True)
    standin.start()
    look_until(run, {"ready"})
    assert run.remote["trouble"] == ""


def test_a_key_that_was_revoked_while_its_job_runs_can_be_mended(run, standin, connection):
    from training.connections import Fields, connection_update

    look(run, times=2)
    standin.key = "sk-another-0123456789"
    look(run)
    assert (run.is_active, "does not accept the key" in run.remote["trouble"]) == (True, True)
    connection_update(connection=connection, fields=Fields("Stand-in", connection.base_url, standin.key))
    look_until(run, {"ready"})


def test_a_failed_job_says_why_and_is_tried_again_as_a_new_one(run, standin):
    standin.habits.outcome = "failed"
    standin.habits.failure = {"code": "server_error", "message": "The cluster fell over.", "param": None}
    look_until(run, {"failed"})
    assert "The cluster fell over." in run.error
    assert "The cluster fell over." in [event["message"] for event in events(run, "log")]
    standin.habits.outcome = "succeeded"
    again = run_retry(run=run, overrides={"epochs": 1})
    look_until(again, {"ready"})
    assert (again.pk != run.pk, again.seed, len(standin.jobs)) == (True, run.seed, 2)
    assert again.version.remote_model == standin.jobs[1].fine_tuned_model


def test_a_job_that_is_cancelled_there_is_cancelled_here(run, standin):
    look(run, times=2)
    standin.account.finish(standin.jobs[0], "cancelled")
    look(run)
    assert (run.state, "cancelled at the provider" in run.error) == ("cancelled", True)


def test_a_job_that_vanished_there_fails_with_a_sentence(run, standin, monkeypatch):
    look(run, times=2)
    standin.account.jobs.clear()
    assert look(run).is_active  # it may be too young to be known everywhere
    monkeypatch.setattr("training.providers.remote_polling.GRACE_SECONDS", -1)
    look(run)
    assert (run.state, "does not know" in run.error) == ("failed", True)


def test_cancel_reaches_the_provider(run, standin):
    look(run, times=3)
    run_cancel(run=run)
    assert (run.state, run.cancel_requested) == ("training", True)
    look(run)
    assert (run.state, standin.jobs[0].status) == ("cancelled", "cancelled")
    assert run_sweep() == []


def test_cancel_waits_for_no_appointment(run, standin):
    from training.execution import run_execute

    look(run, times=3)
    run_cancel(run=run)
    TrainingRun.objects.filter(pk=run.pk).update(not_before="2100-01-01T00:00Z")  # a look that ended just after
    assert run_sweep() == [run.pk]
    run_execute(run_id=run.pk)
    run.refresh_from_db()
    assert run.state == "cancelled"


def test_a_persona_is_not_deleted_under_a_training_that_is_paid_for(run, author, standin, visitor):
    address = reverse("persona_delete", args=[author.pk])
    look(run, times=3)
    shown = visitor.post(address, {"name": author.name}, follow=True).content.decode()
    assert "Cancel it first" in shown
    assert TrainingRun.objects.get().is_active
    run_cancel(run=run)
    look(run)
    visitor.post(address, {"name": author.name})
    assert not TrainingRun.objects.exists()


def test_cancel_before_anything_was_sent_sends_nothing(run, standin):
    run_cancel(run=run)
    assert (look(run).state, standin.requests) == ("cancelled", [])


def test_a_cancel_that_came_too_late_keeps_what_was_paid_for(run, standin):
    look(run, times=2)
    standin.account.finish(standin.jobs[0], "succeeded")
    run_cancel(run=run)
    look(run)
    assert (run.state, PersonaModel.objects.count()) == ("ready", 1)


def test_cancel_waits_for_a_provider_that_is_away(run, standin):
    look(run, times=2)
    standin.stop()
    run_cancel(run=run)
    assert look(run).is_active
    standin.start()
    assert look(run).state == "cancelled"


def test_pause_and_resume_at_the_provider(run, standin):
    look(run, times=3)
    run_pause(run=run)
    look_until(run, {"paused"})
    assert (standin.jobs[0].status, run.lease_until, run_sweep()) == ("paused", None, [])
    looks = standin.count("jobs.retrieve")
    look(run)  # a late message
    assert standin.count("jobs.retrieve") == looks
    run_resume(run=run)
    assert run_sweep() == [run.pk]
    look_until(run, {"ready"})
    assert standin.count("jobs.resume") == 1


def test_a_job_that_the_provider_paused_is_looked_at_further(run, standin):
    look(run, times=3)
    standin.jobs[0].status = "paused"
    assert look(run).state == "paused"
    standin.jobs[0].status = "running"
    look_until(run, {"ready"})


def test_a_paused_run_can_be_cancelled(run, standin):
    look(run, times=3)
    run_pause(run=run)
    look_until(run, {"paused"})
    run_cancel(run=run)
    assert (look(run).state, standin.jobs[0].status) == ("cancelled", "cancelled")


def test_a_provider_that_cannot_pause_says_so(author, standin, owner):
    standin.account.models["m"] = "system"
    run = remote_run(author, connect_to(standin, owner, preset="nebius"), base_model="m")
    look(run, times=2)
    with pytest.raises(Refused, match="cannot pause"):
        run_pause(run=run)


def test_remote_runs_ring_another_bell(run, author, no_broker):
    from training import tasks

    tasks.enqueue(run.pk)
    assert no_broker == [("training.tasks.run_remote", str(run.pk))]
    tasks.run_remote(str(run.pk))
    assert no_broker[1:] == [("training.tasks.run_remote", str(run.pk))]  # it rings for the next look itself


def test_a_lost_folder_does_not_touch_a_job_that_runs(run, author, standin):
    import shutil

    look(run, times=2)
    shutil.rmtree(run.folder)
    answer(author, 1, start=40)
    look_until(run, {"ready"})
    assert len(standin.jobs) == 1


def test_what_no_database_keeps_is_made_harmless(run, standin):
    standin.habits.hold = "running"
    look(run, times=3)
    job = standin.jobs[0]
    standin.account.tell(job, "A NUL \0 and half a pair \ud800.")
    standin.account.tell(job, "Step", "metrics", step=-3, total_steps=10**30, train_loss=float("nan"), valid_loss=1.0)
    job.events[-1]["created_at"] = "2026-11-23T05:00:00Z"
    standin.habits.hold = ""
    look_until(run, {"ready"})
    assert "A NUL \ufffd and half a pair \ufffd." in [event["message"] for event in events(run, "log")]


def test_a_provider_that_lists_nothing_can_still_train(run, standin):
    for operation in ("files.list", "jobs.list"):
        standin.tell(operation, "status", status=404, times=-1)
    look_until(run, {"ready"})
    assert len(standin.jobs) == 1


def test_no_key_is_written_anywhere(run, standin, caplog, connection):
    caplog.set_level("DEBUG")
    standin.tell("jobs.retrieve", "status", status=500)
    look_until(run, {"ready"})
    rows = [*TrainingRun.objects.values(), *RunEvent.objects.values(), *PersonaModel.objects.values()]
    assert standin.key not in repr(rows) + caplog.text + repr(vars(connection))
    files = [path.read_bytes() for path in run.folder.rglob("*") if path.is_file()]
    assert not any(standin.key.encode() in content for content in files)


def test_a_key_goes_to_its_own_provider_only(author, standin, owner, monkeypatch):
    from tests.provider_standin import Standin

    with Standin(key="sk-other-account-0123") as other:
        monkeypatch.setenv("OPENAI_BASE_URL", other.base_url)
        monkeypatch.setenv("OPENAI_API_KEY", "sk-stray")
        first = remote_run(author, connect_to(standin, owner))
        look_until(first, {"ready"})
        second = remote_run(author, connect_to(other, owner))
        look_until(second, {"ready"})
        assert (standin.wrong_keys, other.wrong_keys) == ([], [])
        assert (len(standin.jobs), len(other.jobs)) == (1, 1)
