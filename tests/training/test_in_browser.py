"""The training room in a real browser, under the real content policy."""

import re
import shutil

import pytest

from tests.training.conftest import in_background, wait_for
from training.execution import run_execute
from training.models import RunEvent, TrainingRun

pytestmark = [pytest.mark.slow, pytest.mark.django_db(transaction=True)]
CHROMIUM = shutil.which("chromium")
FAKE_NOTIFICATION = """
window.told = [];
window.Notification = class {
  static permission = "granted";
  static requestPermission = async () => "granted";
  constructor(title, more) { told.push([title, more.body]); }
};
"""


@pytest.fixture
def page(live_server, visitor, monkeypatch, settings):
    """A page with the owner's session; the test fails on anything that the browser complains about."""
    if not CHROMIUM:
        pytest.skip("chromium is not installed")
    from playwright.sync_api import sync_playwright

    monkeypatch.setenv("DJANGO_ALLOW_ASYNC_UNSAFE", "true")  # playwright's loop runs in this thread
    complaints = []
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox", "--disable-gpu"])
        context = browser.new_context(base_url=live_server.url, color_scheme="dark")
        context.add_cookies(
            [{"name": name, "value": cookie.value, "url": live_server.url} for name, cookie in visitor.cookies.items()]
        )
        page = context.new_page()
        page.on("console", lambda message: complaints.append(message.text) if message.type == "error" else None)
        page.on("pageerror", lambda error: complaints.append(str(error)))
        page.complaints = complaints
        yield page
        browser.close()
    assert complaints == []


def violations(page):
    from axe_playwright_python.sync_playwright import Axe

    tags = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa"]
    found = Axe().run(page, options={"runOnly": {"type": "tag", "values": tags}}).response["violations"]
    return [(each["id"], [node["html"] for node in each["nodes"]]) for each in found]


def test_a_training_is_watched_to_its_end_without_a_reload(page, author, fake):
    fake(steps=60, seconds=0.12)
    page.goto(f"/p/{author.pk}/train/")
    assert violations(page) == []
    page.get_by_role("button", name="Start training").click()
    page.wait_for_url(re.compile(r"/train/[0-9a-f-]{36}/$"))
    page.evaluate("window.stays = true")
    run = TrainingRun.objects.get()
    worker = in_background(run_execute, run_id=run.pk)
    page.wait_for_selector(".chart canvas")
    wait_for(lambda: page.wait_for_timeout(100) or re.match(r"[1-9]\d? % · Training", page.title()))
    page.wait_for_selector("text=It was asked:")
    assert violations(page) == []
    page.get_by_role("link", name="Chat with it").wait_for(timeout=20_000)
    assert page.title().startswith("Ready")
    assert page.evaluate("window.stays")
    assert page.locator("[data-latest=validation]").inner_text() == f"{3.2 / 60:.2f}"
    assert page.locator("[data-announce]").inner_text() == "ready"
    assert violations(page) == []
    worker.join()


def test_cancel_and_going_on_by_keyboard(page, author, run, fake):
    fake(steps=2000, seconds=0.05)
    worker = in_background(run_execute, run_id=run.pk)
    wait_for(lambda: RunEvent.objects.filter(run=run, kind="checkpoint").exists())
    page.goto(f"/p/{author.pk}/train/{run.pk}/")
    page.get_by_role("button", name="Cancel").press("Enter")
    worker.join(10)
    button = page.get_by_role("button", name=re.compile("Go on near step"))
    button.wait_for(timeout=10_000)
    assert "The training was cancelled" in page.locator("h1").inner_text()
    button.press("Enter")
    page.get_by_role("button", name="Cancel").wait_for()
    run.refresh_from_db()
    assert run.state == "queued"


def test_without_the_server_what_is_shown_stays_and_it_goes_on_later(page, author, run, fake):
    page.goto(f"/p/{author.pk}/train/{run.pk}/")
    page.wait_for_selector("text=Waiting for the trainer")
    page.context.set_offline(True)
    page.wait_for_selector("text=The server does not answer.")
    assert page.get_by_text("Waiting for the trainer").is_visible()
    assert violations(page) == []
    page.context.set_offline(False)
    run_execute(run_id=run.pk)
    page.get_by_role("link", name="Chat with it").wait_for(timeout=15_000)
    assert page.locator("[data-lost]").inner_text() == ""
    assert {text for text in page.complaints if "ERR_INTERNET_DISCONNECTED" not in text} == set()
    page.complaints.clear()  # the failed requests themselves, which the browser notes


