"""One job a run, whatever is lost on the way: dropped answers, killed workers, second thoughts."""

from datetime import timedelta

import pytest
from django.utils import timezone

from questionnaires.services import Refused
from tests.training.conftest import in_background
from tests.training.remote import connect_to, look, look_until, remote_run
from training.execution import run_execute
from training.leases import LeaseLost
from training.models import TrainingRun
from training.services import run_cancel, run_submit_again
from training.sweeping import run_sweep

pytestmark = pytest.mark.django_db
LIFE_SAVING = ("drop", {}), ("status", {"status": 500}), ("status", {"status": 409}), ("garbage", {})


@pytest.fixture
def run(author, standin, owner):
    return remote_run(author, connect_to(standin, owner))


@pytest.fixture
def at_once(monkeypatch):
    """All looks for a lost answer are due immediately."""
    monkeypatch.setattr("training.providers.remote_submission.LOOKS", (0.0,) * 5)


def lose_worker(run):
    """What a kill leaves behind, as the sweep finds it when the lease is over."""
    TrainingRun.objects.filter(pk=run.pk).update(lease_until=timezone.now() - timedelta(seconds=1))
    return run_sweep()


def wait_in(run):
    return (run.not_before - timezone.now()).total_seconds()


@pytest.mark.parametrize(("what", "how"), LIFE_SAVING)
def test_an_answer_that_is_lost_after_the_provider_accepted_is_found_again(run, standin, what, how):
    standin.tell("jobs.create", what, after=True, **how)
    look(run)
    assert (run.state, run.remote_id, len(standin.jobs)) == ("validating", standin.jobs[0].id, 1)
    look_until(run, {"ready"})
    assert standin.count("jobs.create") == 1


@pytest.mark.parametrize(("what", "how"), LIFE_SAVING)
def test_a_request_that_never_arrived_is_looked_for_and_then_asked_about(run, standin, what, how, monkeypatch):
    standin.tell("jobs.create", what, **how)
    look(run)
    waits = [round(wait_in(run))]
    since = run.remote["unsure_since"]
    for moment in (31, 121, 601):
        monkeypatch.setattr("time.time", lambda moment=moment: since + moment)
        look(run)
        assert (run.state, run.remote["stage"]) == ("unsure", "unsure")
        waits.append(round(wait_in(run)))
    assert waits == [30, 89, 479, 299]
    with pytest.raises(Refused, match="still being asked"):
        run_submit_again(run=run)
    monkeypatch.setattr("time.time", lambda: since + 901)
    look(run)
    assert (run.state, run.remote["stage"], standin.jobs) == ("unsure", "ask", [])
    assert "start it again or cancel it" in run.remote["trouble"]
    assert standin.count("jobs.create") == 1
    monkeypatch.undo()
    run_submit_again(run=run)
    look_until(run, {"ready"})
    assert (len(standin.jobs), standin.count("files.create")) == (1, 2)


def test_without_metadata_a_job_is_found_by_its_file(author, standin, owner):
    standin.account.models["m"] = "system"
    run = remote_run(author, connect_to(standin, owner, preset="nebius"), base_model="m")
    standin.tell("jobs.create", "drop", after=True)
    assert look(run).remote_id == standin.jobs[0].id
    assert not standin.jobs[0].body.get("metadata")


def test_a_look_that_fails_is_no_look(run, standin, at_once):
    standin.tell("jobs.create", "drop")
    standin.tell("jobs.list", "status", status=503, skip=1, times=7)
    for _number in range(7):
        look(run)
        assert (run.state, run.remote["stage"], run.remote["looks"]) == ("unsure", "unsure", 0)
    look(run, times=5)
    assert run.remote["stage"] == "ask"


def test_of_two_jobs_the_oldest_stays_and_the_other_is_cancelled(run, standin):
    def twice():
        job = standin.jobs[-1]
        standin.account.add_job(job.body).created_at += 10

    standin.tell("jobs.create", "call", after=True, call=twice)
    standin.tell("jobs.create", "drop", after=True)
    look_until(run, {"ready"})
    assert [job.status for job in standin.jobs] == ["succeeded", "cancelled"]
    assert run.remote_id == standin.jobs[0].id


def test_a_job_that_appears_after_the_second_submission_is_cancelled(run, standin, at_once):
    standin.tell("jobs.create", "drop")
    look(run, times=5)
    run_submit_again(run=run)
    look(run)
    late = standin.account.add_job({**standin.jobs[0].body})
    late.status = "queued"
    look_until(run, {"ready"})
    assert (standin.jobs[0].status, late.status) == ("succeeded", "cancelled")


