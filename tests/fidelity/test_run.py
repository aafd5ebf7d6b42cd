"""A report's run: what each control is asked, how it ends, and that a lost worker does no harm."""

import json
from datetime import timedelta

import pytest
from django.db.models import F
from django.utils import timezone

from fidelity import execution, rounds, tasks
from fidelity.execution import report_execute
from fidelity.leases import LeaseLost, report_claim
from fidelity.measures.items import known_choices, known_films
from fidelity.models import ItemAnswer, Report
from fidelity.planning import plan_make, values_of
from fidelity.report_page import tiles_of
from fidelity.services import item_rule, report_cancel, report_create, report_delete
from fidelity.sweeping import report_sweep, reports_begin
from questionnaires.dataset import Item, renderer
from questionnaires.models import Answer, Persona, Question, Topic
from questionnaires.services import Refused
from tests.fidelity.fake_engine import FakeEngine, serve
from training.models import Connection, PersonaModel, TrainingRun

CHOICES = list(known_choices())[:12]
State = Report.State


@pytest.fixture(autouse=True)
def surroundings(settings, tmp_path, monkeypatch):
    settings.RUNS_DIR, settings.MODELS_DIR = tmp_path / "runs", tmp_path / "models"
    monkeypatch.setattr(execution, "WRITTEN", 1)
    rung = []
    monkeypatch.setattr(tasks, "_publish", lambda task, *arguments, **_: rung.append(arguments) or True)
    return rung


@pytest.fixture
def engine(settings):
    engine = FakeEngine()
    server = serve(engine)
    settings.ENGINE_URL = server.url
    yield engine
    server.shutdown()
    server.server_close()


def tell(persona, question, text, wordings=()):
    topic, _ = Topic.objects.get_or_create(slug="life", defaults={"title": {"en": "Life"}})
    slug = f"q{Question.objects.count()}"
    row = Question.objects.create(
        slug=slug, topic=topic, texts={"en": {"text": question, "wordings": list(wordings), "hint": ""}}
    )
    state = Answer.State.ANSWERED if text else Answer.State.OPEN
    return Answer.objects.create(owner=persona.owner, persona=persona, question=row, text=text, state=state)


def a_version(persona, number=1, **fields):
    PersonaModel.objects.filter(persona=persona).update(is_current=False)
    return PersonaModel.objects.create(
        owner=persona.owner, persona=persona, number=number, name=f"v{number}", base_model="smollm2-135m-instruct",
        format="chat", spoken_name=persona.name, is_current=True, **fields,
    )  # fmt: skip


def choose(persona, value=0, round=1, items=CHOICES):
    for slug in items:
        ItemAnswer.objects.create(
            owner=persona.owner, persona=persona, kind="choice", item=slug, value=value, round=round
        )


@pytest.fixture
def author(persona):
    """Ada told two things, one of which has a held-out wording, and made the first of two options each time."""
    wordings = ("Where is home?", "Which town do you live in?")
    question = next(
        f"Where do you live, {n}?" for n in range(20) if Item(f"Where do you live, {n}?", "", wordings).held_out
    )
    tell(persona, question, "In Nida, by the sea.", wordings)
    tell(persona, "What do you do?", "I mend clocks.")
    tell(persona, "Have you a brother?", "")
    choose(persona)
    return persona


@pytest.fixture
def demo(owner):
    demo = Persona.objects.create(owner=owner, name="Max", language="en", is_demo=True)
    tell(demo, "What do you cook?", "Soup of nettles.")
    return demo


@pytest.fixture
def report(author):
    return report_create(persona=author, version=a_version(author))[0]


def run(report, **options):
    report_execute(report_id=report.pk, **options)
    report.refresh_from_db()
    return report


def likes_first_of(models):
    """Log-probabilities by which the named models like each item's first option, and the others its last one."""
    firsts = {choice.en.options[0] for choice in known_choices().values()}

    def likes(model, prompt, text):
        return -1.0 if (text in firsts) == (model in models) else -2.0

    return likes


def control(report, name):
    return next(each for each in report.result["controls"] if each["name"] == name)


