"""Accounts in a real browser, under the real content policy: a passkey of a virtual key, and how the pages look."""

import os
from urllib.parse import urlsplit

import pytest
from django.urls import reverse

from accounts.invitations import invitation_create
from tests.accounts.conftest import PASSWORD
from tests.training.test_in_browser import page, violations

pytestmark = [pytest.mark.slow, pytest.mark.django_db(transaction=True)]
__all__ = ["page"]


@pytest.fixture
def named(page, live_server):
    """The site under the name localhost, as no passkey belongs to a number. Nobody is logged in."""
    page.context.clear_cookies()
    return f"http://localhost:{urlsplit(live_server.url).port}"


def key_plugged_in(page):
    """A key that checks its user and keeps passkeys, as Chromium's DevTools pretend it."""
    session = page.context.new_cdp_session(page)
    session.send("WebAuthn.enable")
    options = {"protocol": "ctap2", "transport": "internal", "hasResidentKey": True, "hasUserVerification": True}
    options |= {"isUserVerified": True, "automaticPresenceSimulation": True}
    session.send("WebAuthn.addVirtualAuthenticator", {"options": options})


def fill_log_in(page, named):
    page.goto(named + "/accounts/login/")
    page.get_by_label("E-mail address").fill("mira@example.org")
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_role("button", name="Log in", exact=True).click()


def test_a_passkey_is_made_and_logs_in_by_itself(page, named, member):
    key_plugged_in(page)
    fill_log_in(page, named)
    page.goto(named + reverse("account"))
    assert violations(page) == []
    page.get_by_role("link", name="Add a passkey").click()
    page.get_by_label("Password").fill(PASSWORD)  # is it you?
    page.get_by_role("button", name="Go on").click()
    assert violations(page) == []
    page.get_by_label("A name for it").fill("My laptop")
    page.get_by_role("button", name="Make the passkey").click()
    page.get_by_role("heading", name="Recovery codes").wait_for()
    page.goto(named + reverse("mfa_list_webauthn"))
    assert page.get_by_role("heading", name="My laptop").is_visible()
    page.context.clear_cookies()
    page.goto(named + "/accounts/login/?next=/account/")
    assert violations(page) == []
    page.get_by_role("button", name="Log in with a passkey").click()
    page.get_by_role("heading", name="Your account").wait_for()
    assert page.get_by_text("1 passkey").is_visible()


def pages(token):
    yield "login", "/accounts/login/"
    yield "signup", f"/invitation/?token={token}"
    yield "reset", "/accounts/password/reset/"


def inner_pages():
    for name in ("account", "people", "usersessions_list", "mfa_index", "account_claim"):
        yield name, reverse(name)


@pytest.mark.parametrize(("width", "scheme"), [(320, "dark"), (1280, "light")])
def test_the_pages_are_in_order(page, named, member, owner, invitation_mode, width, scheme):
    page.set_viewport_size({"width": width, "height": 800})
    page.emulate_media(color_scheme=scheme)
    token = invitation_create(by=owner)[1]
    look(page, named, pages(token), f"{width}-{scheme}")
    member.is_staff = True
    member.save()
    fill_log_in(page, named)
    page.goto(named + reverse("account_reauthenticate"))
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_role("button", name="Go on").click()
    more = [("totp", reverse("mfa_activate_totp")), ("limits", reverse("limits", args=[owner.pk]))]
    look(page, named, [*inner_pages(), *more], f"{width}-{scheme}")


def look(page, named, addresses, suffix):
    for name, address in addresses:
        page.goto(named + address)
        assert violations(page) == [], name
        assert page.evaluate("document.documentElement.scrollWidth <= innerWidth"), name
        if folder := os.environ.get("PICTURES"):
            page.screenshot(path=f"{folder}/{name}-{suffix}.png", full_page=True)
