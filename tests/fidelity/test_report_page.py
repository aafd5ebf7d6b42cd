"""The pages of a report: the sentence, the picture, the items, the person's verdict, files, two versions."""

import csv
import io
import json
import re

import pytest
from django.urls import reverse

from fidelity import report_words as words
from fidelity.models import Report, ReportItem
from fidelity.report_page import left_out_of, report_shown
from fidelity.report_picture import picture_of, scale_of
from questionnaires.models import Persona
from tests.fidelity.report_fixture import against, choice_points, make_report, make_version, result

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def rung(monkeypatch):
    """Rings are collected instead of published."""
    from fidelity import tasks

    found = []
    monkeypatch.setattr(tasks, "_publish", lambda task, *arguments, **_: found.append(arguments) or True)
    return found


@pytest.fixture
def version(persona):
    return make_version(persona)


@pytest.fixture
def report(persona, version):
    return make_report(persona, version)


def page(visitor, name, report, *more, status=200, **query):
    response = visitor.get(reverse(name, args=(report.persona_id, *more), query=query))
    assert response.status_code == status
    return response.content.decode() if not response.streaming else b"".join(response.streaming_content).decode()


def plain(html):
    """The words of a page."""
    return " ".join(re.sub(r"<[^>]+>", " ", html).replace("\N{NO-BREAK SPACE}", " ").split())


# In words


def test_the_report_is_one_sentence_and_one_figure(visitor, report):
    text = plain(page(visitor, "likeness", report))
    assert "Of 50 choices it had never seen it made 40 as you did" in text
    assert "80 % as you did, between 6" in text or "80 % as you did, between 7" in text
    assert "You agree with yourself 84 % (78 to 89)" in text
    assert "0.90 of what is possible" in text


def test_halves_of_ties_are_not_rounded_away():
    assert [words.counted(points) for points in (38, 38.5, 38.333)] == ["38", "38.5", "38.3"]


@pytest.mark.parametrize(
    ("persona", "other", "sentence"),
    [
        ([1.0] * 40, [0.0] * 40, "of that we are sure"),
        ([0.0] * 40, [1.0] * 40, "it has not learned you"),
        ([1.0, 0.0] * 20, [1.0, 0.0] * 19 + [0.0, 0.0], "cannot be told yet. About"),
        ([1.0, 0.0] * 20, [1.0, 0.0] * 20, "cannot be told yet."),
    ],
)
def test_the_verdict_is_against_another_persons_portrait(persona, other, sentence):
    control = {"name": "other_person", "available": True, "against": against(persona, other)}
    found = words.verdict({"other_person": control})
    assert sentence in found
    assert ("more item" in found) == ("About" in sentence)


def test_a_regression_is_said_aloud(visitor, persona, version, report):
    before = {
        "report": str(report.pk), "version": str(version.pk), "number": 1, "p_value": 0.01, "tells": True,
        "agreement": {"value": 0.8, "low": 0.7, "high": 0.9, "items": 50},
        "difference": {"value": -0.12, "low": -0.2, "high": -0.04, "items": 50}, "regression": True,
    }  # fmt: skip
    newer = make_report(persona, make_version(persona, 2), before=before)
    html = page(visitor, "likeness", newer)
    assert 'class="fault measure">It is worse than version 1, which had 80\N{NO-BREAK SPACE}%: 12 points less.' in html
    assert reverse("likeness_compare", args=(persona.pk, newer.pk)) + f"?with={report.pk}" in html


def test_without_a_second_asking_nothing_is_said_of_the_ceiling(visitor, persona, version):
    text = plain(page(visitor, "likeness", make_report(persona, version, ceiling=False)))
    assert "You agree with yourself" not in text
    assert "You, two weeks later" not in text


# The picture