def test_a_report_says_how_often_the_version_chose_as_the_person_did(engine, report, demo):
    engine.likes = likes_first_of({str(report.version_id)})
    a_version(demo)
    run(report)
    assert report.state == State.DONE
    assert (report.result["correct"], report.result["asked"]) == (12, 12)
    assert report.result["agreement"]["value"] == 1
    assert 0.2 < report.result["chance"] < 0.6
    for name in ("other_person", "other_adapter", "base", "base_answers"):
        assert control(report, name)["agreement"]["value"] == 0
        assert control(report, name)["against"]["tells"]
    assert report.progress["done"] == report.progress["total"] == report.rows.count()


def test_each_control_is_asked_with_its_own_model_and_notes(engine, report, demo):
    other = a_version(demo)
    run(report)
    own, max_says = "In Nida, by the sea.", "Soup of nettles."
    for name, model, has_own, has_other in (
        ("persona", report.version_id, True, False),
        ("no_retrieval", report.version_id, False, False),
        ("other_notes", report.version_id, False, True),
        ("other_person", other.pk, False, True),
        ("other_adapter", other.pk, True, False),
        ("base", "smollm2-135m-instruct", False, False),
        ("base_answers", "smollm2-135m-instruct", True, False),
    ):
        asked = [body for path, body in engine.requests if path == "/v1/score" and model_of(body, model)]
        texts = [json.dumps(body["messages"]) for body in asked]
        row = report.rows.filter(control=name, kind="choice").first()
        texts = [text for text in texts if row.question in text]
        found = {(own in text or "I mend clocks" in text, max_says in text) for text in texts}
        assert (has_own, has_other) in found, name
    block = json.dumps([b["messages"] for b in engine.bodies("/v1/score") if model_of(b, "smollm2-135m-instruct")])
    assert own in block
    assert "I mend clocks." in block


def model_of(body, model):
    return body["model"] == str(model)


def test_options_are_shown_in_each_place_and_a_favour_for_a_place_gains_nothing(engine, report):
    def first_shown(model, prompt, text):
        return -1.0 if prompt.split(" / ")[0].endswith(text) else -2.0

    engine.likes = first_shown
    run(report)
    rows = report.rows.filter(control="persona", kind="choice")
    assert all(row.points == pytest.approx(1 / len(row.options)) for row in rows)
    assert all(len(row.scores) == len(row.options) for row in rows)
    assert report.result["agreement"]["value"] == pytest.approx(report.result["chance"], abs=1e-3)


def test_facts_are_asked_in_the_held_out_wording_and_judged(engine, report):
    engine.says = lambda model, prompt: "I live in Nida, by the sea." if "by the sea" in prompt else "In Rome, I think."
    run(report)
    rows = {row.control: row for row in report.rows.filter(kind="fact").exclude(own="")}
    assert {row.question for row in rows.values()} == {"Which town do you live in?"}
    assert rows["persona"].verdict == "right"
    assert rows["no_retrieval"].verdict == "wrong"
    assert report.result["facts"]["told"]["right"] == 1
    sent = [json.dumps(body) for body in engine.bodies("/v1/rerank")]
    assert not any("Which town" in json.loads(body)["documents"][0]["questions"] for body in sent)


def test_what_nobody_told_is_honestly_unknown_without_a_reply(engine, report):
    engine.known = lambda query: "brother" not in query
    run(report)
    (row,) = report.rows.filter(kind="fact", own="")
    assert (row.verdict, row.reply, row.points) == ("unknown", "", 1.0)
    assert report.result["facts"]["never_told"]["unknown"] == 1


def test_a_verdict_can_be_overruled_and_the_result_follows(engine, report):
    engine.says = lambda model, prompt: "In Rome, I think."
    run(report)
    row = report.rows.get(kind="fact", control="persona", item="q0")
    assert report.result["facts"]["told"]["wrong"] == 1
    item_rule(item=row, ruling="right")
    report.refresh_from_db()
    told = report.result["facts"]["told"]
    assert (told["right"], told["wrong"], told["overruled"]) == (1, 0, 1)
    with pytest.raises(Refused, match="Only the answer to a fact"):
        item_rule(item=report.rows.filter(kind="choice").first(), ruling="right")


