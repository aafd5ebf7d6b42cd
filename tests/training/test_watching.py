"""What the watch page says in each state of a run, here and at a provider."""

import re
import time
from datetime import timedelta

import pytest
from django.template.loader import render_to_string
from django.urls import reverse
from django.utils import timezone

from tests.training.remote import connect_to, look, remote_run
from training.curves import DRAWN, LISTED, checks_of, listed, points_after, steps_per_epoch
from training.ended import ended_unseen, mark_seen
from training.models import Connection, PersonaModel, RunEvent, TrainingRun
from training.run_words import cost, mend_of, time_left
from training.watching import asked, log_lines, stages

pytestmark = pytest.mark.django_db
State = TrainingRun.State


@pytest.fixture
def connection(owner):
    return Connection.objects.create(owner=owner, preset="openai", name="Mine", base_url="https://api.openai.com/v1")


@pytest.fixture
def remote(run, connection):
    """A run at a provider, as if it had been started there."""

    def make(state, connection=connection, **columns):
        defaults = {
            "provider": "openai_compatible",
            "base_model": "gpt-4.1-mini-2025-04-14",
            "estimate": {"money": [0.12, 0.2], "epochs": 3},
            "consent": {"to": "api.openai.com"},
            "remote": {},
        }
        TrainingRun.objects.filter(pk=run.pk).update(state=state, connection=connection, **(defaults | columns))
        run.refresh_from_db()
        return run

    return make


def write(run, *events):
    first = run.events.count() + 1
    RunEvent.objects.bulk_create(
        RunEvent(owner_id=run.owner_id, run=run, number=number, kind=kind, data={"event": kind, **data})
        for number, (kind, data) in enumerate(events, start=first)
    )


def steps(run, count, total, **more):
    run.total_steps = total
    TrainingRun.objects.filter(pk=run.pk).update(total_steps=total, step=count)
    write(
        run,
        *(
            ("step", {"step": step, "total_steps": total, "loss": 3.0 / step, "at": 1000.0 + 2 * step, **more})
            for step in range(1, count + 1)
        ),
    )


def page_of(visitor, run):
    return visitor.get(reverse("run", args=(run.persona_id, run.pk))).content.decode()


def text_of(page):
    return re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", page))


def buttons_of(page):
    main = page[page.index("<main") :]
    return [words.strip() for words in re.findall(r'class="button[^>]*>([^<]+)<', main)]


PROVIDER = {"raw_status": "running", "accepted_at": 1.0}


@pytest.mark.parametrize(
    ("state", "columns", "says"),
    [
        (State.QUEUED, {}, "Waiting to be sent."),
        (State.UPLOADING, {}, "Your rows are on their way to api.openai.com."),
        (State.UNSURE, {"remote": {"stage": "unsure", "looks": 2}}, "it is not sent twice"),
        (State.UNSURE, {"remote": {"stage": "ask", "looks": 5}}, "It is for you to decide"),
        (State.VALIDATING, {"remote": PROVIDER}, "api.openai.com checks the rows"),
        (State.TRAINING, {"remote": PROVIDER}, "The provider calls the training running"),
        (State.TRAINING, {"remote": {"trouble": "It does not answer."}}, "In the way just now: It does not answer."),
        (State.EVALUATING, {"remote": PROVIDER}, "the results are fetched"),
        (State.PAUSED, {"step": 31, "total_steps": 57}, "It rests after step 31"),
        (State.FAILED, {"error": "The account has no credit left."}, "The account has no credit left."),
        (State.CANCELLED, {"step": 3, "total_steps": 9}, "It came to step 3 of 9."),
    ],
)
def test_each_state_at_a_provider_is_told(remote, visitor, state, columns, says):
    page = text_of(page_of(visitor, remote(state, **columns)))
    assert says in page
    assert "your rows go to api.openai.com" in page


def test_a_look_for_a_lost_answer_tells_how_many_there_were_and_when_the_next_is(remote, visitor):
    again = timezone.now() + timedelta(minutes=5)
    run = remote(State.UNSURE, remote={"stage": "unsure", "looks": 2}, not_before=again)
    assert f"Look 2 of 5 is done; the next is at {timezone.localtime(again):%H:%M:%S}." in text_of(
        page_of(visitor, run)
    )


