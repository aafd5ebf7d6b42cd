"""Each page in light and dark, English and Russian, desk and phone: axe finds nothing, nothing overflows."""

from itertools import product

import pytest

pytestmark = pytest.mark.slow

PAIRS = {("light", "en", 320), ("dark", "ru", 320), ("light", "ru", 1280), ("dark", "en", 1280)}  # any two of a look
LOOKS = [
    pytest.param(*look, marks=() if look in PAIRS else pytest.mark.campaign)
    for look in product(("light", "dark"), ("en", "ru"), (320, 1280))
]


@pytest.fixture(scope="module")
def session(site, browser):
    """Cookies of a session, and the addresses of all pages."""
    context = browser.new_context()
    page = context.new_page()
    page.goto(site.manage("link").strip().splitlines()[-1])
    page.goto(site.link.split("/open/")[0] + "/personas/")
    demo = page.get_by_role("link", name="Read", exact=True).get_attribute("href").removesuffix("write/")
    addresses = [
        "/personas/",
        "/connections/",
        "/connections/new/openai/",
        "/programs/",
        "/health/",
        "/privacy/",
        "/privacy/trail/",
        "/privacy/delete/",
        "/locked/",
        "/nowhere/",
        *(
            demo + room
            for room in (
                "write/",
                "write/find/?q=tea",
                "data/",
                "data/take/?format=pdf",
                "data/map/",
                "train/",
                "chat/",
            )
        ),
        *(demo + part for part in ("write/who-i-am-introduction/history/", "likeness/")),
    ]
    base = own_portrait(page)
    addresses += [base + room for room in ("write/", "data/", "delete/", "questions/", "questionnaires/")]
    addresses += [base + "likeness/" + part for part in ("items/", "items/answer/?of=film", "friends/")]
    addresses.append(own_questionnaire(page, base))
    yield context.storage_state(), site.link.split("/open/")[0], addresses
    page.goto(site.link.split("/open/")[0] + base + "delete/")  # the next tests begin without a portrait
    page.get_by_role("textbox").fill("Ada")
    page.get_by_role("button", name="Delete").click()
    page.wait_for_url("**/personas/")
    context.close()


def own_portrait(page) -> str:
    """Begins a portrait with an own question in an own questionnaire; its address up to the rooms."""
    page.get_by_label("Name").fill("Ada")
    page.get_by_role("button", name="Begin").click()
    page.wait_for_url("**/write/**")
    return "/p/" + page.url.split("/p/")[1].split("write/")[0]


def own_questionnaire(page, base) -> str:
    """Makes a questionnaire of two of the bank's questions and an own one; its address."""
    page.goto(page.url.split("/p/")[0] + base + "questionnaires/new/")
    page.get_by_label("Name").fill("Sunday kitchen")
    page.get_by_label("What it is for").fill("What we ate, and who was late.")
    page.get_by_role("button", name="Choose the questions").click()
    page.get_by_text("Who I am").click()
    for box in page.get_by_role("checkbox").all()[:2]:
        box.check()
    page.get_by_label("Or a new one of your own").fill("Who was late?")
    page.get_by_role("button", name="Add them at the end").click()
    page.get_by_text("3 questions were added.").wait_for()
    return "/p/" + page.url.split("/p/")[1].split("?")[0].split("#")[0]


@pytest.mark.parametrize(("scheme", "language", "width"), LOOKS)
def test_every_page_is_accessible_and_fits(session, browser, scheme, language, width):
    from axe_playwright_python.sync_playwright import Axe

    state, base, addresses = session
    context = browser.new_context(
        storage_state=state,
        color_scheme=scheme,
        locale=language,
        viewport={"width": width, "height": 800},
        bypass_csp=True,
    )
    page = context.new_page()
    faults = []
    for address in addresses:
        page.goto(base + address)
        found = Axe().run(page, options={"runOnly": ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa"]})
        faults += [
            f"{address}: {violation['id']}: {violation['nodes'][0]['html'][:160]}"
            for violation in found.response["violations"]
        ]
        overflow = page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth")
        if overflow > 0:
            faults.append(f"{address}: {overflow} px wider than the screen")
    context.close()
    assert faults == []