def test_voice_is_asked_without_notes_and_compared_with_what_was_held_out(engine, report, author):
    frozen(author, report.version, held_out=("What do you do?", "I mend clocks."))
    engine.says = lambda model, prompt: "I mend old clocks."
    run(report)
    assert report.result["style"]["persona"]["replies"] == 1
    asked = [body for body in engine.bodies("/v1/chat/completions") if "What do you do?" in json.dumps(body)]
    assert asked
    assert not any("I mend clocks." in json.dumps(body) for body in asked)
    assert report.result["form_of_replies"]["persona"]["clean"] > 0


def frozen(author, version, held_out, learned=("Who are you?", "Ada.")):
    made = TrainingRun.objects.create(owner=author.owner, persona=author, state="ready", base_model="x")
    version.run = made
    version.save()
    made.folder.mkdir(parents=True)
    for name, (question, answer) in (("train.jsonl", learned), ("validation.jsonl", held_out)):
        row = renderer("chat").row(Item(question, answer), name="Ada")
        (made.folder / name).write_text(json.dumps(row) + "\n")


def test_what_a_training_answer_names_is_left_out_with_its_sentence(author, report):
    for film in list(known_films())[:30]:
        ItemAnswer.objects.create(owner=author.owner, persona=author, kind="film", item=film, value=1 + len(film) % 5)
    before = plan_make(persona=author, version=report.version, form="full")
    tell(author, "What did you see?", "We saw Casablanca twice")
    plan = plan_make(persona=author, version=report.version, form="full")
    (gone,) = plan.left_out
    assert (gone["item"], gone["sentence"]) == ("casablanca-1942", "We saw Casablanca twice")
    assert any("casablanca-1942" in each.item for each in before.items)
    assert not any("casablanca-1942" in each.item for each in plan.items)


def test_a_fact_that_an_older_training_asked_is_left_out(author, report):
    frozen(author, report.version, ("What?", "x"), learned=("Which town do you live in?", "In Nida, by the sea."))
    plan = plan_make(persona=author, version=report.version, form="full")
    assert [gone["kind"] for gone in plan.left_out] == ["fact"]


def test_the_quick_form_asks_a_part_of_what_the_full_one_asks(author, report):
    choose(author, items=list(known_choices())[12:60])
    quick, full = (plan_make(persona=author, version=report.version, form=form).items for form in ("quick", "full"))
    assert {item.item for item in quick} < {item.item for item in full}


def test_a_run_stops_after_its_slice_and_goes_on_where_it_was(engine, report):
    assert report_execute(report_id=report.pk, slice_seconds=-1) == 0.0
    slices = 0
    while report_execute(report_id=report.pk, slice_seconds=0.05) is not None:
        slices += 1
    report.refresh_from_db()
    assert report.state == State.DONE
    assert slices > 1
    assert_asked_once(engine, report)


def assert_asked_once(engine, report):
    asked = report.rows.exclude(options=[]).count()
    assert len(engine.bodies("/v1/score")) == asked


class Moments:
    """Does something between two items: a run asks it whether to stop."""

    def __init__(self, at, act):
        self.left, self.act = at, act

    def __call__(self):
        self.left -= 1
        if self.left == 0:
            self.act()
        return False


def test_a_killed_worker_s_report_resumes_and_its_late_writes_are_void(engine, report):
    def lose():
        Report.objects.filter(pk=report.pk).update(lease_until=timezone.now() - timedelta(seconds=1))
        assert report_sweep() == [report.pk]

    assert report_execute(report_id=report.pk, should_stop=Moments(2, lose)) is None
    report.refresh_from_db()
    assert (report.state, report.lease_until, report.failures) == (State.QUEUED, None, 1)
    asked = report.rows.exclude(asked_at=None).count()
    assert 0 < asked < report.rows.count()
    run(report)
    assert report.state == State.DONE
    assert not report.rows.filter(asked_at=None).exists()


def test_an_old_fence_writes_nothing(engine, report):
    claim = report_claim(report_id=report.pk)
    Report.objects.filter(pk=report.pk).update(fence=F("fence") + 1)
    with pytest.raises(LeaseLost):
        claim.record([], ["points"], {})
    with pytest.raises(LeaseLost):
        claim.write(error="mine")


