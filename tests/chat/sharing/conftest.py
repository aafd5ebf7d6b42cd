"""Shares of Ada, and who comes by them."""

from datetime import timedelta

import pytest

from chat.sharing import speaking
from chat.sharing.shares import Terms, share_create
from tests.chat.sharing.visiting import Guest


@pytest.fixture
def make(persona, told):
    """Makes a share of Ada; the share and its token."""

    def made(**terms):
        return share_create(persona=persona, terms=Terms(**terms))

    return made


@pytest.fixture
def link(make):
    return make()


@pytest.fixture
def no_hurry(monkeypatch):
    monkeypatch.setattr(speaking, "GAP", timedelta(0))


@pytest.fixture
def guest(link, no_hurry):
    """Who has come in by the link."""
    found = Guest(link[1])
    found.come()
    return found
