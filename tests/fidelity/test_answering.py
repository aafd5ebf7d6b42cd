"""Answering the items: the order, what is kept, the second asking, and the pages."""

import json
import re
import shutil
from datetime import timedelta

import pytest
from django.urls import reverse
from django.utils import timezone

from fidelity import answering
from fidelity.answering import CHOICE, FILM, RETEST
from fidelity.cards import card_of, key_of
from fidelity.measures.items import known_choices, known_films
from fidelity.models import ItemAnswer
from questionnaires.models import Persona
from questionnaires.services import Refused

pytestmark = pytest.mark.django_db


def answer(persona, keys, *, value=1, round=1, days=0):
    """Answers items as if `days` ago."""
    for kind, item in keys:
        answering.item_answer_save(persona=persona, kind=kind, item=item, value=value, round=round)
    when = timezone.now() - timedelta(days=days)
    ItemAnswer.objects.filter(persona=persona, round=round, item__in=[key[1] for key in keys]).update(answered_at=when)


def order(persona, *kinds):
    return answering.items_order(persona=persona, kinds=kinds or answering.KINDS)


def test_each_item_is_asked_once_in_an_order_of_the_personas_own(persona, owner):
    keys = order(persona)
    assert len(keys) == len(set(keys)) == len(known_films()) + len(known_choices())
    assert keys == order(Persona.objects.get(pk=persona.pk))
    assert keys != order(Persona.objects.create(owner=owner, name="Bea"))
    assert order(persona, CHOICE) == tuple(key for key in keys if key[0] == CHOICE)


def test_who_stops_early_has_some_of_both(persona):
    for stop in (15, 30, 60, 120):
        films = sum(kind == FILM for kind, _item in order(persona)[:stop])
        assert films == pytest.approx(stop * 180 / 266, abs=1.5)


def test_an_answer_is_kept_once_and_the_later_one_counts(persona):
    key = order(persona, CHOICE)[0]
    answer(persona, [key], value=0, days=3)
    answer(persona, [key], value=1)
    row = ItemAnswer.objects.get()
    assert (row.value, row.round, row.owner) == (1, 1, persona.owner)
    before = row.answered_at
    answering.item_answer_save(persona=persona, kind=key[0], item=key[1], value=1, seconds=9)
    row.refresh_from_db()
    assert row.answered_at == before


@pytest.mark.parametrize(
    ("kind", "item", "value"),
    [
        (FILM, "casablanca-1942", 6),
        (FILM, "casablanca-1942", -1),
        (FILM, "no-such-film", 3),
        (CHOICE, "who-i-am-consistent", 2),
        (CHOICE, "casablanca-1942", 0),
        ("fact", "casablanca-1942", 0),
    ],
)
def test_what_is_no_answer_is_refused(persona, kind, item, value):
    with pytest.raises(Refused):
        answering.item_answer_save(persona=persona, kind=kind, item=item, value=value)
    assert not ItemAnswer.objects.exists()


def test_the_demo_persona_is_read_only(persona):
    persona.is_demo = True
    with pytest.raises(Refused) as refused:
        answering.item_answer_save(persona=persona, kind=CHOICE, item="who-i-am-consistent", value=0)
    assert refused.value.status == 403


def test_passed_items_come_again_at_the_end(persona):
    keys = order(persona, CHOICE)
    answer(persona, keys[1:-1], value=0)
    sitting = answering.sitting_get(persona=persona, kinds=[CHOICE])
    assert sitting.next_open() == keys[0]
    assert sitting.next_open(keys[0]) == keys[-1]
    assert sitting.next_open(keys[-1]) == keys[0]
    assert sitting.before(keys[-1]) == keys[-2]
    assert (sitting.before(keys[0]), sitting.before(keys[1])) == (None, None)
    assert sitting.before(None) == keys[-2]


def test_minutes_left_are_rounded_up(persona):
    keys = order(persona, CHOICE)
    answer(persona, keys[:-1], value=0)
    assert answering.sitting_get(persona=persona, kinds=[CHOICE]).minutes_left == 1
    answer(persona, keys[-1:], value=0)
    assert answering.sitting_get(persona=persona, kinds=[CHOICE]).minutes_left == 0