def test_of_two_workers_one_gets_the_report_and_no_two_reports_go_on_at_once(author, report):
    other = report_create(persona=author, version=a_version(author, 2))[0]
    assert report_claim(report_id=report.pk)
    assert report_claim(report_id=report.pk) is None
    assert report_claim(report_id=other.pk) is None


def test_a_report_that_fails_too_often_ends_with_a_sentence(report):
    for _ in range(execution.MAX_FAILURES):
        assert report_claim(report_id=report.pk)
        Report.objects.filter(pk=report.pk).update(lease_until=timezone.now() - timedelta(seconds=1))
        report_sweep()
    report.refresh_from_db()
    assert report.state == State.FAILED
    assert "broke off" in report.error


def test_a_cancelled_report_ends_at_once_or_after_a_few_items(engine, report, author):
    run(report, should_stop=Moments(1, lambda: report_cancel(report=report)))
    assert report.state == State.CANCELLED
    assert 0 < report.rows.exclude(asked_at=None).count() <= execution.WRITTEN + execution.BESIDE
    waiting = report_create(persona=author, version=report.version)[0]
    report_cancel(report=waiting)
    assert waiting.state == State.CANCELLED
    report_delete(report=waiting)


def test_a_round_has_the_next_to_be_written_and_the_next_to_be_scored(report):
    execution.plan_keep(report_claim(report_id=report.pk))
    waiting = list(report.rows.order_by("number"))
    rows = execution._next(report)
    spoken = [row for row in rows if row.kind in rounds.SPOKEN]
    scored = [row for row in rows if row.kind not in rounds.SPOKEN]
    assert spoken == [row for row in waiting if row.kind in rounds.SPOKEN][: execution.WRITTEN]
    assert scored == [row for row in waiting if row.kind not in rounds.SPOKEN][: execution.BESIDE]
    report.version.remote_model = "ft:ada"
    assert execution._next(report) == waiting[: execution.PAID_AT_ONCE]  # what a crash may have paid for twice


def test_a_report_waits_for_a_training_here(engine, report, author):
    training = TrainingRun.objects.create(owner=author.owner, persona=author, state="training", base_model="x")
    assert report_execute(report_id=report.pk) > 0
    assert engine.requests == []
    TrainingRun.objects.filter(pk=training.pk).update(state="ready")
    Report.objects.filter(pk=report.pk).update(not_before=None)
    assert run(report).state == State.DONE


def test_an_engine_that_is_away_is_asked_again_later(engine, report):
    engine.status = {"/v1/rerank": 503}
    assert report_execute(report_id=report.pk) > 0
    report.refresh_from_db()
    assert (report.state, report.failures) == (State.RUNNING, 1)
    engine.status = {}
    Report.objects.filter(pk=report.pk).update(not_before=None)
    assert run(report).state == State.DONE


def test_a_broken_control_is_left_out_and_a_broken_version_ends_the_report(engine, report, demo):
    engine.missing = {str(a_version(demo).pk)}
    run(report)
    assert report.state == State.DONE
    assert "Train it again" in control(report, "other_person")["why"]
    assert control(report, "base")["available"]
    engine.missing = {str(report.version_id)}
    again = report_create(persona=report.persona, version=report.version)[0]
    run(again)
    assert again.state == State.FAILED
    assert "Train it again" in again.error


def test_without_a_control_s_model_the_report_says_so(engine, report):
    run(report)
    assert report.state == State.DONE
    for name in ("other_person", "other_adapter", "other_notes", "common"):
        found = control(report, name)
        assert not found["available"]
        assert found["why"]


def test_without_anything_to_ask_it_says_so(engine, persona):
    report = report_create(persona=persona, version=a_version(persona))[0]
    run(report)
    assert (report.state, report.rows.count()) == (State.FAILED, 0)
    assert "nothing to ask" in report.error


def test_the_retest_makes_the_ceiling(engine, report, author):
    engine.likes = likes_first_of({str(report.version_id)})
    choose(author, value=0, round=2, items=CHOICES[:9])
    choose(author, value=1, round=2, items=CHOICES[9:])
    run(report)
    ceiling = report.result["ceiling"]
    assert ceiling["self_agreement"]["value"] == 0.75
    assert ceiling["plain"]["value"] == pytest.approx(1 / 0.75, abs=1e-3)
    assert ceiling["normalised"]["value"] > ceiling["plain"]["value"]


