"""Log-in, its second factors, and what keeps strangers out."""

import pytest
from allauth.mfa.models import Authenticator
from allauth.mfa.totp.internal.auth import (
    TOTP,
    format_hotp_value,
    generate_totp_secret,
    hotp_value,
    yield_hotp_counters_from_time,
)
from django.core import mail
from django.core.management import CommandError, call_command
from django.test import Client
from django.urls import reverse

from accounts.audit import AuditEvent
from tests.accounts.conftest import PASSWORD

LOGIN = "/accounts/login/"


def log_in(client, password=PASSWORD, **more):
    return client.post(LOGIN, {"login": "mira@example.org", "password": password} | more)


def is_inside(client) -> bool:
    return client.get(reverse("account")).status_code == 200


def test_address_and_password_open(member, client):
    assert log_in(client).url == "/"
    assert is_inside(client)


def test_the_session_is_a_new_one(member, client):
    client.get(reverse("set_language"))
    client.get(LOGIN)
    session = client.session
    session["planted"] = 1
    session.save()
    client.cookies["persona_8765"] = planted = session.session_key
    log_in(client)
    assert client.session.session_key != planted


@pytest.mark.parametrize(
    ("next_page", "goes_to"), [("/people/", "/people/"), ("https://evil.example/", "/"), ("//evil.example", "/")]
)
def test_it_leads_on_within_the_site_alone(member, client, next_page, goes_to):
    assert log_in(client, next=next_page).url == goes_to


def test_a_wrong_address_and_a_wrong_password_look_the_same(member, client):
    wrong = [log_in(client, "wrong words here"), client.post(LOGIN, {"login": "no@example.org", "password": PASSWORD})]
    assert wrong[0].context["form"].errors == wrong[1].context["form"].errors
    assert not is_inside(client)


def test_guessing_is_stopped_after_five_attempts_and_the_right_password_with_it(member, client):
    for _attempt in range(5):
        log_in(client, "wrong words here")
    reply = log_in(client)
    assert "Too many failed login attempts" in reply.content.decode()
    assert not is_inside(client)


def test_a_form_from_elsewhere_is_refused(member):
    assert log_in(Client(enforce_csrf_checks=True)).status_code == 403


def code_of(secret) -> str:
    return format_hotp_value(hotp_value(secret, next(yield_hotp_counters_from_time())))


@pytest.fixture
def inside(member, client):
    """Logged in, and asked again for the password, as before each change of the account."""
    log_in(client)
    client.post(reverse("account_reauthenticate"), {"password": PASSWORD})
    return client


def test_an_app_is_set_up_and_asked_for(member, inside):
    page = inside.get(reverse("mfa_activate_totp"))
    html = page.content.decode()
    assert '<svg class="qr"' in html
    assert "data:" not in html
    secret = page.context["form"].secret
    assert inside.post(reverse("mfa_activate_totp"), {"code": code_of(secret)}).url == reverse(
        "mfa_view_recovery_codes"
    )
    codes = inside.get(reverse("mfa_view_recovery_codes")).context["unused_codes"]
    assert len(codes) == 10
    stored = str([row.data for row in Authenticator.objects.all()])
    assert secret not in stored
    assert not any(code in stored for code in codes)
    by_app, by_code, again = Client(), Client(), Client()
    assert log_in(by_app).url == reverse("mfa_authenticate")
    assert not is_inside(by_app)
    log_in(by_code)
    by_code.post(reverse("mfa_authenticate"), {"code": codes[0]})
    assert is_inside(by_code)
    log_in(again)
    assert again.post(reverse("mfa_authenticate"), {"code": codes[0]}).status_code == 200  # spent
    assert not is_inside(again)


def test_the_code_of_the_app_opens(member, client):
    secret = generate_totp_secret()
    TOTP.activate(member, secret)
    log_in(client)
    assert client.post(reverse("mfa_authenticate"), {"code": "000000"}).status_code == 200
    client.post(reverse("mfa_authenticate"), {"code": code_of(secret)})
    assert is_inside(client)


