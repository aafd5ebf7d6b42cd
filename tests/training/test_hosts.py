"""Machines that train: which queue a run rings in, who listens, and what is said where nobody can carry it."""

from datetime import timedelta

import pytest
from django.urls import reverse
from django.utils import timezone

from training import tasks
from training.hosts import host_announce, hosts_live, memory_needed, nobody_serves, queue_of, queues_of
from training.local_models import why_not
from training.models import TrainingHost
from training.services import run_create

pytestmark = pytest.mark.django_db
SMALL, LARGE = "smollm2-135m-instruct", "HuggingFaceTB/SmolLM2-1.7B-Instruct"


def host(name, gigabytes, age=0):
    seen = timezone.now() - timedelta(seconds=age)
    memory = int(gigabytes * 1e9)
    TrainingHost.objects.create(name=name, memory_bytes=memory, queues=queues_of(memory), seen_at=seen)


@pytest.fixture
def large(author):
    return run_create(persona=author, recipe="quick", base_model=LARGE)[0]


def test_a_machine_listens_to_all_that_it_can_carry():
    assert queues_of(2 * 10**9) == ["train"]
    assert queues_of(7 * 10**9) == ["train", "train-5", "train-6", "train-7"]
    assert queues_of(17 * 10**9)[-1] == "train-16"


def test_what_every_machine_can_carry_rings_for_all(run):
    assert memory_needed(SMALL) < 4e9
    assert queue_of(run) == "train"


def test_a_large_model_rings_for_those_with_the_memory(large, no_broker, monkeypatch):
    host("small", 4)
    host("large", 32)
    rung = []
    monkeypatch.setattr(tasks, "_publish", lambda task, *_, queue="", **__: rung.append((task.name, queue)) or True)
    assert tasks.enqueue(large.pk)
    assert rung == [("training.tasks.run_train", "train-7")]


def test_a_machine_between_two_steps_still_gets_what_it_can_carry(large):
    host("between", memory_needed(LARGE) / 1e9 + 0.01)
    assert queue_of(large) == "train-6"
    assert nobody_serves(large) == ""


def test_a_run_that_nobody_can_carry_says_so(large, visitor):
    host("small", 4)
    page = visitor.get(reverse("run", args=(large.persona_id, large.pk))).content.decode()
    assert "No machine here has the memory for this base model (about 6.9 GB; the largest offers 4.0 GB)" in page


def test_a_site_whose_trainers_are_all_gone_says_so(run, visitor):
    host("gone", 16, age=3600)
    page = visitor.get(reverse("run", args=(run.persona_id, run.pk))).content.decode()
    assert "No machine that trains is there now" in page


def test_what_another_machine_can_carry_is_on_offer(settings):
    settings.TRAINING_MEMORY_GB, settings.HOST_NAME = 3.0, "web1"
    assert "a training may use" in why_not(LARGE)
    host("web1", 64)  # this one, in other days
    assert why_not(LARGE)
    host("large", 32)
    assert why_not(LARGE) == ""


def test_where_somebody_listens_nothing_is_said(run, large):
    host("one", 16)
    assert nobody_serves(run) == nobody_serves(large) == ""


def test_a_worker_announces_its_machine_again_and_again(settings):
    settings.HOST_NAME, settings.TRAINING_MEMORY_GB = "here", 6.0
    assert host_announce() and host_announce()
    [here] = hosts_live()
    assert (here.name, here.memory_bytes, here.queues) == ("here", 6_000_000_000, ["train", "train-5", "train-6"])


def test_the_worker_that_trains_listens_to_them_too(settings):
    """And no other one: a look at Celery's own table of queues."""
    from celery import Celery

    settings.TRAINING_MEMORY_GB = 6.0
    for asked, heard in (("train", {"train", "train-5", "train-6"}), ("io", {"io"})):
        app = Celery("t", set_as_current=False)
        app.amqp.queues.select([asked])
        tasks.listen_to_what_fits(instance=type("Worker", (), {"app": app}))
        assert set(app.amqp.queues.consume_from) == heard
