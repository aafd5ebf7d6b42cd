"""The mail server as one address."""

import pytest

from persona_site.environment import read_environment
from persona_site.mail import NO_MAIL, mail_server, sender


def test_a_letter_to_another_machine_goes_over_tls():
    server = mail_server("smtp://ada:p%40ss@mail.example.org")
    assert (server.host, server.port, server.user, server.password) == ("mail.example.org", 587, "ada", "p@ss")
    assert (server.use_tls, server.use_ssl) == (True, False)
    server = mail_server("smtps://mail.example.org:4650")
    assert (server.port, server.use_tls, server.use_ssl) == (4650, False, True)


def test_near_and_none():
    assert not mail_server("smtp://localhost:25").use_tls
    assert mail_server("").backend == NO_MAIL


@pytest.mark.parametrize("address", ["mail.example.org", "http://mail.example.org", "smtp://"])
def test_what_is_no_address_is_said(address):
    with pytest.raises(SystemExit, match="EMAIL_URL must read"):
        mail_server(address)


def test_the_password_is_not_shown():
    assert "p@ss" not in repr(mail_server("smtp://ada:p%40ss@mail.example.org"))


def test_the_sender_is_at_the_site():
    assert sender("", "https://ada.example:8443") == "persona@ada.example"
    assert sender("ada@example.org", "https://ada.example") == "ada@example.org"


def test_verification_wants_a_mail_server(monkeypatch):
    monkeypatch.setenv("VERIFY_EMAIL", "true")
    with pytest.raises(SystemExit, match="need EMAIL_URL"):
        read_environment()