def test_when_no_look_found_it_there_are_the_providers_page_another_order_and_giving_up(remote, visitor):
    run = remote(State.UNSURE, remote={"stage": "ask", "looks": 5})
    page = page_of(visitor, run)
    assert buttons_of(page) == ["All versions", "Submit again, may cost twice", "Give it up", "Tell me when it is done"]
    assert 'href="https://platform.openai.com/"' in page
    assert visitor.post(reverse("run_submit_again", args=(run.persona_id, run.pk))).status_code == 302
    run.refresh_from_db()
    assert run.state == "queued"


def test_another_order_before_all_looks_are_done_is_refused(remote, visitor):
    run = remote(State.UNSURE, remote={"stage": "unsure", "looks": 2})
    reply = visitor.post(reverse("run_submit_again", args=(run.persona_id, run.pk)), follow=True)
    assert "still being asked" in reply.content.decode()
    run.refresh_from_db()
    assert run.state == "unsure"


@pytest.mark.parametrize(
    ("mend", "button"),
    [("connection", "Open the connection"), ("data", "Mend the data"), ("settings", "Change the settings")],
)
def test_a_failure_has_one_button_of_mend(remote, visitor, mend, button):
    run = remote(State.FAILED, error="Why.", remote={"mend": mend}, data_hash="x")
    page = page_of(visitor, run)
    assert re.findall(r'class="button primary"[^>]*>([^<]+)<', page) == [button]
    assert "Try again" in buttons_of(page)


def test_a_failure_with_no_mend_of_its_own_is_tried_again(remote, visitor):
    page = page_of(visitor, remote(State.FAILED, error="Why.", remote={"mend": "retry"}))
    assert re.findall(r'class="button primary"[^>]*>([^<]+)<', page) == ["Try again"]


def test_a_connection_that_was_deleted_cannot_be_opened(remote, visitor):
    run = remote(State.FAILED, connection=None, error="Why.", remote={"mend": "connection"})
    assert mend_of(run) == "settings"
    assert "a connection that was deleted" in page_of(visitor, run)


def test_rows_that_were_not_agreed_to_are_looked_at_again(remote):
    assert mend_of(remote(State.FAILED, remote={"mend": "data"}, data_hash="")) == "settings"


def test_pause_and_going_on(run, visitor, no_broker):
    assert "Pause" in buttons_of(page_of(visitor, run))
    visitor.post(reverse("run_pause", args=(run.persona_id, run.pk)))
    run.refresh_from_db()
    assert run.state == "paused"
    page = page_of(visitor, run)
    assert buttons_of(page)[:2] == ["Go on", "Cancel"]
    assert "It rests before its first step." in page
    visitor.post(reverse("run_resume", args=(run.persona_id, run.pk)))
    run.refresh_from_db()
    assert run.state == "queued"
    assert no_broker[-1] == ("training.tasks.run_train", str(run.pk))


def test_a_provider_that_cannot_pause_has_no_such_button(remote, owner, visitor):
    nebius = Connection.objects.create(owner=owner, preset="nebius", name="Other", base_url="https://example.com/v1")
    page = page_of(visitor, remote(State.TRAINING, connection=nebius))
    assert "Pause" not in buttons_of(page)
    assert "Cancel" in buttons_of(page)


def test_what_has_to_be_deployed_first_is_not_offered_for_chat(remote, owner, visitor):
    nebius = Connection.objects.create(owner=owner, preset="nebius", name="Other", base_url="https://example.com/v1")
    run = remote(State.READY, connection=nebius, finished_at=timezone.now())
    version = PersonaModel.objects.create(
        pk=run.pk, owner=owner, persona=run.persona, run=run, number=1, name="v", format="chat", connection=nebius
    )
    page = page_of(visitor, run)
    assert "It is trained" in page
    assert "One step is left before it can talk" in page
    assert "Chat with it" not in buttons_of(page)
    PersonaModel.objects.filter(pk=version.pk).update(deployment="mine")
    assert "Chat with it" in buttons_of(page_of(visitor, run))


