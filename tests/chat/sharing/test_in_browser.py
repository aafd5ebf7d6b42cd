"""A visitor in a real browser: with and without scripts, on a phone and a desk, in the light and in the dark."""

import shutil

import pytest
from django.urls import reverse

from chat.models import Message, PersonaShare
from chat.sharing import speaking
from chat.sharing.shares import Terms, share_create, share_revoke
from tests.chat.test_in_browser import ended, site  # noqa: F401  (a fixture)
from tests.training.conftest import wait_for  # this module puts the database into a file, which streams need

pytestmark = [pytest.mark.slow, pytest.mark.django_db(transaction=True)]
CHROMIUM = shutil.which("chromium")
RULES = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa"]


@pytest.fixture
def browser(monkeypatch):
    if not CHROMIUM:
        pytest.skip("chromium is not installed")
    from playwright.sync_api import sync_playwright

    monkeypatch.setenv("DJANGO_ALLOW_ASYNC_UNSAFE", "true")  # playwright's loop runs in this thread
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox", "--disable-gpu"])
        yield browser
        browser.close()


@pytest.fixture
def shared(persona, told, version, monkeypatch):
    """An open share that may quote, and its address."""
    monkeypatch.setattr(speaking, "GAP", speaking.GAP * 0)
    share, token = share_create(persona=persona, terms=Terms(may_quote=True))
    return share, reverse("shared", args=[token])


def ask(page, text):
    box = page.get_by_role("textbox", name="Your message")
    box.fill(text)
    box.press("Enter")


def test_a_visitor_talks_stops_copies_and_is_told_when_it_ends(browser, site, engine, shared, told):  # noqa: F811
    context = browser.new_context(base_url=site, permissions=["clipboard-read", "clipboard-write"])
    page, complaints = context.new_page(), []
    page.on("console", lambda message: complaints.append(message.text) if message.type == "error" else None)
    page.on("pageerror", lambda error: complaints.append(str(error)))
    page.goto(shared[1])
    ask(page, "Where are you from?")
    page.locator(".reply .words", has_text="I grew up by the sea.").wait_for()
    reply = ended(page)
    reply.get_by_role("button", name="Copy").click()
    page.get_by_role("button", name="Copied").wait_for()
    assert "AI portrait of Ada" in page.evaluate("navigator.clipboard.readText()")
    reply.get_by_text("What Ada wrote").click()
    reply.get_by_text(told[0].text).wait_for()
    engine.replies, engine.pause = [[f" word{number}" for number in range(400)]], 0.05
    ask(page, "And then?")
    page.locator(".reply[aria-busy] .words", has_text="word2 word3").wait_for()
    page.keyboard.press("Escape")
    assert ended(page).get_by_text("You stopped it here.").is_visible()
    ask(page, "And now?")
    page.locator(".reply[aria-busy] .words", has_text="word2 word3").wait_for()
    page.reload()  # the same talk, by the cookie; the reply goes on
    page.locator(".reply[aria-busy] .words", has_text="word5").wait_for()
    share_revoke(share=shared[0])
    page.locator(".reply").get_by_text("This talk is closed").wait_for()
    assert complaints == []
    wait_for(lambda: not Message.objects.exists())


def test_without_scripts_a_form_is_answered(browser, site, engine, shared):  # noqa: F811
    """The check against forged forms sees the page's own origin, whatever it tells other sites."""
    page = browser.new_context(base_url=site, java_script_enabled=False).new_page()
    page.goto(shared[1])
    page.get_by_role("textbox", name="Your message").fill("Where are you from?")
    page.get_by_role("button", name="Send").click()
    page.get_by_text("I grew up by the sea.").wait_for()
    page.get_by_role("button", name="Delete it").click()
    page.get_by_text("Ask about a place").wait_for()
    assert PersonaShare.objects.values_list("talks", "messages").get() == (1, 1)


def test_both_pages_are_accessible_and_fit(browser, site, engine, shared, visitor, persona):  # noqa: F811
    from axe_playwright_python.sync_playwright import Axe

    faults = []
    cookies = [{"name": name, "value": cookie.value, "url": site} for name, cookie in visitor.cookies.items()]
    for scheme, language, width in [
        ("light", "en", 320),
        ("dark", "ru", 320),
        ("light", "ru", 1280),
        ("dark", "en", 1280),
    ]:
        screen = {"color_scheme": scheme, "locale": language, "viewport": {"width": width, "height": 800}}
        context = browser.new_context(base_url=site, bypass_csp=True, **screen)
        page = context.new_page()
        page.goto(shared[1])
        page.locator("textarea").fill("Where are you from?")
        page.locator("textarea").press("Enter")
        ended(page).locator("details summary").click()
        page.locator(".portrait summary").click()
        faults += found(Axe(), page, (scheme, language, width, "visitor"))
        context.add_cookies(cookies)
        page.goto(reverse("sharing", args=[persona.pk]))
        faults += found(Axe(), page, (scheme, language, width, "owner"))
        context.close()
    assert faults == []


def found(axe, page, where):
    report = axe.run(page, options={"runOnly": RULES}).response
    wider = page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth")
    faults = [(where, each["id"], each["nodes"][0]["html"][:160]) for each in report["violations"]]
    return faults + ([(where, f"{wider} px wider than the screen")] if wider > 0 else [])
