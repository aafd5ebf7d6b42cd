"""The files that describe providers."""

from datetime import date

from training.providers.presets import presets

SETTABLE = {"epochs", "batch_rows", "learning_rate", "learning_rate_multiplier", "rank", "alpha"}


def test_every_preset_can_be_read_and_is_whole():
    for preset in presets().values():
        assert preset.title
        assert preset.prices_of >= date(2026, 1, 1)
        assert set(preset.formats) <= {"chat", "marker"}
        assert preset.style in {"method", "hyperparameters"}
        assert all(notice.en and notice.ru for notice in preset.notices)
        assert not preset.deployment or set(preset.deployment_note) == {"en", "ru"}
        assert preset.base_url.startswith("https://") or preset.address_hint.startswith("https://")
        assert set(preset.hyperparameters) <= SETTABLE
        assert len(set(preset.hyperparameters.values())) == len(preset.hyperparameters)


def test_openai_says_when_it_ends():
    openai = presets()["openai"]
    assert max(notice.date for notice in openai.notices) == date(2027, 1, 6)
    assert openai.offer("gpt-4.1-mini-2025-04-14").shutdown == date(2027, 1, 14)
    assert openai.offer("gpt-9") is None


def test_the_five_kinds_are_there_and_the_last_is_any_other():
    assert list(presets()) == ["azure", "crusoe", "nebius", "openai", "other"]


def test_an_open_model_is_trained_with_an_adapter_and_not_as_a_whole():
    nebius = presets()["nebius"]
    assert nebius.defaults["lora"] is True
    assert nebius.takes("rank")
    assert not presets()["openai"].takes("rank")


def test_the_format_with_markers_goes_where_plain_completions_are_taken():
    assert {key for key, preset in presets().items() if "marker" in preset.formats} == {"nebius", "other"}


def test_no_price_is_claimed_where_none_is_known():
    for key in ("azure", "crusoe", "nebius", "other"):
        assert all(offer.train is None for offer in presets()[key].offers)
