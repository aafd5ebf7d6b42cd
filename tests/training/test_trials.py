"""Trying a base model here: what is asked, what is noted, and what stops it."""

import json
import sys
import time

import pytest
from django.urls import reverse

from engine.base_models import DEFAULT_MODEL
from questionnaires.services import Refused
from training import tasks, trials
from training.local_models import why_not
from training.models import SpeedTrial
from training.trials import TrialState, trial_ask, trial_run, trial_state

pytestmark = pytest.mark.django_db
FOUND = {"tokens_per_second": 321.5, "peak_memory_bytes": 1_200_000_000, "dtype": "bfloat16", "machine": "Abacus"}


@pytest.fixture(autouse=True)
def data_dir(settings, tmp_path):
    settings.DATA_DIR = tmp_path
    settings.BASE_DIR_CACHE = tmp_path / "base"


def rehearsal(monkeypatch, script):
    monkeypatch.setattr(trials, "COMMAND", (sys.executable, "-c", script))


def test_what_it_took_is_kept_and_the_note_goes(monkeypatch):
    rehearsal(monkeypatch, f"print({json.dumps(FOUND)!r})")
    trial_ask(base_model=DEFAULT_MODEL)
    assert trial_state(base_model=DEFAULT_MODEL).under_way
    trial_run(base_model=DEFAULT_MODEL)
    trial = SpeedTrial.objects.get()
    assert (trial.tokens_per_second, trial.peak_memory_bytes) == (321.5, 1_200_000_000)
    assert trial.machine == "Abacus, bfloat16"
    assert trial_state(base_model=DEFAULT_MODEL) == TrialState()


def test_a_failure_is_noted_with_its_last_words(monkeypatch):
    rehearsal(monkeypatch, "import sys; print('noise', file=sys.stderr); sys.exit('The hub has no such model.')")
    assert trial_run(base_model=DEFAULT_MODEL) is None
    state = trial_state(base_model=DEFAULT_MODEL)
    assert (state.fault, state.under_way) == ("The hub has no such model.", False)
    assert not SpeedTrial.objects.exists()


def test_one_that_outgrows_its_memory_is_killed_with_a_sentence(monkeypatch, settings):
    settings.TRAINING_MEMORY_GB = 0.05
    rehearsal(monkeypatch, "import time; held = bytearray(200_000_000); time.sleep(60)")
    began = time.monotonic()
    assert trial_run(base_model=DEFAULT_MODEL) is None
    assert time.monotonic() - began < 20
    assert "more than the 0.05 GB" in trial_state(base_model=DEFAULT_MODEL).fault


def test_a_note_that_nobody_ended_does_not_last(monkeypatch):
    trial_ask(base_model=DEFAULT_MODEL)
    monkeypatch.setattr(trials, "LOST_SECONDS", 0.0)
    assert not trial_state(base_model=DEFAULT_MODEL).under_way


def test_a_model_that_is_too_large_is_neither_tried_nor_started(author, visitor, settings):
    settings.TRAINING_MEMORY_GB = 0.5
    assert "a training may use 500 MB here" in why_not(DEFAULT_MODEL)
    with pytest.raises(Refused, match="Choose a smaller one"):
        trial_ask(base_model=DEFAULT_MODEL)
    reply = visitor.post(reverse("run_start", args=(author.pk,)), {"model": DEFAULT_MODEL})
    assert reply.status_code == 400
    assert "a training may use 500 MB here" in reply.content.decode()


def test_a_folder_that_is_not_there_is_a_sentence():
    assert "There is no folder /nowhere/model" in why_not("/nowhere/model")


def test_the_button_rings_the_trainer_and_the_page_says_so(author, visitor, no_broker):
    reply = visitor.post(reverse("speed_trial", args=(author.pk,)), {"model": DEFAULT_MODEL}, follow=True)
    assert no_broker == [("training.tasks.try_speed", DEFAULT_MODEL)]
    assert "Being tried" in reply.content.decode()


def test_without_a_broker_the_page_says_so(author, visitor, monkeypatch):
    monkeypatch.setattr(tasks, "_publish", lambda *_, **__: False)
    reply = visitor.post(reverse("speed_trial", args=(author.pk,)), {"model": DEFAULT_MODEL}, follow=True)
    assert "The worker is away" in reply.content.decode()
    assert not trial_state(base_model=DEFAULT_MODEL).under_way


def test_the_trial_waits_on_the_queue_of_trainings():
    assert tasks.try_speed.queue == "train"
