"""Threads follow what other programs leave of the machine."""

import pytest

from engine.serving import free_cores
from engine.serving.free_cores import FreeCores


@pytest.mark.parametrize(("others", "own", "free"), [(0.0, 2.0, 2), (0.9, 1.0, 1), (2.0, 0.0, 1), (0.3, 1.6, 2)])
def test_only_what_others_use_is_taken_off(monkeypatch, others, own, free):
    looks = iter([(10.0, 100.0, 5.0), (11.0, 100.0 + others + own, 5.0 + own)])
    monkeypatch.setattr(FreeCores, "_look", lambda _self: next(looks))
    assert FreeCores(2).count() == free


def test_a_short_look_changes_nothing(monkeypatch):
    looks = iter([(10.0, 100.0, 5.0), (10.0 + free_cores.LEAST_SECONDS / 2, 105.0, 5.0)])
    monkeypatch.setattr(FreeCores, "_look", lambda _self: next(looks))
    assert FreeCores(4).count() == 4


def test_the_real_clocks_run():
    assert FreeCores(2).count() == 2
