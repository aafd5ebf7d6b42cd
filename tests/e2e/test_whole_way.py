"""A person's way through the whole program, in a real browser: link, answers, import, export, training, chat."""

import json
import re
from pathlib import Path

import pytest
from playwright.sync_api import expect

from tests.e2e.demo_answers import demo_answers_write

ROOT = Path(__file__).parents[2]
NORA = ROOT.parent / "shared" / "data" / "persona_nora.json"

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def answers_file(tmp_path_factory) -> Path:
    """150 answers: of the test persona, or of the demo persona where the shared test data is not here."""
    if NORA.exists():
        return NORA
    return demo_answers_write(tmp_path_factory.mktemp("answers") / "answers.json")


@pytest.fixture(scope="module")
def page(site, browser):
    context = browser.new_context(viewport={"width": 1280, "height": 800}, locale="en")
    page = context.new_page()
    page.faults = []
    page.on("pageerror", lambda error: page.faults.append(str(error)))
    page.on("console", lambda message: message.type == "error" and page.faults.append(message.text))
    page.goto(site.link)
    yield page
    assert page.faults == []
    context.close()


def test_1_the_link_opens_the_shelf_with_the_demo(page):
    page.get_by_role("heading", name="A portrait in your own words").wait_for()
    assert page.get_by_text("fictional demo").is_visible()
    page.get_by_label("Name").fill("Nora")
    page.get_by_role("button", name="Begin").click()
    page.wait_for_url("**/write/**")


def test_2_three_answers_are_written_and_saved(page):
    for number in range(3):
        question = page.locator("h1").inner_text()
        page.locator("[data-answer]").fill(f"Answer number {number}: the ferry, and the ramp going down at night.")
        page.get_by_text(re.compile(r"Saved \d")).wait_for()
        page.keyboard.press("Control+Enter")
        page.wait_for_function("question => document.querySelector('h1').innerText !== question", arg=question)
    page.get_by_role("link", name=re.compile("Write")).click()
    assert "a portrait in 3 answers" in page.locator("header").inner_text()


def test_3_a_text_is_back_after_a_reload_in_the_middle_of_writing(page):
    page.locator("[data-answer]").fill("Half a sent")
    page.reload()
    assert page.locator("[data-answer]").input_value() == "Half a sent"
    page.get_by_text(re.compile(r"Saved|Brought back")).wait_for()
    page.locator("[data-answer]").fill("")
    page.wait_for_timeout(1500)


def test_4_answers_are_imported_after_a_look(page, answers_file):
    page.get_by_role("link", name="Data").click()
    page.get_by_label("File").set_input_files(answers_file)
    page.get_by_role("button", name="Look what is in it").click()
    page.get_by_text("Nothing has been changed yet.").wait_for()
    page.get_by_role("button", name="Import").click()
    page.get_by_text(re.compile(r"\d+ answers were imported")).wait_for()


def test_5_the_data_set_is_downloaded_in_the_articles_format(page):
    page.get_by_role("link", name="With markers").click()
    with page.expect_download() as download:
        page.get_by_role("link", name="Download .jsonl").click()
    lines = Path(download.value.path()).read_bytes().splitlines()
    rows = [json.loads(line) for line in lines]
    assert len(rows) >= 150
    assert all(row["prompt"].startswith("Q: ") and row["prompt"].endswith(" ->") for row in rows)
    assert all(row["completion"].startswith(" ") and row["completion"].endswith("###") for row in rows)


def test_6_training_is_started_watched_and_ready(page):
    page.get_by_role("link", name="Train", exact=True).first.click()
    page.get_by_role("button", name="Start training").click()
    page.wait_for_url(re.compile(r"/train/[0-9a-f-]{36}/"))
    expect(page).to_have_title(re.compile(r"^[1-9]\d* ?%"), timeout=180_000)
    page.reload()
    page.get_by_role("heading", name="It is ready to talk").wait_for(timeout=420_000)
    assert page.locator(".chart canvas").count() == 1
    assert page.locator("table.sample").count() >= 1


def test_7_the_persona_answers_from_what_was_written_and_shows_it(page):
    page.get_by_role("link", name="Chat with it").click()
    box = page.get_by_role("textbox")
    box.fill("What do you do for a living?")
    box.press("Enter")
    reply = page.locator(".reply:not([aria-busy])").first
    expect(reply).to_contain_text(re.compile("from your (words|answer)"), timeout=200_000)  # or quoted: both are honest
    source = page.locator(".sources a").first
    assert "/write/" in source.get_attribute("href")
    page.reload()
    assert page.get_by_text("What do you do for a living?").first.is_visible()


def test_8_it_says_that_it_was_never_told(page):
    box = page.get_by_role("textbox")
    box.fill("What is the serial number of your washing machine's motor?")
    box.press("Enter")
    page.get_by_role("emphasis").get_by_text("I never told it that").wait_for(timeout=60_000)


def test_9_what_the_person_would_say_is_said_at_once(page):
    question = "What is the serial number of your washing machine's motor?"
    page.get_by_text("I would say…").last.click()
    page.get_by_label("What would you really say?").last.fill("It is 4711, and I know that number by heart.")
    page.get_by_role("button", name="Keep").last.click()
    page.get_by_text("You would say:").wait_for()
    box = page.get_by_role("textbox", name="Your message")
    box.fill(question)
    box.press("Enter")
    page.locator(".reply").last.locator(".words", has_text="4711").wait_for(timeout=60_000)