def test_a_job_that_appears_while_the_person_is_asked_is_adopted(run, standin, at_once):
    standin.tell("jobs.create", "drop")
    look(run, times=5)
    assert run.remote["stage"] == "ask"
    body = {"model": run.base_model, "training_file": run.remote["training_file"], "metadata": {"run": str(run.pk)}}
    standin.account.add_job(body)
    look_until(run, {"ready"})
    assert len(standin.jobs) == 1


def test_cancel_while_an_answer_is_missing_looks_to_the_end(run, standin, monkeypatch):
    standin.tell("jobs.create", "drop")
    look(run)
    run_cancel(run=run)
    assert (run.state, run_sweep()) == ("unsure", [run.pk])
    assert look(run).state == "unsure"
    body = {"model": run.base_model, "training_file": run.remote["training_file"], "metadata": {"run": str(run.pk)}}
    late = standin.account.add_job(body)
    assert look(run).state == "cancelled"
    assert late.status == "cancelled"


def test_cancel_after_the_last_look_is_the_end(run, standin, at_once):
    standin.tell("jobs.create", "drop")
    look(run, times=5)
    run_cancel(run=run)
    assert (look(run).state, "own page" in run.error) == ("cancelled", True)


def test_a_worker_that_lost_its_lease_asks_for_nothing(run, standin, monkeypatch):
    """Stopped after it announced the request, and continued when the run was somebody else's."""
    from training import execution

    real = execution.run_record

    def record(*, claim, update):
        real(claim=claim, update=update)
        if (update.remote or {}).get("stage") == "submitting":
            lose_worker(run)

    monkeypatch.setattr(execution, "run_record", record)
    look(run)
    assert (standin.count("jobs.create"), run.lease_until, run.remote["stage"]) == (0, None, "submitting")


class Killed(BaseException):
    """kill -9 as far as the code can tell: nothing catches it."""


@pytest.fixture
def boundaries(monkeypatch):
    """Counts the boundaries of a submission, before and after each request and each commit, and dies at one."""
    from training import execution
    from training.providers.openai_compatible import Api

    state = {"at": 0, "die_at": -1}

    def tick():
        state["at"] += 1
        if state["at"] == state["die_at"]:
            raise Killed

    def wrap(owner, name):
        real = getattr(owner, name)

        def wrapped(*arguments, **named):
            tick()
            found = real(*arguments, **named)
            found = list(found) if hasattr(found, "__next__") else found
            tick()
            return iter(found) if isinstance(found, list) else found

        monkeypatch.setattr(owner, name, wrapped)

    for name in ("upload", "files", "create_job", "jobs", "job"):
        wrap(Api, name)
    wrap(execution, "run_record")
    return state


@pytest.mark.slow
def test_a_kill_at_every_boundary_leaves_one_job_and_loses_none(author, standin, owner, boundaries, at_once):
    connection = connect_to(standin, owner)
    first = remote_run(author, connection)
    look(first)
    count = boundaries["at"]
    look_until(first, {"ready"})
    asked = []
    for point in range(1, count + 1):
        made = len(standin.jobs)
        run = remote_run(author, connection)
        boundaries.update(at=0, die_at=point)
        with pytest.raises(Killed):
            look(run)
        boundaries["die_at"] = -1
        assert lose_worker(run) == [run.pk]
        look(run, times=5)
        if run.remote.get("stage") == "ask":
            asked.append(point)
            run_submit_again(run=run)
        look_until(run, {"ready"})
        assert len(standin.jobs) == made + 1, point
    print(f"{count} points; the person was asked at {asked}")
    assert count >= 24
    assert len(asked) == 2  # committed "submitting", and just before the request


def test_a_lost_worker_never_fails_a_run_that_has_a_job(run, standin):
    from training.leases import run_claim

    look(run, times=2)
    for _number in range(5):
        TrainingRun.objects.filter(pk=run.pk).update(not_before=None)
        assert run_claim(run_id=run.pk)
        assert lose_worker(run) == [run.pk]
    run.refresh_from_db()
    assert (run.state, run.failures) == ("training", 0)
    look_until(run, {"ready"})
    assert len(standin.jobs) == 1


def test_a_write_after_the_lease_is_refused(run, standin):
    from training.leases import run_claim

    old = run_claim(run_id=run.pk)
    lose_worker(run)
    with pytest.raises(LeaseLost):
        old.write(remote_id="ftjob-of-a-ghost")


@pytest.mark.django_db(transaction=True)
def test_the_same_message_five_times_at_once_asks_once(author, standin, owner):
    run = remote_run(author, connect_to(standin, owner))
    standin.tell("files.list", "delay", seconds=0.3)
    for thread in [in_background(run_execute, run_id=run.pk) for _number in range(5)]:
        thread.join(30)
    run.refresh_from_db()
    assert (run.state, run.fence, standin.count("jobs.create")) == ("validating", 1, 1)
