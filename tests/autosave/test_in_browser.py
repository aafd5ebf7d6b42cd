"""Nothing typed is lost, in a real browser: no network, no session, two tabs, a killed page, a shared computer."""

import re
import shutil

import pytest
from django.contrib.sessions.models import Session
from django.urls import reverse

from questionnaires import services
from questionnaires.models import Answer, AnswerRevision

pytestmark = [pytest.mark.slow, pytest.mark.django_db(transaction=True)]
CHROMIUM = shutil.which("chromium")
DRAFTS = "Object.keys(localStorage).filter((key) => key.startsWith('draft/')).length"


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
def context_of(browser, live_server, visitor):
    """A browser of the owner; a second call is a second device."""

    def make(**options):
        context = browser.new_context(base_url=live_server.url, **options)
        context.add_cookies(
            [{"name": name, "value": cookie.value, "url": live_server.url} for name, cookie in visitor.cookies.items()]
        )
        return context

    return make


@pytest.fixture
def asked(persona):
    return services.question_create(persona=persona, text="What do you count?")


@pytest.fixture
def address(persona, asked):
    return reverse("question", args=[persona.pk, asked.slug])


def open_page(context, address):
    page = context.new_page()
    page.goto(address)
    return page


def write(page, text):
    page.locator("textarea[name=text]").fill(text)


def saved(page):
    page.get_by_text(re.compile(r"Saved \d")).wait_for()


def assert_accessible(page):
    """Light and dark, at a desk and on a phone."""
    from axe_playwright_python.sync_playwright import Axe

    for scheme, width in (("light", 1280), ("dark", 320)):
        page.emulate_media(color_scheme=scheme)
        page.set_viewport_size({"width": width, "height": 800})
        found = Axe().run(page, options={"runOnly": ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa"]})
        assert [violation["id"] for violation in found.response["violations"]] == []
        assert page.evaluate("document.documentElement.scrollWidth <= document.documentElement.clientWidth")


def test_without_a_network_the_text_waits_and_goes_when_it_is_back(context_of, address):
    context = context_of()
    page = open_page(context, address)
    context.set_offline(True)
    write(page, "Cars on the ramp.")
    page.get_by_text("Offline, kept on this device").wait_for()
    assert page.evaluate(DRAFTS) == 1
    context.set_offline(False)
    saved(page)
    assert page.evaluate(DRAFTS) == 0
    assert Answer.objects.get().text == "Cars on the ramp."


def test_two_devices_get_both_texts_and_a_merge(context_of, address):
    laptop, phone = open_page(context_of(), address), open_page(context_of(bypass_csp=True), address)
    write(laptop, "Cars on the ramp, at night, and trams.")
    saved(laptop)
    phone.reload()
    write(laptop, "Red cars on the ramp, at night, and trams.")
    saved(laptop)
    write(phone, "Cars on the ramp, at night, and trams. And boats.")
    phone.get_by_role("heading", name="This answer was changed elsewhere").wait_for()
    assert phone.locator("[data-part=theirs] mark").all_inner_texts() == ["Red cars"]
    assert_accessible(phone)
    phone.get_by_role("button", name="Take both changes").click()
    saved(phone)
    assert Answer.objects.get().text == "Red cars on the ramp, at night, and trams. And boats."
    assert AnswerRevision.objects.get(conflict=True).text.endswith("And boats.")


def test_another_tab_of_the_same_browser_follows(context_of, address):
    context = context_of()
    first, second = open_page(context, address), open_page(context, address)
    write(first, "One text.")
    saved(first)
    second.wait_for_function("() => document.querySelector('textarea').value === 'One text.'")
    write(second, "One text, two tabs.")
    saved(second)
    assert not AnswerRevision.objects.filter(conflict=True).exists()


def test_after_the_session_ended_the_text_waits_for_the_log_in(context_of, address, client_of, owner, live_server):
    context = context_of()
    page = open_page(context, address)
    Session.objects.all().delete()
    write(page, "Typed too late.")
    page.get_by_role("link", name="How to get in").wait_for()
    page.reload()  # shows the locked page
    page.get_by_text("A text waits on this device").wait_for()
    assert not Answer.objects.exists()
    cookies = client_of(owner).cookies.items()
    context.add_cookies([{"name": name, "value": each.value, "url": live_server.url} for name, each in cookies])
    page.goto(address)
    saved(page)
    assert page.locator("textarea[name=text]").input_value() == "Typed too late."
    assert Answer.objects.get().text == "Typed too late."


def test_the_draft_of_a_killed_page_is_sent_from_another_room(context_of, address, persona):
    context = context_of()
    context.route("**/answers/**", lambda route: route.abort())
    page = open_page(context, address)
    write(page, "Never sent.")
    page.get_by_text("Offline, kept on this device").wait_for()
    page.close(run_before_unload=False)
    context.unroute("**/answers/**")
    other = open_page(context, reverse("questionnaires", args=[persona.pk]))
    other.wait_for_function(f"() => {DRAFTS} === 0")
    assert Answer.objects.get().text == "Never sent."


def test_a_shared_computer_keeps_no_drafts(context_of, address):
    context = context_of()
    page = open_page(context, address)
    context.set_offline(True)
    write(page, "For my eyes.")
    page.get_by_text("Offline, kept on this device").wait_for()
    page.get_by_label("Shared computer").check()
    assert page.evaluate(DRAFTS) == 0
    write(page, "For my eyes alone.")
    page.get_by_text("no draft is kept on this device").wait_for()
    assert page.evaluate(DRAFTS) == 0
    context.set_offline(False)
    saved(page)
    page.reload()
    assert page.get_by_label("Shared computer").is_checked()


def test_without_scripts_a_conflict_shows_both_texts_and_the_field_holds_a_merge(context_of, address):
    page, other = (open_page(context_of(java_script_enabled=False), address) for _device in range(2))
    write(other, "One and two and three.")
    other.get_by_role("button", name="Next").click()
    write(page, "Something else.")
    page.get_by_role("button", name="Next").click()
    assert page.get_by_role("heading", name="This answer was changed elsewhere").is_visible()
    field = page.locator("textarea[name=text]")
    assert field.input_value() == "One and two and three.\n\nSomething else."
    field.fill("One, two, three and something else.")
    page.get_by_role("button", name="Next").click()
    assert Answer.objects.get().text == "One, two, three and something else."