def test_who_is_logged_out_is_told_and_left_alone(page, author, run, fake):
    page.goto(f"/p/{author.pk}/train/{run.pk}/")
    page.wait_for_selector("text=Waiting for the trainer")
    page.context.clear_cookies()
    page.wait_for_selector("text=You are no longer logged in")
    looks = []
    page.on("request", lambda request: looks.append(request.url))
    page.wait_for_timeout(2500)
    assert looks == []


def test_the_end_is_told_by_a_notification_that_was_asked_for(page, author, run, fake):
    page.context.grant_permissions(["notifications"])
    page.add_init_script(FAKE_NOTIFICATION)
    page.goto(f"/p/{author.pk}/train/{run.pk}/")
    button = page.get_by_role("button", name="Tell me when it is done")
    button.press("Enter")
    page.wait_for_selector("text=The browser will tell you")
    page.reload()
    assert button.get_attribute("aria-pressed") == "true"
    run_execute(run_id=run.pk)
    page.get_by_role("link", name="Chat with it").wait_for(timeout=15_000)
    assert page.evaluate("told") == [["Ready · Training · Ada", "Open the page to see what it learned."]]
    assert not button.is_visible()


def test_the_end_is_told_on_another_page_too(page, author, run, fake):
    page.context.grant_permissions(["notifications"])
    page.add_init_script(FAKE_NOTIFICATION)
    page.goto(f"/p/{author.pk}/train/{run.pk}/")
    page.get_by_role("button", name="Tell me when it is done").click()
    page.wait_for_selector("text=The browser will tell you")
    page.goto("about:blank")
    run_execute(run_id=run.pk)
    page.goto(f"/p/{author.pk}/data/")
    wait_for(lambda: page.wait_for_timeout(100) or page.evaluate("told.length"))
    assert page.evaluate("told[0][0]") == "Ready · Training · Ada"
    page.reload()
    page.wait_for_timeout(500)
    assert page.evaluate("told") == []


def test_both_curves_and_their_smoothing_by_keyboard(page, author, run, fake):
    run_execute(run_id=run.pk)
    page.goto(f"/p/{author.pk}/train/{run.pk}/")
    page.wait_for_selector(".chart canvas")
    latest = page.locator("[data-latest=training]")
    evened = latest.inner_text()
    page.get_by_label("Smoothing").press("Home")
    assert latest.inner_text() == f"{3.0 / 6:.2f}" != evened
    page.get_by_role("radio", name="Surprise (loss)").press("ArrowRight")
    assert page.locator("[data-latest=validation]").inner_text() == "50%"
    assert page.get_by_text("How many of your next words").is_visible()
    page.reload()
    page.wait_for_selector(".chart canvas")
    assert page.get_by_label("Smoothing").input_value() == "0"
    assert violations(page) == []


def test_a_pause_and_going_on_by_keyboard(page, author, run, fake):
    fake(steps=2000, seconds=0.05)
    worker = in_background(run_execute, run_id=run.pk)
    page.goto(f"/p/{author.pk}/train/{run.pk}/")
    page.wait_for_selector(".chart canvas")
    page.get_by_role("button", name="Pause").press("Enter")
    worker.join(15)
    page.wait_for_selector("text=The training is paused")
    assert page.get_by_text("It rests after step").is_visible()
    page.get_by_role("button", name="Go on").press("Enter")
    page.wait_for_selector("text=Learning from")
    run.refresh_from_db()
    assert run.state == "queued"


REMOTE = {"provider": "openai_compatible", "estimate": {"money": [0.1, 0.2]}, "consent": {"to": "api.example.com"}}
STATES = [
    {"state": "unsure", "remote": {"stage": "unsure", "looks": 2}},
    {"state": "unsure", "remote": {"stage": "ask", "looks": 5}},
    {"state": "training", "step": 3, "total_steps": 6, "remote": {"raw_status": "running", "trouble": "It is away."}},
    {"state": "paused", "step": 3, "total_steps": 6},
    {"state": "failed", "error": "The account has no credit left.", "remote": {"mend": "retry"}},
]


def test_each_state_fits_a_phone_and_is_accessible(page, author, run, fake):
    page.set_viewport_size({"width": 320, "height": 640})
    page.emulate_media(color_scheme="light")
    for columns in STATES:
        TrainingRun.objects.filter(pk=run.pk).update(**(REMOTE | {"remote": {}} | columns))
        page.goto(f"/p/{author.pk}/train/{run.pk}/")
        assert violations(page) == [], columns
        overflow = page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth")
        assert overflow <= 0, columns