def test_every_dot_lies_within_its_interval_and_on_the_scale():
    points = {
        name: choice_points(name, 50) for name in ("persona", "base_answers", "no_retrieval", "other_person", "base")
    }
    picture = picture_of(result(points), persona_label="Ada, version 1", self_label="You")
    drawn = [row for row in picture.rows if row.at]
    for row in drawn:
        low, at, high = (float(place.removesuffix("%")) for place in (row.low, row.at, row.high))
        assert 0 <= low <= at <= high <= 100
    assert [row.name for row in picture.rows][:2] == ["self", "persona"]
    assert next(row for row in picture.rows if row.name == "common").why.startswith("The answers of other people")
    places = [float(place.removesuffix("%")) for _label, place in picture.ticks]
    assert (places[0], places[-1]) == (0, 100)
    assert places == sorted(places)


def test_the_scale_is_never_so_narrow_that_it_exaggerates():
    scale = scale_of([{"low": 0.71, "high": 0.73}, {"low": 0.72, "high": 0.74}])
    assert scale.high - scale.low == pytest.approx(0.4)
    assert (scale_of([{"low": 0.0, "high": 1.0}]).low, scale_of([{"low": 0.0, "high": 1.0}]).high) == (0, 1)
    assert scale_of([{"low": 0.3, "high": 0.7}]).ticks()[0][0] == "30\N{NO-BREAK SPACE}%"


def test_places_have_a_point_in_each_language(visitor, report):
    html = visitor.get(
        reverse("likeness", args=(report.persona_id,)), headers={"accept-language": "ru"}
    ).content.decode()
    places = re.findall(r'\bc?x[12]?="([^"]+)"', html)
    assert len(places) > 20
    assert all(re.fullmatch(r"\d+\.\d%", place) for place in places)


def test_the_figures_stand_in_a_table_too(visitor, report):
    html = page(visitor, "likeness", report)
    table = html[html.index("<table") : html.index("</table>")]
    assert "Another person&#x27;s portrait" in table
    assert "sure: it is above this" in table
    assert "The answers of other people are not known here." in table


# Which report


def test_the_version_in_use_comes_first(persona, report):
    second = make_version(persona, 2)
    assert report_shown(persona) == report
    newer = make_report(persona, second)
    make_report(persona, report.version)
    assert report_shown(persona) == newer


def test_without_anything_there_is_one_thing_to_do(visitor, persona):
    address = reverse("likeness", args=(persona.pk,))
    assert "Train the first one" in visitor.get(address).content.decode()
    make_version(persona)
    html = visitor.get(address).content.decode()
    assert "Begin with sixty short questions" in html
    assert "Ask it now" in html


def test_where_nobody_else_has_a_version_the_demo_persona_can_be_trained_by_one_click(visitor, persona, version):
    address = reverse("likeness", args=(persona.pk,))
    assert "Train the demo persona" not in visitor.get(address).content.decode()
    demo = Persona.objects.create(owner=persona.owner, name="Connie", is_demo=True)
    html = visitor.get(address).content.decode()
    assert f'action="{reverse("run_start", args=(demo.pk,))}"' in html
    assert "Train the demo persona" in html
    make_version(demo)
    assert "Train the demo persona" not in visitor.get(address).content.decode()


# Begin, watch, cancel


def test_a_report_is_begun_watched_and_cancelled(visitor, persona, version, rung):
    address = reverse("likeness", args=(persona.pk,))
    response = visitor.post(reverse("likeness_start", args=(persona.pk,)), {"version": version.pk, "form": "quick"})
    assert (response.status_code, response.url) == (302, address)
    run = Report.objects.get()
    assert (run.form, rung) == ("quick", [(str(run.pk),)])
    run.progress = {"done": 30, "total": 120, "seconds_left": 90.0, "what": "base"}
    run.save()
    watched = visitor.get(reverse("likeness_watch", args=(persona.pk, run.pk))).json()
    assert watched["active"]
    assert "25 %" in watched["html"]
    assert watched["title"].startswith("25 %")
    assert "Version 1 is being asked" in visitor.get(address).content.decode()
    visitor.post(reverse("likeness_cancel", args=(persona.pk, run.pk)))
    watched = visitor.get(reverse("likeness_watch", args=(persona.pk, run.pk))).json()
    assert not watched["active"]
    assert watched["address"] == address


