"""The files that describe providers."""

from datetime import date

from training.providers.presets import presets


def test_every_preset_can_be_read_and_is_whole():
    for preset in presets().values():
        assert preset.title
        assert preset.prices_of >= date(2026, 1, 1)
        assert set(preset.formats) <= {"chat", "marker"}
        assert preset.style in {"method", "hyperparameters"}
        assert all(notice.en and notice.ru for notice in preset.notices)
        assert not preset.deployment or set(preset.deployment_note) == {"en", "ru"}


def test_openai_says_when_it_ends():
    openai = presets()["openai"]
    assert max(notice.date for notice in openai.notices) == date(2027, 1, 6)
    assert openai.offer("gpt-4.1-mini-2025-04-14").shutdown == date(2027, 1, 14)
    assert openai.offer("gpt-9") is None
