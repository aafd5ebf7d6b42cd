"""`manage.py train`: what it prints, and how it fails."""

import json

import pytest
from django.core.management import CommandError, call_command

from tests.training.conftest import answer, in_background, wait_for
from tests.training.remote import MODEL, connect_to
from training.connections import host_of
from training.execution import run_execute
from training.models import TrainingRun


def train(capsys, *flags):
    call_command("train", "--persona", "ada", *flags)
    return capsys.readouterr().out


@pytest.mark.django_db
def test_here_trains_without_a_broker_and_prints_the_figures(author, fake, capsys, no_broker):
    out = train(capsys, "--here")
    assert "Ready: ada-quick-2" in out
    assert "validation_loss: 0.5" in out
    assert no_broker == []


@pytest.mark.django_db
def test_json_is_one_object(author, fake, capsys):
    figures = json.loads(train(capsys, "--here", "--json"))
    assert (figures["state"], figures["number"], figures["answers"]) == ("ready", 1, 12)
    assert figures["figures"]["steps"] == 6


@pytest.mark.django_db
def test_without_wait_it_rings_and_returns(author, fake, capsys, no_broker):
    out = train(capsys, "--recipe", "thorough")
    run = TrainingRun.objects.get()
    assert out == f"Queued: {run.pk}.\n"
    assert (no_broker, run.recipe) == ([("training.tasks.run_train", str(run.pk))], "thorough")
    assert "under way already" in train(capsys)


@pytest.mark.django_db(transaction=True)
def test_wait_follows_a_worker(author, fake, capsys):
    fake(steps=60, seconds=0.05)
    waiting = in_background(call_command, "train", "--persona", "ada", "--wait")
    run = wait_for(TrainingRun.objects.first)
    run_execute(run_id=run.pk)
    waiting.join(10)
    out = capsys.readouterr().out
    assert "training: " in out
    assert "Ready: ada-quick-2" in out


@pytest.mark.django_db
def test_a_failure_is_one_sentence(author, fake):
    fake(at=2, exit=4, message="It repeats itself.")
    with pytest.raises(CommandError, match=r"^It repeats itself\.$"):
        call_command("train", "--persona", "ada", "--here")


@pytest.mark.django_db
def test_too_few_answers_are_one_sentence(persona):
    answer(persona, 3)
    with pytest.raises(CommandError, match="Answer 7 more"):
        call_command("train", "--persona", "ada", "--here")
    assert not TrainingRun.objects.exists()


@pytest.mark.django_db
def test_an_unknown_persona_is_one_sentence(author):
    with pytest.raises(CommandError, match="no persona “Bob”"):
        call_command("train", "--persona", "Bob")


@pytest.mark.django_db
def test_no_worker_is_one_sentence(author, fake, monkeypatch):
    monkeypatch.setattr("training.management.commands.train.PATIENCE_SECONDS", 0.0)
    monkeypatch.setattr("training.management.commands.train.LOOK_SECONDS", 0.01)
    with pytest.raises(CommandError, match="--here"):
        call_command("train", "--persona", "ada", "--wait")


@pytest.mark.django_db
def test_another_base_model_and_number_of_passes_are_taken(author, fake, capsys):
    train(capsys, "--model", "somebody/some-model", "--epochs", "2")
    run = TrainingRun.objects.get()
    assert (run.base_model, run.overrides) == ("somebody/some-model", {"epochs": 2})
    assert run.estimate["epochs"] == 2


@pytest.mark.django_db
def test_a_wrong_option_is_one_sentence(author, fake):
    with pytest.raises(CommandError, match="whole number from 1 to 20"):
        call_command("train", "--persona", "ada", "--epochs", "many")
    with pytest.raises(CommandError, match="There is no folder /nowhere/at/all"):
        call_command("train", "--persona", "ada", "--model", "/nowhere/at/all")
    with pytest.raises(CommandError, match=r"There is no connection “x”\. There are: none yet"):
        call_command("train", "--persona", "ada", "--connection", "x")


@pytest.mark.django_db
def test_a_provider_gets_nothing_before_it_was_named_in_a_yes(author, owner, standin, capsys):
    connection = connect_to(standin, owner)
    flags = ("--connection", "stand-in", "--model", MODEL)
    with pytest.raises(CommandError, match=r"would get 13 rows \(.*If you agree, add --agree 127\.0\.0\.1"):
        train(capsys, *flags, "--agree", "another.example")
    assert (TrainingRun.objects.count(), standin.requests) == (0, [])
    train(capsys, *flags, "--agree", host_of(connection))
    run = TrainingRun.objects.get()
    assert (run.connection, run.consent["to"]) == (connection, host_of(connection))
