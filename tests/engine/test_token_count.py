"""Counting tokens without torch: the very numbers that the trainer and the provider come to."""

from __future__ import annotations

from pathlib import Path

import pytest

from engine.base_models import BaseModel
from engine.token_count import LocalCounter, local_counter, openai_counter
from tests.engine.job_folder import chat_row, few_rows

MARKER = {"prompt": "Q: Where were you born? ->", "completion": " In Ghent, by the canal.###"}
ROWS = [*few_rows(5), chat_row("Что ты любишь?", "Плавать в реке, в любую погоду.", "I swim."), MARKER]


def trained(folder: Path, max_tokens: int) -> list[int]:
    """What the trainer itself makes of the rows."""
    from transformers import AutoTokenizer

    from engine.data import encode

    tokenizer = AutoTokenizer.from_pretrained(folder)
    return [encode(tokenizer, row, max_tokens).length for row in ROWS]


def test_the_count_is_what_the_trainer_encodes(tiny_model: Path) -> None:
    assert LocalCounter(tiny_model, 4096).count(ROWS) == trained(tiny_model, 4096)


def test_longer_rows_count_as_far_as_they_are_read(tiny_model: Path) -> None:
    counted = LocalCounter(tiny_model, 60).count(ROWS)
    assert counted == trained(tiny_model, 60)
    assert max(counted) == 60


@pytest.mark.slow
def test_the_bundled_model_counts_its_own_tokens(real_model: BaseModel) -> None:
    counted = local_counter(real_model.folder, 1024).count(ROWS)
    assert counted == trained(real_model.folder, 1024)
    assert local_counter(real_model.folder, 1024) is local_counter(real_model.folder, 1024)


def test_openai_counts_three_tokens_a_message_and_three_an_example() -> None:
    row = chat_row("Hello there", "Hi")
    counted = openai_counter("o200k_base").count([row])
    # "You are Ada." is 4 tokens, "Hello there" 2, "Hi" 1; each role is 1.
    assert counted == [3 + 3 * 3 + 3 + 4 + 2 + 1]
    assert openai_counter("o200k_base").count([{"prompt": "Hello there", "completion": " Hi"}]) == [3]


def test_a_folder_without_a_tokenizer_is_told(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        LocalCounter(tmp_path, 100)
    (tmp_path / "tokenizer.json").write_text("{")
    with pytest.raises(ValueError, match="Expecting"):
        LocalCounter(tmp_path, 100)
    (tmp_path / "tokenizer.json").write_text("{}")
    with pytest.raises(ValueError, match="is no tokenizer"):
        LocalCounter(tmp_path, 100)


def test_a_model_without_a_chat_template_is_told(tiny_model: Path, tmp_path: Path) -> None:
    for name in ("tokenizer.json", "tokenizer_config.json"):
        (tmp_path / name).write_bytes((tiny_model / name).read_bytes())
    counter = LocalCounter(tmp_path, 100)
    assert counter.count([MARKER]) == LocalCounter(tiny_model, 100).count([MARKER])
    with pytest.raises(ValueError, match="no chat template"):
        counter.count([chat_row("Hello", "Hi")])
