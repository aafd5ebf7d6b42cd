"""What leaves this computer: who is named, which bytes are shown, and that nothing goes without a yes to them."""

import hashlib
import re
import uuid

import pytest
from django.urls import reverse

from questionnaires.models import Answer
from tests.training.conftest import answer
from tests.training.remote import MODEL, connect_to, look_until
from training.models import TrainingRun

pytestmark = pytest.mark.django_db


@pytest.fixture
def connection(owner, standin):
    return connect_to(standin, owner)


@pytest.fixture
def choice(connection):
    return {"where": str(connection.pk), "model": MODEL, "recipe": "quick"}


def page_of(visitor, persona, choice):
    return visitor.get(reverse("consent", args=(persona.pk,)), choice)


def agreed(page):
    """The form as a browser would send it, with the box ticked."""
    fields = dict(re.findall(r'<input type="hidden" name="(\w+)" value="([^"]*)"', page))
    fields.pop("csrfmiddlewaretoken", None)
    return fields | {"consent": "yes"}


def start(visitor, persona, fields):
    return visitor.post(reverse("run_start", args=(persona.pk,)), fields)


def test_the_start_leads_to_the_page_that_asks(author, visitor, choice, no_broker):
    reply = start(visitor, author, choice)
    assert reply.status_code == 302
    assert reply["Location"].startswith(reverse("consent", args=(author.pk,)))
    assert (TrainingRun.objects.count(), no_broker) == (0, [])


def test_the_page_names_who_gets_what_and_shows_the_bytes(author, visitor, choice, standin):
    page = page_of(visitor, author, choice).content.decode()
    assert f"This goes to 127.0.0.1:{standin.port}" in page
    assert "When you chat with this version" in page
    assert "11 rows, to learn from" in page
    assert "2 rows, kept aside" in page
    assert "door number" in page
    assert standin.requests == []


def test_the_downloads_are_the_files_and_have_the_checksum_shown(author, visitor, choice):
    page = page_of(visitor, author, choice).content.decode()
    shown = re.search(r"[0-9a-f]{64}", page)[0]
    files = [
        visitor.get(reverse("consent_file", args=(author.pk, name)), choice)
        for name in ("train.jsonl", "validation.jsonl")
    ]
    assert hashlib.sha256(b"".join(file.content + b"\0" for file in files)).hexdigest() == shown
    assert 'attachment; filename="ada-train.jsonl"' in files[0]["Content-Disposition"]
    assert visitor.get(reverse("consent_file", args=(author.pk, "job.json")), choice).status_code == 404


def test_what_was_shown_is_what_is_sent_and_the_yes_is_kept(author, visitor, choice, standin, no_broker):
    page = page_of(visitor, author, choice).content.decode()
    download = visitor.get(reverse("consent_file", args=(author.pk, "train.jsonl")), choice).content
    assert start(visitor, author, agreed(page)).status_code == 302
    run = TrainingRun.objects.get()
    assert run.consent["to"] == f"127.0.0.1:{standin.port}"
    assert run.consent["at"].startswith("20")
    assert run.estimate["money"][0] > 0
    assert run.overrides == {"epochs": 3}
    look_until(run, {"ready"})
    assert run.data_hash == run.consent["sha256"]
    uploads = [seen.body["file"][1] for seen in standin.requests if seen.operation == "files.create"]
    assert download in uploads
    assert standin.wrong_keys == []


def test_without_the_tick_the_page_asks_again(author, visitor, choice):
    fields = agreed(page_of(visitor, author, choice).content.decode())
    for consent in ({}, {"consent": ""}, {"consent": "no"}):
        reply = start(visitor, author, {**fields, "consent": "", **consent})
        assert reply["Location"].startswith(reverse("consent", args=(author.pk,)))
    assert not TrainingRun.objects.exists()


def test_an_answer_changed_after_the_look_is_refused(author, visitor, choice):
    fields = agreed(page_of(visitor, author, choice).content.decode())
    Answer.objects.filter(persona=author).update(text="Something quite different from what was shown before.")
    answer(author, 2, start=20)
    reply = start(visitor, author, fields)
    assert reply.status_code in {400, 409}
    assert "fault" in reply.content.decode()
    assert not TrainingRun.objects.exists()


def test_an_answer_changed_before_the_worker_begins_is_refused(author, visitor, choice, standin):
    start(visitor, author, agreed(page_of(visitor, author, choice).content.decode()))
    answer(author, 2, start=20)
    run = look_until(TrainingRun.objects.get(), {"failed"})
    assert "Your answers changed after you looked" in run.error
    assert standin.count("files.create") == 0


def test_a_link_cannot_tick_the_box(author, visitor, choice):
    page = page_of(visitor, author, choice | {"consent": "yes", "sha256": "0" * 64}).content.decode()
    assert 'name="consent" value="yes" required' in page
    assert page.count('name="consent"') == 1
    assert f'value="{"0" * 64}"' not in page


def test_a_training_here_has_nothing_to_agree_to(author, visitor):
    assert page_of(visitor, author, {}).status_code == 404


def test_a_strangers_connection_is_not_found(author, visitor, stranger, standin):
    theirs = connect_to(standin, stranger)
    for where in (str(theirs.pk), str(uuid.uuid4()), "x"):
        assert page_of(visitor, author, {"where": where}).status_code == 404
        assert start(visitor, author, {"where": where}).status_code == 404
        assert visitor.get(reverse("train", args=(author.pk,)), {"where": where}).status_code == 404


def test_too_few_answers_are_told_before_anything_is_shown(persona, visitor, choice):
    answer(persona, 4)
    reply = start(visitor, persona, choice)
    assert reply.status_code == 400
    assert "At least 10 answers" in reply.content.decode()


def test_a_provider_without_a_named_model_is_a_sentence(author, visitor, owner, standin):
    nameless = connect_to(standin, owner, preset="other")
    reply = start(visitor, author, {"where": str(nameless.pk)})
    assert reply.status_code == 400
    assert "Name a base model" in reply.content.decode()


def test_without_scripts_a_button_reckons_anew_and_keeps_what_was_typed(author, visitor, choice):
    reply = start(visitor, author, choice | {"recipe": "thorough", "epochs": "99", "reckon": "yes"})
    assert reply["Location"].startswith(reverse("train", args=(author.pk,)) + "?where=")
    page = visitor.get(reply["Location"]).content.decode()
    assert 'value="99"' in page
    assert "must be a whole number from 1 to 20" in page
    assert 'value="thorough" checked' in page
    assert not TrainingRun.objects.exists()
