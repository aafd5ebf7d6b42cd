"""The writing room in a real browser: by keyboard alone, small and large, offline, heard, and light to load."""

import gzip
import re
from types import SimpleNamespace

import pytest
from playwright.sync_api import expect

pytestmark = pytest.mark.slow

SAVED = re.compile(r"Saved \d")
FAKE_EARS = """
window.SpeechRecognition = window.webkitSpeechRecognition = class {
  start() { window.ears = this; }
  stop() { this.onend(); }
};
"""


@pytest.fixture(scope="module")
def door(site, browser):
    """Cookies of a session, and the address of the site."""
    context = browser.new_context()
    page = context.new_page()
    page.goto(site.manage("link").strip().splitlines()[-1])
    yield SimpleNamespace(state=context.storage_state(), base=site.link.split("/open/")[0])
    context.close()


@pytest.fixture
def open_page(browser, door):
    """A page with the session's cookies; no error may be left in its console."""
    contexts = []

    def make(script="", **looks):
        context = browser.new_context(storage_state=door.state, **{"locale": "en"} | looks)
        contexts.append(context)
        if script:
            context.add_init_script(script)
        page = context.new_page()
        page.faults = []
        page.on("pageerror", lambda error: page.faults.append(str(error)))
        page.on("console", lambda message: message.type == "error" and page.faults.append(message.text))
        return page

    yield make
    for context in contexts:
        assert [fault for page in context.pages for fault in page.faults] == []
        context.close()


@pytest.fixture(scope="module")
def room(door, browser):
    """The address of the writing room of a new portrait."""
    context = browser.new_context(storage_state=door.state, locale="en")
    page = context.new_page()
    page.goto(door.base + "/personas/")
    page.get_by_label("Name").fill("Wren")
    page.get_by_role("button", name="Begin").click()
    page.wait_for_url("**/write/**")
    address = page.url.split("/write/")[0] + "/write/"
    context.close()
    return address


FOCUSED = """() => {
  const here = document.activeElement;
  const labels = [...(here.labels ?? [])].map((label) => label.textContent);
  return [here.getAttribute("aria-label"), ...labels, here.textContent].filter(Boolean).join(" ").trim();
}"""


def tab_to(page, name, most=60):
    """Presses Tab until the control with that beginning of a name has the focus."""
    for _press in range(most):
        page.keyboard.press("Tab")
        if page.evaluate(FOCUSED).startswith(name):
            return
    raise AssertionError(f"Tab does not reach {name!r}")


def heading(page):
    return page.locator("h1").inner_text()


def next_question(page):
    before = heading(page)
    page.keyboard.press("Control+Enter")
    expect(page.locator("h1")).not_to_have_text(before)
    page.wait_for_load_state()


def test_three_answers_training_and_chat_by_keyboard_alone(open_page, door):
    page = open_page()
    page.goto(door.base + "/personas/")
    tab_to(page, "Name")
    page.keyboard.type("Kay")
    tab_to(page, "Begin")
    page.keyboard.press("Enter")
    page.wait_for_url("**/write/**")
    for number in range(3):
        field = page.get_by_role("textbox", name=heading(page))  # the question is the field's name
        expect(field).to_be_focused()
        page.keyboard.type(f"Line {number}.")
        page.keyboard.press("Enter")
        page.keyboard.type("Another line?")
        expect(field).to_have_value(f"Line {number}.\nAnother line?")
        expect(page.get_by_role("status").filter(has_text=SAVED)).to_be_visible()
        next_question(page)
    expect(page.get_by_role("banner")).to_contain_text("a portrait in 3 answers")
    page.goto(page.url)
    tab_to(page, "Train")
    page.keyboard.press("Enter")
    page.wait_for_url("**/train/")
    tab_to(page, "Chat")
    page.keyboard.press("Enter")
    page.wait_for_url("**/chat/**")
    page.get_by_role("textbox").first.wait_for()
    for _press in range(40):
        if page.evaluate("document.activeElement.tagName") == "TEXTAREA":
            break
        page.keyboard.press("Tab")
    page.keyboard.type("Hello?")
    expect(page.get_by_role("textbox").first).to_have_value("Hello?")


def test_keys_are_listed_move_and_find_and_are_text_inside_the_field(open_page, room):
    page = open_page()
    page.goto(room)
    first = heading(page)
    page.keyboard.type("Why?")
    expect(page.locator("[data-answer]")).to_have_value("Why?")
    page.get_by_text(SAVED).wait_for()
    page.locator("h1").click()
    page.keyboard.press("?")
    keys = page.get_by_role("dialog", name="Keys")
    expect(keys).to_be_visible()
    page.keyboard.press("Escape")
    expect(keys).to_be_hidden()
    page.locator("[data-answer]").focus()
    page.keyboard.press("Alt+ArrowDown")
    expect(page.locator("h1")).not_to_have_text(first)
    page.keyboard.press("Alt+ArrowUp")
    expect(page.locator("h1")).to_have_text(first)
    page.keyboard.press("Control+k")
    page.wait_for_url("**/find/")
    expect(page.get_by_role("searchbox")).to_be_focused()