def test_two_weeks_later_as_many_choices_as_films_are_asked_again(persona):
    answer(persona, order(persona, CHOICE)[:40], value=1, days=15)
    answer(persona, order(persona, FILM)[:40], value=4, days=15)
    answer(persona, order(persona, FILM)[40:80], value=0, days=15)  # not known: not asked again
    retest = answering.retest_get(persona=persona)
    kinds = [kind for kind, _item in retest.sitting.order]
    assert retest.is_due
    assert (kinds.count(CHOICE), kinds.count(FILM)) == (18, 18)
    assert {item for _kind, item in retest.sitting.order}.isdisjoint(item for _k, item in order(persona, FILM)[40:80])
    assert [key for key in order(persona) if key in retest.sitting.order] != list(retest.sitting.order)


def test_what_is_asked_again_stays_the_same_while_it_is_answered(persona):
    answer(persona, order(persona)[:80], value=1, days=20)
    asked = answering.retest_get(persona=persona).sitting.order
    for done in (asked[:5], asked[5:30], asked[30:]):
        answer(persona, done, value=1, round=RETEST)
        assert answering.retest_get(persona=persona).sitting.order == asked
    assert answering.retest_get(persona=persona).is_done
    assert not answering.retest_get(persona=persona).is_due


def test_a_retest_is_due_after_two_weeks_and_not_before(persona):
    answer(persona, order(persona, CHOICE)[: answering.FEWEST_FOR_RETEST - 1], value=1, days=30)
    assert answering.retest_get(persona=persona).on is None
    answer(persona, order(persona, CHOICE)[answering.FEWEST_FOR_RETEST :][:5], value=1, days=13)
    retest = answering.retest_get(persona=persona)
    assert not retest.is_due
    assert retest.on - timezone.now() == pytest.approx(timedelta(days=1), abs=timedelta(minutes=1))
    assert answering.retest_get(persona=persona, now=timezone.now() + timedelta(days=2)).is_due


def test_a_card_shows_what_was_answered_and_in_the_personas_language(persona):
    persona.language = "ru"
    key = (FILM, "casablanca-1942")
    answer(persona, [key], value=4)
    card = card_of(answering.sitting_get(persona=persona), key)
    assert card.text == "Касабланка"
    assert card.below == "1942, drama, romance, war"
    assert [button.value for button in card.buttons if button.is_chosen] == [4]
    assert [button.key for button in card.buttons] == ["1", "2", "3", "4", "5", "0"]
    assert key_of(card.name) == key


# The pages


def address(persona, name="likeness_answer", **query):
    return reverse(name, args=(persona.pk,), query=query)


def shown(response):
    """The item on the page."""
    return key_of(re.search(r'name="item" value="([^"]+)"', response.content.decode())[1])


def test_the_plain_form_saves_and_goes_on(persona, visitor):
    keys = order(persona, CHOICE)
    page = visitor.get(address(persona, of=CHOICE))
    assert shown(page) == keys[0]
    sent = {"item": ":".join(keys[0]), "value": "1", "seconds": "3.25"}
    page = visitor.post(address(persona, of=CHOICE), sent, follow=True)
    assert shown(page) == keys[1]
    assert "1 of 86 answered" in page.content.decode()
    assert ItemAnswer.objects.get().seconds == 3.25
    page = visitor.get(address(persona, of=CHOICE, item=":".join(keys[0])))
    assert re.search(r'value="1" data-key="2" aria-pressed="true"', page.content.decode())


def test_a_script_gets_the_next_card_alone(persona, visitor):
    keys = order(persona)
    sent = {"item": ":".join(keys[0]), "value": "1", "seconds": "x"}
    reply = visitor.post(address(persona), sent, headers={"accept": "application/json"}).json()
    assert f'value="{":".join(keys[1])}"' in reply["card"]
    assert "<html" not in reply["card"]
    assert reply["done"] == 1


def test_a_value_that_is_none_is_said_and_the_card_stays(persona, visitor):
    key = order(persona)[3]
    for value in ("7", "", "one", "-1", "¹"):
        response = visitor.post(address(persona), {"item": ":".join(key), "value": value})
        assert response.status_code == 400
        assert shown(response) == key
        assert "This answer does not fit the item." in response.content.decode()
    assert not ItemAnswer.objects.exists()


def test_an_unknown_item_is_refused_with_the_next_card(persona, visitor):
    response = visitor.post(
        address(persona), {"item": "film:none", "value": "1"}, headers={"accept": "application/json"}
    )
    assert response.status_code == 400
    assert "not asked here" in json.loads(response.content)["fault"]


