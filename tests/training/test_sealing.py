"""Keys of other services at rest."""

import pytest

from training.sealing import Unreadable, seal, unseal

HERE, THERE = "https://a.example/v1", "https://b.example/v1"


def test_a_key_comes_back_for_its_own_address_only():
    sealed = seal("sk-secret", HERE)
    assert "secret" not in sealed
    assert unseal(sealed, HERE) == "sk-secret"
    with pytest.raises(Unreadable):
        unseal(sealed, THERE)


def test_a_key_sealed_under_another_secret_stays_closed(settings):
    sealed = seal("sk-secret", HERE)
    settings.SEALING_KEY = "another"
    with pytest.raises(Unreadable):
        unseal(sealed, HERE)


def test_no_key_is_no_secret():
    assert unseal(seal("", HERE), HERE) == ""