def test_focus_mode_leaves_question_and_text_is_remembered_and_esc_ends_it(open_page, room):
    page = open_page()
    page.goto(room)
    page.get_by_role("button", name="Focus").click()
    for other in (page.get_by_role("banner"), page.get_by_role("complementary"), page.get_by_text("Skip", exact=True)):
        expect(other).to_be_hidden()
    expect(page.locator("[data-answer]")).to_be_focused()
    page.reload()
    expect(page.get_by_role("banner")).to_be_hidden()
    expect(page.get_by_role("button", name="Leave focus")).to_have_attribute("aria-pressed", "true")
    page.keyboard.press("Escape")
    expect(page.get_by_role("banner")).to_be_visible()
    page.reload()
    expect(page.get_by_role("banner")).to_be_visible()


def test_a_short_answer_is_asked_on_and_the_reply_survives_a_reload(open_page, room):
    page = open_page()
    page.goto(room)
    page.locator("[data-answer]").fill("Soup, mostly.")
    follow = page.locator("[data-part=follow]")
    follow.wait_for()
    reply = follow.get_by_role("textbox")
    reply.fill("My aunt stirred.")
    page.get_by_text(SAVED).wait_for()
    page.reload()
    expect(reply).to_have_value("My aunt stirred.")
    follow.get_by_role("button", name="Add it to the answer").click()
    expect(page.locator("[data-answer]")).to_have_value("Soup, mostly.\n\nMy aunt stirred.")
    expect(follow).to_be_hidden()
    assert page.evaluate("Object.keys(localStorage).filter((key) => key.startsWith('follow/'))") == []


def test_what_is_said_lands_at_the_caret_and_is_saved(open_page, room):
    page = open_page(FAKE_EARS)
    page.goto(room)
    field = page.locator("[data-answer]")
    field.fill("I like tea.")
    field.evaluate("field => field.setSelectionRange(6, 6)")
    expect(page.get_by_text("Your browser's maker may hear this.")).to_be_visible()
    page.get_by_role("button", name="Dictate").click()
    stop = page.get_by_role("button", name="Stop listening")
    expect(stop).to_have_attribute("aria-pressed", "true")
    assert page.evaluate("window.ears.lang") == "en-US"
    page.evaluate(
        "window.ears.onresult({resultIndex: 0, results: [Object.assign([{transcript: ' green '}], {isFinal: true})]})"
    )
    expect(field).to_have_value("I like green tea.")
    page.get_by_text(SAVED).wait_for()
    stop.click()
    page.get_by_role("button", name="Dictate").click()
    expect(stop).to_have_attribute("aria-pressed", "true")
    page.evaluate("window.ears.onerror({error: 'not-allowed'}); window.ears.onend()")
    expect(page.get_by_text("was not allowed to use the microphone")).to_be_visible()


def test_without_a_browser_that_listens_there_is_no_dictation(open_page, room):
    page = open_page("delete window.webkitSpeechRecognition; delete window.SpeechRecognition;")
    page.goto(room)
    page.get_by_role("button", name="Focus").wait_for()
    expect(page.get_by_role("button", name="Dictate")).to_be_hidden()


def test_offline_and_back(open_page, room):
    page = open_page()
    page.goto(room)
    page.context.set_offline(True)
    page.locator("[data-answer]").fill("Written in a tunnel.")
    page.get_by_text("Offline, kept on this device").wait_for()
    page.context.set_offline(False)
    page.get_by_text(SAVED).wait_for()
    page.reload()
    expect(page.locator("[data-answer]")).to_have_value("Written in a tunnel.")
    page.faults = [fault for fault in page.faults if "ERR_INTERNET_DISCONNECTED" not in fault]


@pytest.mark.parametrize(("width", "height", "scale"), [(320, 640, 2), (320, 200, 4)])
def test_a_phone_and_four_hundred_percent(open_page, room, width, height, scale):
    """1280 x 800 at 400 % are 320 x 200 CSS pixels."""
    page = open_page(viewport={"width": width, "height": height}, device_scale_factor=scale)
    page.goto(room)
    page.locator("[data-answer]").fill("word " * 12)
    follow = page.locator("[data-part=follow]")
    follow.wait_for()
    assert page.evaluate("document.documentElement.scrollWidth") == width
    for control in (
        page.locator("[data-answer]"),
        page.get_by_role("button", name="Next"),
        follow.get_by_role("button"),
    ):
        control.scroll_into_view_if_needed()
        control.click(trial=True)  # nothing lies above it
    page.get_by_text(SAVED).wait_for()
    page.get_by_role("button", name="Next").click()
    page.wait_for_load_state()
    expect(page.locator("#question")).to_be_focused()  # no keyboard slides in; the question is read out


@pytest.mark.parametrize(("language", "most"), [("en", 140_000), ("ru", 190_000)])
def test_the_first_load_is_light(open_page, room, language, most):
    """What a compressing server would send; fonts are compressed already."""
    page = open_page(locale=language)
    loaded = {}
    page.on("response", lambda response: loaded.update({response.url: response}))
    page.goto(room, wait_until="networkidle")
    sizes = {"script": 0, "stylesheet": 0, "font": 0, "other": 0}
    for url, response in loaded.items():
        if response.status >= 300:
            continue
        assert url.startswith(room.split("/p/")[0])
        kind = response.request.resource_type
        body = response.body()
        sizes[kind if kind in sizes else "other"] += len(body) if kind == "font" else len(gzip.compress(body))
    fonts = len([url for url in loaded if url.endswith(".woff2")])
    assert len(loaded) - fonts <= 11, sorted(loaded)  # 12 in English: two fonts, less the redirect to the question
    assert sizes["script"] <= 35_000, sizes
    assert sizes["stylesheet"] <= 10_000, sizes
    assert 0 < sizes["font"] < sum(sizes.values()) <= most, sizes
