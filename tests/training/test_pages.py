"""The training room in a browser's eyes: what each page says, to whom, and by which method."""

import re
import uuid

import pytest
from django.urls import reverse

from questionnaires.models import Answer
from tests.training.conftest import answer
from training.execution import run_execute
from training.models import PersonaModel, RunEvent, TrainingRun
from training.services import run_create

pytestmark = pytest.mark.django_db


@pytest.fixture
def finished(run, fake):
    run_execute(run_id=run.pk)
    run.refresh_from_db()
    return run


def address(name, run, *more):
    return reverse(name, args=(run.persona_id, *more))


def every_address(run):
    """(name, method, address) of each page of the room."""
    yield "train", "get", address("train", run)
    yield "run_start", "post", address("run_start", run)
    yield "speed_trial", "post", address("speed_trial", run)
    yield "consent", "get", address("consent", run)
    yield "consent_file", "get", address("consent_file", run, "train.jsonl")
    yield "run", "get", address("run", run, run.pk)
    yield "run_events", "get", address("run_events", run, run.pk)
    yield "run_cancel", "post", address("run_cancel", run, run.pk)
    yield "run_retry", "post", address("run_retry", run, run.pk)
    yield "run_pause", "post", address("run_pause", run, run.pk)
    yield "run_resume", "post", address("run_resume", run, run.pk)
    yield "run_submit_again", "post", address("run_submit_again", run, run.pk)
    yield "version_import", "get", address("version_import", run)
    yield "version", "get", address("version", run, run.pk)
    yield "version_compare", "get", f"{address('version_compare', run, run.pk)}?with={run.pk}"
    for name in ("version_current", "version_archive", "version_notes", "version_deployment", "version_delete"):
        yield name, "post", address(name, run, run.pk)
    yield "version_export", "post", address("version_export", run, run.pk, "peft")
    yield "version_export_file", "get", address("version_export_file", run, run.pk, "peft")


def test_this_test_knows_every_address(finished):
    from training.urls import urlpatterns

    ours = {pattern.name for pattern in urlpatterns if "persona_id" in pattern.pattern.converters}
    assert {name for name, _method, _address in every_address(finished)} == ours


def test_a_stranger_finds_nothing(finished, stranger, client_of):
    browser = client_of(stranger)
    for name, method, where in every_address(finished):
        assert getattr(browser, method)(where).status_code == 404, name
    assert PersonaModel.objects.count() == 1


def test_nobody_without_a_session_comes_in(finished, client):
    for name, method, where in every_address(finished):
        assert getattr(client, method)(where).status_code == 302, name


def test_the_wrong_method_is_refused(finished, visitor):
    for name, method, where in every_address(finished):
        if name not in {"version_delete", "version_import"}:
            wrong = visitor.get if method == "post" else visitor.post
            assert wrong(where).status_code == 405, name
    assert visitor.put(address("version_delete", finished, finished.pk)).status_code == 405


def test_a_run_of_another_persona_is_not_found(finished, visitor, owner):
    from questionnaires.services import persona_create

    other = persona_create(owner=owner, name="Bea")
    assert visitor.get(reverse("run", args=(other.pk, finished.pk))).status_code == 404
    assert visitor.get(reverse("run", args=(finished.persona_id, uuid.uuid4()))).status_code == 404


def test_the_start_panel_says_rows_tokens_time_and_that_nothing_leaves(author, visitor):
    page = visitor.get(reverse("train", args=(author.pk,))).content.decode()
    assert "Train with 12 answers" in page
    assert re.search(r"Time</dt><dd>\d+ to \d+ s, roughly", page)
    assert re.search(r"Learned from</dt><dd>77 rows", page)
    assert re.search(r"\(validation\)</dt><dd>2 rows", page)
    assert re.search(r"\(tokens\)</dt><dd>about [\d,]+, an estimate", page)
    assert re.search(r"Leaves this computer</dt><dd>nothing", page)


def test_too_few_answers_show_what_to_do_instead_of_a_button(persona, visitor):
    answer(persona, 4)
    page = visitor.get(reverse("train", args=(persona.pk,))).content.decode()
    assert "Answer 6 more" in page
    assert "Start training" not in page
    assert reverse("data", args=(persona.pk,)) in page


def test_start_with_too_few_answers_is_refused_with_the_sentence(persona, visitor):
    reply = visitor.post(reverse("run_start", args=(persona.pk,)))
    assert reply.status_code == 400
    assert "At least 10 answers" in reply.content.decode()


def test_a_double_click_starts_one_run_and_rings_once(author, visitor, no_broker):
    replies = [visitor.post(reverse("run_start", args=(author.pk,)), {"recipe": "thorough"}) for _ in range(2)]
    run = TrainingRun.objects.get()
    assert {reply["Location"] for reply in replies} == {address("run", run, run.pk)}
    assert no_broker == [("training.tasks.run_train", str(run.pk))]
    assert (run.recipe, run.format) == ("thorough", "chat")


def test_a_start_without_a_broker_is_queued_all_the_same(author, visitor, monkeypatch):
    from training import tasks

    monkeypatch.setattr(tasks, "_publish", lambda *_, **__: False)
    assert visitor.post(reverse("run_start", args=(author.pk,))).status_code == 302
    assert TrainingRun.objects.get().last_enqueued_at is None