def test_the_way_of_a_remote_run_has_two_stages_more(remote, run):
    assert [mark for _label, mark in stages(run)] == ["now", "next", "next", "next", "next"]
    assert dict(stages(remote(State.VALIDATING))) == {
        "queued": "done",
        "prepared": "done",
        "sent": "done",
        "checked there": "now",
        "training": "next",
        "checking": "next",
        "ready": "next",
    }
    assert stages(remote(State.FAILED)) == []


def test_cost_before_during_and_after(remote, run):
    assert cost(run) == ""
    assert cost(remote(State.QUEUED)) == "It will cost about 0.12 to 0.20 USD."
    assert (
        cost(remote(State.TRAINING, step=5, total_steps=10))
        == "So far about 0.06 to 0.10 USD, of 0.12 to 0.20 USD in all."
    )
    assert cost(remote(State.READY, remote={"cost": 0.1542})) == "It cost 0.15 USD by the price list."
    assert cost(remote(State.TRAINING, estimate={})) == ""


def test_time_left_at_a_provider_is_its_own_or_reckoned_from_its_steps(remote):
    run = remote(State.TRAINING, remote={"estimated_finish": time.time() + 1000})
    assert time_left(run) == "11 to 27 min"
    run = remote(State.TRAINING, step=10, total_steps=20)
    now = time.time()
    write(run, *(("step", {"step": step, "loss": 1.0, "at": now - (10 - step) * 30}) for step in range(1, 11)))
    assert time_left(run) == "3 to 8 min"
    assert time_left(remote(State.PAUSED)) == ""


def test_a_long_curve_comes_thinned_and_whole(run):
    steps(run, 2400, 2400)
    TrainingRun.objects.filter(pk=run.pk).update(state=State.READY)
    run.refresh_from_db()
    number, drawn, looks = 0, [], 0
    while True:
        news = points_after(run, number, 500)
        drawn += news["training"]
        number, looks = news["last"], looks + 1
        if not news["more"]:
            break
    assert len(drawn) == 2400 // 3 + 1 <= DRAWN
    assert looks < 10
    assert [step for step, _loss, _accuracy in drawn[:2]] == [1, 3]
    expected = sum(3.0 / step for step in (3, 4, 5)) / 3
    assert drawn[1][1] == pytest.approx(expected, abs=1e-3)


def test_a_mean_that_is_not_full_yet_comes_with_a_later_look(run):
    TrainingRun.objects.filter(pk=run.pk).update(state=State.TRAINING)
    run.refresh_from_db()
    steps(run, 7, 2400)
    first = points_after(run, 0, 500)
    assert [point[0] for point in first["training"]] == [1, 3]
    write(run, *(("step", {"step": step, "loss": 1.0}) for step in (8, 9)))
    second = points_after(run, first["last"], 500)
    assert [point[0] for point in second["training"]] == [6]


def test_checks_carry_the_training_loss_before_them_and_the_best_one(run):
    steps(run, 4, 8, epoch=0.5)
    write(run, *(("validation", {"step": step, "loss": loss}) for step, loss in ((2, 2.0), (4, 2.5))))
    found = checks_of(run)
    assert [(check.step, check.is_best) for check in found] == [(2, True), (4, False)]
    assert found[0].training_loss == pytest.approx((3.0 + 1.5) / 2)
    assert found[1].training_loss == pytest.approx((1.0 + 0.75) / 2)
    assert steps_per_epoch(run) == 8
    assert found[1].epoch == 0.5


def test_losses_over_a_batch_count_only_where_there_are_no_others(run):
    write(run, ("validation", {"step": 1, "loss": 5.0, "full": False}))
    assert [check.loss for check in checks_of(run)] == [5.0]
    write(run, ("validation", {"step": 2, "loss": 2.0, "full": True}))
    assert [check.loss for check in checks_of(run)] == [2.0]


def test_the_table_of_a_provider_that_checks_at_each_step_stays_short(run):
    write(run, *(("validation", {"step": step, "loss": 2.0 + (step != 777)}) for step in range(1, 2401)))
    rows = listed(checks_of(run))
    assert len(rows) <= LISTED + 1
    assert [row.step for row in rows if row.is_best] == [777]
    assert rows[-1].step == 2400