def test_a_worse_version_is_called_a_regression(engine, report, author):
    engine.likes = likes_first_of({str(report.version_id)})
    run(report)
    assert report.result["before"] is None
    worse = report_create(persona=author, version=a_version(author, 2))[0]
    run(worse)
    before = worse.result["before"]
    assert (before["number"], before["difference"]["value"], before["regression"]) == (1, -1, True)


def test_a_new_version_of_a_person_with_items_is_measured_by_itself_once(author, demo, surroundings):
    version = a_version(author)
    a_version(demo)
    tasks.sweep()
    (made,) = Report.objects.all()
    assert (made.version, made.form, made.is_automatic) == (version, "quick", True)
    assert surroundings == [(str(made.pk),)]
    assert reports_begin() == []


def test_an_old_version_is_not_measured_unasked(author):
    version = a_version(author)
    PersonaModel.objects.filter(pk=version.pk).update(created_at=timezone.now() - timedelta(days=9))
    assert reports_begin() == []


def test_a_task_rings_for_its_next_slice_and_then_for_who_waits(engine, report, author, surroundings, monkeypatch):
    other = report_create(persona=author, version=a_version(author, 2))[0]
    monkeypatch.setattr(tasks, "is_shutting_down", lambda: False)
    tasks.run_report(str(report.pk))
    assert surroundings == [(str(other.pk),)]


def test_a_remote_version_is_asked_for_replies_and_its_cost_is_told(engine, author, settings):
    line = Connection.objects.create(
        owner=author.owner, preset="other", name="Mine", base_url=settings.ENGINE_URL + "/v1"
    )
    version = a_version(author, connection=line, remote_model="ft:ada")
    firsts = [choice.en.options[0] for choice in known_choices().values()]
    engine.says = lambda model, prompt: next((each for each in firsts if each in prompt), "Soup.")
    report = report_create(persona=author, version=version)[0]
    assert report.cost["tokens"] > 0
    run(report)
    assert report.state == State.DONE, report.error
    assert report.result["method"] == "replies"
    assert engine.bodies("/v1/score") == []
    assert {body["model"] for body in engine.bodies("/v1/chat/completions")} == {"ft:ada"}
    assert report.result["agreement"]["value"] > 0.9
    assert not control(report, "base")["available"]


def test_values_of_items_that_left_the_files_are_not_counted(author):
    ItemAnswer.objects.create(owner=author.owner, persona=author, kind="choice", item="gone", value=0)
    assert "gone" not in values_of(author, "choice")


def test_the_room_for_writing_hears_in_which_topics_the_portrait_is_least_alike(engine, report):
    weak = next(iter(known_choices().values())).topic
    strong = likes_first_of({str(report.version_id)})
    options = {choice.en.options[0] for choice in known_choices().values() if choice.topic == weak}
    engine.likes = lambda model, prompt, text: -9.0 if text in options else strong(model, prompt, text)
    run(report)
    report.persona.refresh_from_db()
    found = report.persona.topic_agreement
    assert found.pop(weak) == 0
    assert set(found.values()) <= {1}


def test_what_was_corrected_is_asked_again_with_and_without_the_persons_words(engine, author):
    corrected = {"source": "correction"}
    Answer.objects.filter(text="I mend clocks.").update(**corrected)
    tell(author, "What do you drive?", "A green bus.")  # since the training: not learned yet
    Answer.objects.filter(text="A green bus.").update(**corrected)
    version = a_version(author)
    frozen(author, version, ("What?", "x"), learned=("What do you do?", "I mend clocks."))
    engine.says = lambda model, prompt: "I mend clocks." if "mend clocks" in prompt else "I bake bread."
    report = run(report_create(persona=author, version=version)[0])
    asked = report.rows.filter(kind="taught").values_list("control", "question")
    assert list(asked) == [("persona", "What do you do?"), ("no_retrieval", "What do you do?")]
    taught = report.result["taught"]
    assert (taught["persona"]["right"], taught["no_retrieval"]["right"]) == (1, 0)
    (tile,) = [each for each in tiles_of(report.result) if each.section == "taught"]
    assert tile.value == "0 of 1"