def test_a_failed_run_shows_its_sentence_and_a_way_on(run, fake, visitor):
    fake(steps=6, at=4, exit=5, message="The disk is full: make room.")
    run_execute(run_id=run.pk)
    page = visitor.get(address("run", run, run.pk)).content.decode()
    assert "The disk is full: make room." in page
    assert "Go on near step 4" in page
    assert visitor.post(address("run_retry", run, run.pk)).status_code == 302
    run.refresh_from_db()
    assert (run.state, run.error) == ("queued", "")


def test_the_watch_page_of_a_ready_run_shows_figures_samples_and_the_way_to_chat(finished, visitor):
    page = visitor.get(address("run", finished, finished.pk)).content.decode()
    assert "Chat with it" in page
    assert re.search(r"<title>Ready", page)
    sample = RunEvent.objects.filter(run=finished, kind="sample").first().data
    assert f"It was asked: {sample['question']}" in page
    assert "Reply 2" in page
    assert sample["expected"] in page
    assert "uPlot.iife.min.js" in page


def test_what_a_person_wrote_is_escaped(author, fake, visitor):
    Answer.objects.filter(persona=author).update(text="<script>alert(1)</script> is what I say to everyone I meet.")
    for number, row in enumerate(Answer.objects.filter(persona=author)):
        Answer.objects.filter(pk=row.pk).update(text=row.text + f" Number {number}, {'abcdefghijkl'[number] * 5}.")
    run = run_create(persona=author, recipe="quick")[0]
    run_execute(run_id=run.pk)
    page = visitor.get(address("run", run, run.pk)).content.decode()
    assert "&lt;script&gt;alert" in page
    assert "<script>alert" not in page
    news = visitor.get(address("run_events", run, run.pk)).json()
    assert "&lt;script&gt;alert" in news["parts"]["samples"]
    assert "<script>alert" not in news["parts"]["samples"]


def test_polling_tells_only_what_is_new(finished, visitor):
    where = address("run_events", finished, finished.pk)
    news = visitor.get(where, {"after": 0, "state": "queued"}).json()
    assert [point[0] for point in news["training"]] == [1, 2, 3, 4, 5, 6]
    assert [point[0] for point in news["validation"]] == [2, 4, 6]
    assert (news["active"], news["state"]) == (False, "ready")
    assert news["title"] == "Ready · Training · Ada"
    assert "Chat with it" in news["parts"]["head"]
    again = visitor.get(where, {"after": news["last"], "state": "ready"}).json()
    assert (again["training"], again["validation"], list(again["parts"])) == ([], [], ["status"])


@pytest.mark.parametrize("after", ["-1", "x", "1e9", "9" * 30, "٣"])
def test_polling_with_nonsense_is_not_found(run, visitor, after):
    assert visitor.get(address("run_events", run, run.pk), {"after": after}).status_code == 404


def test_cancel_by_its_button(run, visitor):
    assert visitor.post(address("run_cancel", run, run.pk)).status_code == 302
    run.refresh_from_db()
    assert run.state == "cancelled"


def test_retry_of_a_ready_run_says_why_not(finished, visitor):
    reply = visitor.post(address("run_retry", finished, finished.pk), follow=True)
    assert "nothing to try again" in reply.content.decode()


def test_versions_can_be_chosen_and_deleted_with_their_files(author, fake, visitor):
    runs = [run_create(persona=author, recipe="quick")[0]]
    run_execute(run_id=runs[0].pk)
    runs.append(run_create(persona=author, recipe="quick")[0])
    run_execute(run_id=runs[1].pk)
    page = visitor.get(reverse("train", args=(author.pk,))).content.decode()
    assert "Version 2" in page
    assert page.count("in use") == 1
    visitor.post(address("version_current", runs[0], runs[0].pk))
    assert PersonaModel.objects.get(is_current=True).number == 1


def test_deleting_asks_first_and_hands_over_to_the_newest(author, fake, visitor, django_capture_on_commit_callbacks):
    for _ in range(2):
        run = run_create(persona=author, recipe="quick")[0]
        run_execute(run_id=run.pk)
    version = PersonaModel.objects.get(is_current=True)
    where = address("version_delete", run, version.pk)
    assert "Delete version 2?" in visitor.get(where).content.decode()
    assert version.folder.exists()
    with django_capture_on_commit_callbacks(execute=True):
        visitor.post(where)
    assert not version.folder.exists()
    assert PersonaModel.objects.get().is_current
    assert visitor.get(address("run", run, run.pk)).status_code == 200


def test_every_page_says_that_a_training_ended_until_its_own_was_opened(run, fake, visitor):
    work_page = reverse("write", args=[run.persona_id])
    run_execute(run_id=run.pk)
    address = reverse("run", args=[run.persona_id, run.pk])
    assert f'href="{address}"' in visitor.get(work_page, follow=True).content.decode()
    visitor.get(address)
    assert f'href="{address}"' not in visitor.get(work_page, follow=True).content.decode()