def test_the_same_reply_again_is_told_once(run):
    sample = {"question": "Q?", "expected": "Yes."}
    write(
        run,
        *(
            ("sample", {**sample, "step": step, "reply": reply})
            for step, reply in ((2, "No."), (4, "Yes."), (6, "Yes."))
        ),
    )
    assert asked(run)[0].replies == [(2, 2, "No."), (4, 6, "Yes.")]


def test_the_providers_words_are_folded_and_escaped(remote, visitor):
    run = remote(State.FAILED, error="Why.")
    write(run, ("log", {"message": "Line 3: <b>bad</b> row"}))
    assert log_lines(run) == ["Line 3: <b>bad</b> row"]
    page = page_of(visitor, run)
    assert "What api.openai.com said, word for word" in page
    assert "&lt;b&gt;bad&lt;/b&gt; row" in page


def test_a_quiet_look_asks_the_database_little(run, visitor, django_assert_max_num_queries):
    where = reverse("run_events", args=(run.persona_id, run.pk))
    visitor.get(where)
    with django_assert_max_num_queries(8):
        assert list(visitor.get(where, {"after": 0, "state": "queued"}).json()["parts"]) == ["status"]


def test_an_end_is_news_until_it_was_seen(run, visitor, fake):
    from training.execution import run_execute

    session = visitor.session
    assert ended_unseen(session, run.persona) is None
    run_execute(run_id=run.pk)
    run.refresh_from_db()
    assert ended_unseen(session, run.persona) == run
    line = render_to_string("training/ended.html", {"ended": run})
    assert "A training is done" in line
    assert reverse("run", args=(run.persona_id, run.pk)) in line
    page_of(visitor, run)
    assert ended_unseen(visitor.session, run.persona) is None
    run.state = State.TRAINING
    session = visitor.session
    mark_seen(session, run)
    assert session["seen_runs"] == []


def test_a_ready_run_shows_advice_above_its_curves(run, visitor, fake):
    from training.execution import run_execute

    run_execute(run_id=run.pk)
    page = page_of(visitor, run)
    assert page.index("What the curves say") < page.index("data-chart")
    assert "It was still learning when it ended" in page


def test_a_training_at_a_provider_is_watched_from_the_order_to_its_advice(standin, author, owner, visitor):
    run = remote_run(author, connect_to(standin, owner), estimate={"money": [0.05, 0.07], "epochs": 3})
    seen = []
    while run.is_active:
        look(run)
        seen.append(text_of(page_of(visitor, run)))
        assert f"The provider calls the training {run.remote['raw_status']} ( {run.remote_id} )" in seen[-1]
    assert re.search(r"So far about [\d.]+ to [\d.]+ USD, of 0.05 to 0.07 USD in all", seen[2])
    assert "It cost 0.06 USD by the price list." in seen[-1]
    assert "What the curves say" in seen[-1]
    news = visitor.get(reverse("run_events", args=(run.persona_id, run.pk))).json()
    assert [point[0] for point in news["training"]] == [1, 2, 3, 4, 5, 6]
    assert all(accuracy is not None for _step, _loss, accuracy in news["training"])


@pytest.mark.parametrize(
    ("status", "code", "button"),
    [
        (401, None, "Open the connection"),
        (403, "training_not_available", "Change the settings"),
        (400, None, "Change the settings"),
        (402, None, "Try again"),
    ],
)
def test_what_a_provider_refuses_has_its_mend(standin, author, owner, visitor, status, code, button):
    standin.tell("jobs.create", "status", status=status, code=code, message="Not like <this>.", times=-1)
    run = look(remote_run(author, connect_to(standin, owner)))
    page = page_of(visitor, run)
    assert run.state == "failed"
    assert re.findall(r'class="button primary"[^>]*>([^<]+)<', page) == [button]
    assert "Not like &lt;this&gt;." in page[page.index("word for word") :]


def test_an_answer_that_was_lost_is_told_until_it_is_found(standin, author, owner, visitor):
    standin.tell("jobs.create", "drop", after=True)
    standin.tell("jobs.list", "status", status=503, skip=1, times=1)
    run = look(remote_run(author, connect_to(standin, owner)))
    page = text_of(page_of(visitor, run))
    assert run.state == "unsure"
    assert "Was it accepted?" in page
    assert "so it is not sent twice" in page
    look(run)
    assert "Was it accepted?" not in page_of(visitor, run)
    assert len(standin.jobs) == 1