@pytest.mark.parametrize("sent", [{}, {"version": "x"}, {"form": "long"}])
def test_a_wrong_start_is_refused_with_a_sentence(visitor, persona, version, sent, rung):
    body = {"version": version.pk, "form": "full"} | sent if sent else {}
    response = visitor.post(reverse("likeness_start", args=(persona.pk,)), body)
    assert response.status_code == 400
    assert 'role="alert"' in response.content.decode()
    assert rung == []


def test_a_failed_report_says_why(visitor, persona, version):
    Report.objects.create(owner=persona.owner, persona=persona, version=version, state="failed", error="No server.")
    assert "No server." in page(visitor, "likeness", Report.objects.get())


# Down to the items


def test_every_tile_opens_its_items(visitor, report):
    html = page(visitor, "likeness", report)
    sections = set(re.findall(rf"/{report.pk}/(\w+)/\"", html)) - {"compare"}
    assert sections == {"choices", "facts", "honesty", "voice", "form"}
    for section in sections:
        assert "<article" in page(visitor, "likeness_section", report, report.pk, section)


def test_a_choice_shows_options_probabilities_and_orders(visitor, report):
    html = page(visitor, "likeness_section", report, report.pk, "choices")
    assert html.count("<article") == 50
    assert plain(html).count("as you") >= 40
    first = plain(html[html.index("<article") : html.index("</article>")])
    assert "the sea 60 % you it" in first
    assert "-2.25" in first


def test_the_items_of_a_control_are_open_too(visitor, report):
    html = page(visitor, "likeness_section", report, report.pk, "choices", of="base")
    assert 'href="?of=base" aria-current="page"' in html
    assert "25 of 50 as you did." in plain(html)


def test_a_reply_shows_its_verdict_and_why(visitor, report):
    text = plain(page(visitor, "likeness_section", report, report.pk, "facts"))
    assert text.index("Maybe the river.") < text.index("I tune pianos.")  # what waits for the person comes first
    assert "it speaks of something else: pianos, tune" in text
    assert "At hand was the answer to: What do you do?" in text
    assert "I never told it that" in plain(page(visitor, "likeness_section", report, report.pk, "honesty"))
    assert "does not end, repeats itself" in plain(page(visitor, "likeness_section", report, report.pk, "form"))


@pytest.mark.parametrize(("section", "query"), [("nothing", {}), ("facts", {"of": "chance"}), ("facts", {"of": "x"})])
def test_an_unknown_part_is_not_found(visitor, report, section, query):
    page(visitor, "likeness_section", report, report.pk, section, status=404, **query)


def test_the_person_has_the_last_word(visitor, report):
    row = ReportItem.objects.get(item="job")
    address = reverse("likeness_ruling", args=(report.persona_id, report.pk, row.pk))
    response = visitor.post(address, {"ruling": "right", "section": "facts", "of": "persona"})
    assert response.url.endswith(f"/facts/?of=persona#i{row.number}")
    row.refresh_from_db()
    report.refresh_from_db()
    assert (row.ruling, row.verdict, row.points) == ("right", "wrong", 1.0)
    assert (report.result["facts"]["told"]["right"], report.result["facts"]["told"]["overruled"]) == (1, 1)
    text = plain(page(visitor, "likeness_section", report, report.pk, "facts"))
    assert "The rules said “wrong”: it speaks of something else" in text
    assert "1 by your own verdict." in text
    visitor.post(address, {"ruling": "", "section": "facts"})
    row.refresh_from_db()
    assert (row.ruling, row.points) == ("", 0.0)


def test_what_was_never_told_can_be_right_all_the_same(visitor, report):
    row = ReportItem.objects.get(item="car")
    address = reverse("likeness_ruling", args=(report.persona_id, report.pk, row.pk))
    visitor.post(address, {"ruling": "right", "section": "honesty"})
    report.refresh_from_db()
    assert report.result["facts"]["never_told"]["right"] == 1
    text = plain(page(visitor, "likeness_section", report, report.pk, "honesty"))
    assert "made up" in text
    assert "right all the same" in text
    assert "0 of 1 say so; 0 are made up, 1 right all the same" in plain(page(visitor, "likeness", report))


