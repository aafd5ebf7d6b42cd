"""The chat room in a real browser, under the real content policy, over a server that plays the engine."""

import asyncio
import shutil
import socket
import threading
import time

import pytest
import uvicorn
from django.core.asgi import get_asgi_application

from chat import client
from chat.models import Conversation
from questionnaires.models import Answer
from tests.chat.payloads import PAYLOADS, SHORT
from tests.training.conftest import wait_for  # this module puts the database into a file, which streams need

pytestmark = [pytest.mark.slow, pytest.mark.django_db(transaction=True)]
CHROMIUM = shutil.which("chromium")


@pytest.fixture
def site(transactional_db):
    """The address of the site under ASGI, as it is served for real: streams need it."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    config = uvicorn.Config(get_asgi_application(), port=port, lifespan="off", log_level="warning")
    server = uvicorn.Server(config)
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    while not server.started:
        time.sleep(0.02)
    yield f"http://127.0.0.1:{port}"
    server.should_exit = server.force_exit = True
    thread.join(5)


@pytest.fixture
def page(site, visitor, persona, monkeypatch):
    """An empty conversation of the owner; the test fails on anything that the browser complains about."""
    if not CHROMIUM:
        pytest.skip("chromium is not installed")
    from playwright.sync_api import sync_playwright

    monkeypatch.setenv("DJANGO_ALLOW_ASYNC_UNSAFE", "true")  # playwright's loop runs in this thread
    complaints = []
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox", "--disable-gpu"])
        context = browser.new_context(base_url=site, color_scheme="dark")
        context.add_cookies(
            [{"name": name, "value": cookie.value, "url": site} for name, cookie in visitor.cookies.items()]
        )
        page = context.new_page()
        page.on("console", lambda message: complaints.append(message.text) if message.type == "error" else None)
        page.on("pageerror", lambda error: complaints.append(str(error)))
        page.goto(f"/p/{persona.pk}/chat/?new=1")
        yield page
        browser.close()
    assert complaints == []


def ask(page, text):
    count = page.locator(".reply").count()
    box = page.get_by_role("textbox", name="Your message")
    box.fill(text)
    box.press("Enter")
    page.locator(".reply").nth(count).wait_for()


def ended(page):
    page.locator(".reply[aria-busy]").wait_for(state="detached")
    return page.locator(".reply").last


def test_stop_by_a_key_go_on_another_reply_and_back(page, engine, told):
    engine.replies, engine.pause = [[f" word{number}" for number in range(200)]], 0.05
    ask(page, "Where are you from?")
    page.locator(".words", has_text="word1 word2").wait_for()
    page.keyboard.press("Escape")
    assert ended(page).get_by_text("You stopped it here.").is_visible()
    assert engine.gone.wait(1)
    engine.replies, engine.pause = [[" in Nida."]], 0
    page.get_by_role("button", name="Go on").press("Enter")
    page.locator(".words", has_text="in Nida.").wait_for()
    engine.replies = [["In a red house."]]
    ended(page).get_by_role("button", name="Another reply").press("Enter")
    page.locator(".words", has_text="In a red house.").wait_for()
    assert ended(page).get_by_text("2/2").is_visible()
    page.get_by_role("button", name="The branch before").press("Enter")
    page.locator(".words", has_text="in Nida.").wait_for()
    page.get_by_text("1/2").wait_for()


def test_what_is_said_elsewhere_shows_on_an_open_page(page, engine, told):
    engine.replies = [["By the sea."], [f" word{number}" for number in range(40)]]
    ask(page, "Where are you from?")
    ended(page)
    page.get_by_role("textbox", name="Your message").fill("half a sen")
    other = page.context.new_page()
    other.goto(page.url)
    engine.pause = 0.3
    ask(other, "And then?")
    page.locator(".said", has_text="And then?").wait_for()
    page.locator(".reply[aria-busy] .words", has_text="word0").wait_for()  # it comes word by word here as well
    assert ended(page).locator(".words", has_text="word39").is_visible()
    assert page.get_by_role("textbox", name="Your message").input_value() == "half a sen"
    assert page.locator(".reply").count() == other.locator(".reply").count() == 2


def test_an_edited_message_and_its_branches(page, engine, told):
    engine.replies = [["By the sea."], ["Ada."]]
    ask(page, "Where are you from?")
    ended(page)
    said = page.locator(".said").last
    said.get_by_text("Edit").click()
    said.get_by_label("Say it in other words").fill("Who are you, then?")
    said.get_by_role("button", name="Send again").click()
    page.locator(".words", has_text="Ada.").wait_for()
    page.get_by_text("By the sea.").wait_for(state="hidden")
    page.locator(".said").get_by_role("button", name="The branch before").click()
    page.locator(".words", has_text="By the sea.").wait_for()


def test_a_correction_is_kept_without_leaving_the_page_and_works_at_once(page, engine, told, persona):
    ask(page, "Where are you from?")
    reply = ended(page)
    page.evaluate("window.stays = true")
    reply.get_by_text("I would say…").press("Enter")
    reply.get_by_label("What would you really say?").fill("From Klaipeda.")
    reply.get_by_role("button", name="Keep").click()
    page.get_by_text("You would say:").wait_for()
    assert page.evaluate("window.stays")
    assert Answer.objects.get(source="correction").text == "From Klaipeda."
    ask(page, "Where are you from?")
    ended(page)
    assert "From Klaipeda." in engine.generated[-1]["messages"][0]["content"]
    page.get_by_role("link", name="Corrections").first.click()
    page.get_by_role("button", name="Take it back").click()
    page.get_by_text("was taken back").wait_for()
    assert not Answer.objects.filter(source="correction").exists()


def test_a_temporary_conversation_goes_when_its_page_is_left(page, engine, told, persona):
    page.get_by_role("link", name="Temporary conversation").click()
    ask(page, "Where are you from?")
    ended(page)
    page.get_by_role("link", name="Data").click()
    page.wait_for_url("**/data/")
    wait_for(lambda: Conversation.objects.get().closed_at)


def bytewise(text):
    """In the place of the model server's stream: UTF-8 may come in any pieces, but characters are whole."""

    async def stream(**_wanted):
        for character in text:
            yield character
            await asyncio.sleep(0)
        yield client.Finish("stop", len(text))

    return stream


@pytest.mark.parametrize("payloads", [SHORT, pytest.param(PAYLOADS, marks=pytest.mark.campaign)], ids=["25", "200"])
def test_payloads_a_byte_at_a_time_run_nothing_and_fetch_nothing(page, engine, told, site, monkeypatch, payloads):
    foreign = []
    page.on("request", lambda r: None if r.url.startswith((site, "data:")) else foreign.append(r.url))
    page.on("dialog", lambda dialog: foreign.append(dialog.message))
    batches = [payloads[start : start + 20] for start in range(0, len(payloads), 20)]
    for number, batch in enumerate(batches):
        text = "\n".join(batch)
        monkeypatch.setattr(client, "stream_reply", bytewise(text))
        ask(page, batch[number][:900])  # the person's own words are as foreign
        shown = ended(page).locator(".words").text_content()
        assert "pwned=1" in shown
        assert page.evaluate("window.pwned") is None
    page.reload()
    page.get_by_text("Details").last.wait_for()
    assert page.evaluate("window.pwned") is None
    assert (
        page.locator(".talk :is(script, img, iframe, object, style, link, base, meta, a[href^=javascript])").count()
        == 0
    )
    assert foreign == []