def test_a_second_factor_is_changed_by_who_has_just_logged_in_alone(member, client_of):
    reply = client_of(member).get(reverse("mfa_activate_totp"))
    assert reply.url.startswith(reverse("account_reauthenticate"))


def test_a_new_password_puts_other_browsers_out(member, inside, client_of):
    other = client_of(member)
    form = {"oldpassword": PASSWORD, "password1": "nine dry umbrellas", "password2": "nine dry umbrellas"}
    assert inside.post(reverse("account_change_password"), form).status_code == 302
    assert is_inside(inside)
    assert not is_inside(other)


def test_a_forgotten_password_by_letter(member, client, settings):
    settings.HAS_MAIL = True
    pages = [
        client.post(reverse("account_reset_password"), {"email": f"{who}@example.org"}).url for who in ("mira", "no")
    ]
    assert pages == [reverse("account_reset_password_done")] * 2  # whether an address is known cannot be seen
    link = next(word for word in mail.outbox[0].body.split() if "/reset/key/" in word)
    set_password(client, link)


def set_password(client, link):
    page = client.get(link.split("testserver")[-1].split(":8765")[-1])
    form = {"password1": "nine dry umbrellas", "password2": "nine dry umbrellas"}
    assert client.post(page.url, form).status_code == 302
    log_in(client, "nine dry umbrellas")
    assert is_inside(client)
    assert (
        "opens nothing" in Client().get(link.split("testserver")[-1].split(":8765")[-1], follow=True).content.decode()
    )


def test_without_a_mail_server_the_terminal_prints_the_link(member, client, capsys):
    assert "password_link" in client.get(reverse("account_reset_password")).content.decode()
    call_command("password_link", "Mira@example.org")
    set_password(client, capsys.readouterr().out.strip())


def test_without_a_mail_server_the_terminal_changes_the_address(member, client):
    call_command("change_address", "mira@example.org", "Mira@elsewhere.example")
    client.post(LOGIN, {"login": "mira@elsewhere.example", "password": PASSWORD})
    assert is_inside(client)
    with pytest.raises(CommandError, match="No account has"):
        call_command("change_address", "mira@example.org", "x@example.org")
    with pytest.raises(CommandError, match="has an account already"):
        call_command("change_address", "mira@elsewhere.example", "mira@elsewhere.example")


def test_what_changes_about_an_account_stands_in_the_trail(member, inside, django_capture_on_commit_callbacks):
    page = inside.get(reverse("mfa_activate_totp"))
    with django_capture_on_commit_callbacks(execute=True):
        inside.post(reverse("mfa_activate_totp"), {"code": code_of(page.context["form"].secret)})
    inside.post(reverse("mfa_deactivate_totp"))
    acts = set(AuditEvent.objects.filter(subject=member).values_list("action", flat=True))
    assert {"second-factor-added", "second-factor-removed"} <= acts


def test_too_many_sign_ups_from_one_place_wait(open_mode, db, client):
    codes = [client.post("/accounts/signup/", {}).status_code for _try in range(21)]
    assert codes[:20] == [200] * 20
    assert codes[20] == 429


def test_no_link_for_nobody(db):
    with pytest.raises(CommandError, match="No open account"):
        call_command("password_link", "no@example.org")


@pytest.mark.parametrize(
    "name", ["account_login", "account_signup", "account_reset_password", "account_inactive", "locked"]
)
def test_the_doors_are_pages_of_the_book(name, member, client):
    html = client.get(reverse(name)).content.decode()
    assert "css/book.css" in html


@pytest.mark.parametrize(
    "name",
    [
        "account",
        "account_claim",
        "account_email",
        "mfa_index",
        "mfa_list_webauthn",
        "usersessions_list",
        "people",
        "account_change_password",
    ],
)
def test_nobody_sees_what_is_inside(name, db, client):
    reply = client.get(reverse(name))
    assert reply.status_code == 302
    assert reply.url.startswith((reverse("locked"), reverse("account_login")))