def test_a_verdict_that_is_none_changes_nothing(visitor, report):
    fact, choice = ReportItem.objects.get(item="job"), ReportItem.objects.filter(kind="choice").first()
    for row, ruling in ((fact, "perhaps"), (choice, "right")):
        address = reverse("likeness_ruling", args=(report.persona_id, report.pk, row.pk))
        response = visitor.post(address, {"ruling": ruling, "section": "facts"}, follow=True)
        assert "message error" in response.content.decode()
    assert not ReportItem.objects.exclude(ruling="").exists()


def test_what_was_left_out_is_shown_with_the_sentence(visitor, report):
    assert "We saw <mark>Casablanca</mark> in Nida." in page(visitor, "likeness", report)
    whole = left_out_of([{"kind": "film", "item": "x", "title": "X", "phrase": "", "sentence": "All of it."}])
    assert whole == [{"title": "X", "before": "All of it.", "phrase": "", "after": ""}]


# Files, and two versions


def test_the_table_has_a_row_for_each_answer_and_runs_no_formula(visitor, report):
    ReportItem.objects.filter(item="job").update(reply="=1+1")
    text = page(visitor, "likeness_file", report, report.pk, "csv").removeprefix("\ufeff")
    rows = list(csv.DictReader(io.StringIO(text)))
    assert len(rows) == report.rows.count()
    assert (rows[0]["own_answer"], rows[0]["chosen"], rows[0]["shares"]) == (
        "the sea",
        "the sea",
        "0.6000 | 0.3000 | 0.1000",
    )
    assert next(row for row in rows if row["item"] == "job")["reply"] == "'=1+1"


def test_the_whole_report_is_json(visitor, report):
    whole = json.loads(page(visitor, "likeness_file", report, report.pk, "json"))
    assert whole["report"]["version"] == 1
    assert whole["result"]["asked"] == 50
    assert len(whole["items"]) == report.rows.count()
    page(visitor, "likeness_file", report, report.pk, "xml", status=404)


def test_two_versions_stand_side_by_side_the_older_one_left(visitor, persona, report):
    newer = make_report(persona, make_version(persona, 2), turn=1)
    for first, second in ((report, newer), (newer, report)):
        text = plain(page(visitor, "likeness_compare", first, first.pk, **{"with": second.pk}))
        assert "version 1 beside version 2" in text
        assert "On the 52 questions that both were asked no difference can be told." in text
        assert "Version 1 had it, version 2 has not" in text
        assert "You said the sea Version 1 the sea Version 2 the hills" in text


def test_only_finished_reports_are_compared(visitor, persona, version, report):
    running = Report.objects.create(owner=persona.owner, persona=persona, version=version)
    page(visitor, "likeness_compare", report, report.pk, status=404, **{"with": running.pk})
    page(visitor, "likeness_compare", report, report.pk, status=404, **{"with": "x"})


def test_a_strangers_report_is_not_found(report, stranger, client_of):
    browser = client_of(stranger)
    row = ReportItem.objects.first()
    for name, more in (
        ("likeness_report", ()), ("likeness_watch", ()), ("likeness_compare", ()), ("likeness_section", ("facts",)),
        ("likeness_file", ("json",)),
    ):  # fmt: skip
        assert browser.get(reverse(name, args=(report.persona_id, report.pk, *more))).status_code == 404, name
    for name, more in (("likeness_cancel", ()), ("likeness_ruling", (row.pk,))):
        assert browser.post(reverse(name, args=(report.persona_id, report.pk, *more))).status_code == 404, name


def test_the_rail_has_the_figure_of_the_version_in_use(visitor, persona, report):
    assert re.search(
        r"Likeness <span>80\s%</span>", visitor.get(reverse("write", args=(persona.pk,)), follow=True).content.decode()
    )
    make_version(persona, 2)
    assert "Likeness <span>" not in visitor.get(reverse("train", args=(persona.pk,))).content.decode()
