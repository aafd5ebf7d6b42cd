"""Each page in light and dark, English and Russian, desk and phone: axe finds nothing, nothing overflows."""

import pytest

pytestmark = pytest.mark.slow

LOOKS = [
    (scheme, language, width) for scheme in ("light", "dark") for language in ("en", "ru") for width in (320, 1280)
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
        "/locked/",
        "/nowhere/",
        *(demo + room for room in ("write/", "write/find/?q=tea", "data/", "data/map/", "train/", "chat/")),
        demo + "write/who-i-am-introduction/history/",
    ]
    own = page.get_by_role("link", name="Write", exact=True)
    if own.count():
        base = own.first.get_attribute("href").removesuffix("write/")
        addresses += [base + room for room in ("write/", "write/new/", "data/", "train/", "chat/", "delete/")]
    yield context.storage_state(), site.link.split("/open/")[0], addresses
    context.close()


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