def test_the_second_asking_hides_the_first_answers_and_is_kept_apart(persona, visitor):
    answer(persona, order(persona, CHOICE)[:20], value=1, days=15)
    assert "The same questions once more" in visitor.get(address(persona, "likeness")).content.decode()
    page = visitor.get(address(persona, "likeness_again"))
    key = shown(page)
    assert "aria-pressed" not in page.content.decode()
    visitor.post(address(persona, "likeness_again"), {"item": ":".join(key), "value": "0"})
    assert set(ItemAnswer.objects.filter(item=key[1]).values_list("round", "value")) == {(1, 1), (2, 0)}


def test_the_last_second_answer_gives_the_report_its_ceiling(persona, visitor):
    from tests.fidelity.report_fixture import make_report, make_version

    report = make_report(persona, make_version(persona), count=4, ceiling=False)
    answer(persona, order(persona, CHOICE)[:14], value=1, days=15)
    asked = answering.retest_get(persona=persona).sitting.order
    answer(persona, asked[:-1], value=1, round=RETEST)
    report.refresh_from_db()
    assert report.result["ceiling"] is None
    visitor.post(address(persona, "likeness_again"), {"item": ":".join(asked[-1]), "value": "0"})
    report.refresh_from_db()
    assert report.result["ceiling"]["self_agreement"]["value"] == pytest.approx(13 / 14, abs=1e-3)


def test_without_old_answers_there_is_nothing_to_ask_again(persona, visitor):
    response = visitor.get(address(persona, "likeness_again"))
    assert (response.status_code, response.url) == (302, address(persona, "likeness_items"))


def test_the_intro_says_what_it_is_for_and_how_far_one_is(persona, visitor):
    answer(persona, order(persona, FILM)[:7], value=3)
    page = visitor.get(address(persona, "likeness_items")).content.decode()
    assert "Nothing of this is trained on or exported" in page
    assert "7 of 180 answered" in page
    assert "0 of 86 answered" in page


@pytest.mark.slow
@pytest.mark.django_db(transaction=True)
def test_items_are_answered_by_keys_without_a_reload(persona, live_server, visitor, monkeypatch):
    from tests.training.test_in_browser import violations

    if not shutil.which("chromium"):
        pytest.skip("chromium is not installed")
    from playwright.sync_api import sync_playwright

    monkeypatch.setenv("DJANGO_ALLOW_ASYNC_UNSAFE", "true")
    keys = order(persona, FILM)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=shutil.which("chromium"), args=["--no-sandbox"])
        context = browser.new_context(base_url=live_server.url)
        for name, cookie in visitor.cookies.items():
            context.add_cookies([{"name": name, "value": cookie.value, "url": live_server.url}])
        page = context.new_page()
        complaints = []
        page.on("console", lambda message: complaints.append(message.text) if message.type == "error" else None)
        page.goto(address(persona, of=FILM))
        assert violations(page) == []
        page.evaluate("window.stays = true")
        for place, key in enumerate("5038"):  # 8 answers nothing
            page.keyboard.press(key)
            page.get_by_text(f"{min(place + 1, 3)} of 180").wait_for()
        page.keyboard.press("ArrowLeft")
        page.locator("[aria-pressed=true]").wait_for()
        page.keyboard.press("4")
        page.locator("[aria-pressed]").wait_for(state="detached")
        page.get_by_role("button", name="very much").click()
        page.get_by_text("4 of 180").wait_for()
        assert page.evaluate("window.stays")
        browser.close()
    kept = dict(ItemAnswer.objects.values_list("item", "value"))
    assert [kept[item] for _kind, item in keys[:4]] == [5, 0, 4, 5]
    assert complaints == []


def test_who_hardly_agrees_with_themselves_gets_no_share_of_a_ceiling_but_the_report_is_kept(persona, visitor):
    """The interval of the quotient has no end where resamples leave no ceiling, and JSON knows no infinity."""
    from tests.fidelity.report_fixture import make_report, make_version

    report = make_report(persona, make_version(persona), count=9, ceiling=False)
    answer(persona, order(persona, CHOICE)[:14], value=1, days=15)
    asked = answering.retest_get(persona=persona).sitting.order
    answer(persona, asked[:6], value=1, round=RETEST)
    answer(persona, asked[6:-1], value=0, round=RETEST)
    visitor.post(address(persona, "likeness_again"), {"item": ":".join(asked[-1]), "value": "0"})
    report.refresh_from_db()
    assert report.result["ceiling"]["self_agreement"]["value"] == pytest.approx(6 / 14, abs=1e-3)
    assert report.result["ceiling"]["normalised"] is None
    page = visitor.get(address(persona, "likeness"))
    assert "You agree with yourself 43" in page.content.decode()
